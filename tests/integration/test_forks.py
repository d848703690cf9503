"""Beginning again with other data or on another version: which way it goes, and what is refused."""

from __future__ import annotations

from typing import Any

from tests.support.product import Api, a_document, a_node, published

ENDED = ("succeeded", "failed", "cancelled")
NAME = {"id": "name", "title": "Name", "kind": "text", "required": True}
AGE = {"id": "age", "title": "Age", "kind": "number"}
CITY = {"id": "city", "title": "City", "kind": "text", "required": True}


def started(api: Api, workflow: dict[str, Any], **values: Any) -> str:
    run_id = str(
        api("POST", f"/workflows/{workflow['id']}/runs", {"input": values, "trigger": "start"})["id"]
    )
    api.run_until(run_id, *ENDED)
    return run_id


def begun_again(api: Api, run_id: str, **wanted: Any) -> dict[str, Any]:
    """The new run, at its end."""
    body = {"from" if name == "again_from" else name: value for name, value in wanted.items()}
    return api.run_until(api("POST", f"/runs/{run_id}/replay", body)["id"], *ENDED)


def test_another_choice_leads_another_way(api: Api) -> None:
    is_known = {"id": "known", "title": "Known", "when": "{{ trigger.name == 'Mira' }}"}
    nodes = [
        a_node("start", "manual_trigger", {"fields": [NAME]}),
        a_node("who", "condition", {"branches": [is_known]}),
        a_node("greet", "reply", {"data": "Hello again"}),
        a_node("ask", "reply", {"data": "Who are you?"}),
    ]
    workflow = published(api, "Greets", a_document(nodes, "start>who, who.known>greet, who.otherwise>ask"))
    run_id = started(api, workflow, name="Mira")

    refusal = api("POST", f"/runs/{run_id}/replay", {"from": "ask"}, expect=422)
    again = begun_again(api, run_id, again_from="ask", data={"who": {"branch": "otherwise"}})

    assert (refusal["code"], refusal["details"]) == ("fork_impossible", {"path": "ask"})
    assert (again["status"], again["result"]) == ("succeeded", "Who are you?")
    assert {path: step["status"] for path, step in api.steps(again["id"]).items()} == {
        "start": "succeeded",
        "who": "succeeded",
        "greet": "skipped",
        "ask": "succeeded",
    }


def test_a_failure_that_is_given_data_leads_on_as_a_success(api: Api) -> None:
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("look", "set_values", {"values": [{"id": "n", "value": "{{ 1 / 0 }}"}]}),
        a_node("tell", "reply", {"data": "{{ steps.look.n }}"}),
        a_node("sorry", "reply", {"data": "Sorry"}),
    ]
    graph = a_document(nodes, "start>look, look>tell, look.error>sorry")
    run_id = started(api, published(api, "Fails and says so", graph))

    again = begun_again(api, run_id, again_from="tell", data={"look": {"n": 7}})

    assert (again["result"], again["handled_errors"]) == (7, 0)


def with_form(
    *fields: dict[str, Any], disabled: bool = False, kind: str = "manual_trigger"
) -> dict[str, Any]:
    config = {"fields": list(fields)} if fields else {}
    trigger = a_node("start", kind, config, settings={"disabled": disabled})
    other = a_node("other", "manual_trigger" if kind != "manual_trigger" else "webhook_trigger")
    return a_document(
        [trigger, other, a_node("tell", "reply", {"data": "{{ trigger }}"})], "start>tell, other>tell"
    )


def test_a_replay_on_another_version_gives_what_that_one_asks_for(api: Api) -> None:
    workflow = published(api, "Asks for less", with_form(NAME, AGE))
    run_id = started(api, workflow, name="Mira", age=40)

    def on_draft(graph: dict[str, Any]) -> dict[str, Any]:
        revision = api("GET", f"/workflows/{workflow['id']}")["revision"]
        api("PUT", f"/workflows/{workflow['id']}/draft", {"graph": graph, "revision": revision})
        answer = api.http.post(f"/api/v1/runs/{run_id}/replay", json={"version": "draft"})
        return dict(answer.json())

    assert api.run_until(on_draft(with_form(NAME))["id"], *ENDED)["result"] == {"name": "Mira"}
    refused = on_draft(with_form(NAME, CITY))
    assert (refused["code"], refused["details"]["fields"][0]["field"]) == ("invalid_input", "city")
    switched_off, replaced = (
        on_draft(with_form(NAME, disabled=True)),
        on_draft(with_form(kind="webhook_trigger")),
    )
    assert (switched_off["code"], replaced["code"]) == ("fork_impossible", "fork_impossible")
    assert "switched off" in switched_off["message"]
    assert "webhook_trigger" in replaced["message"]


def test_a_replay_reads_the_constants_as_they_are_now_and_a_retry_those_of_its_run(api: Api) -> None:
    def graph(constant: str) -> dict[str, Any]:
        values = [{"id": "n", "value": f"{{{{ vars.{constant} }}}}"}, {"id": "fails", "value": "{{ 1 / 0 }}"}]
        nodes = [a_node("start", "manual_trigger"), a_node("look", "set_values", {"values": values[:1]})]
        nodes += [a_node("tell", "reply", {"data": "{{ steps.look.n }}"})]
        nodes += [a_node("break", "set_values", {"values": values[1:]})]
        return a_document(nodes, "start>look, look>tell, tell>break")

    before = api("GET", "/vars")
    api("PUT", "/vars", {**before, "fee": 3})
    workflow = published(api, "Reads a constant", graph("fee"))
    run_id = started(api, workflow)
    api("PUT", "/vars", {**before, "fee": 4, "later": 5})
    draft = api("GET", f"/workflows/{workflow['id']}")
    body = {"graph": graph("later"), "revision": draft["revision"]}
    api("PUT", f"/workflows/{workflow['id']}/draft", body)

    retried = api.run_until(api("POST", f"/runs/{run_id}/retry")["id"], *ENDED)
    replayed = begun_again(api, run_id)
    forked = begun_again(api, run_id, again_from="look", version="draft")
    api("PUT", "/vars", before)

    assert [run["result"] for run in (retried, replayed, forked)] == [3, 4, 5]
