"""What operators do with runs: retry, replay, fork, pause, resume, and settling for the record."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import Api, Example, a_document, a_node, eventually, published

CONTACT = {"email": "{{ trigger.email }}", "name": "Nia"}
FIELDS = [{"id": "email", "title": "E-mail", "kind": "text", "required": True}]


@pytest.fixture(scope="module")
def contacts(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """A CRM of this module alone, whose calls take a second."""
    with slow_crm(api, tmp_path_factory.mktemp("contacts"), "contacts") as server:
        yield server


@contextmanager
def slow_crm(api: Api, folder: Path, slug: str) -> Iterator[Example]:
    server = Example("crm_server", folder, delay_ms=1000)
    body = {"slug": slug, "transport": "http", "url": f"{server.url}/mcp", "enable": "all"}
    registered = api("POST", "/mcp-servers", body)
    assert api("POST", f"/mcp-servers/{registered['id']}/refresh")["status"] == "ok"
    yield server
    api("DELETE", f"/mcp-servers/{registered['id']}", expect=204)
    server.process.kill()


def a_graph(number: str = "{{ int(steps.contact.name) }}") -> dict[str, Any]:
    """A contact is made; then a step fails unless its name is a number."""
    return a_document(
        [
            a_node("start", "manual_trigger", {"fields": FIELDS}),
            a_node(
                "contact", "mcp_tool", {"server": "contacts", "tool": "create_contact", "arguments": CONTACT}
            ),
            a_node("count", "set_values", {"values": [{"id": "n", "value": number}]}),
            a_node("tell", "reply", {"data": "{{ steps.count.n }}"}),
        ],
        "start>contact, contact>count, count>tell",
    )


def start(api: Api, workflow: dict[str, Any], email: str) -> str:
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"email": email}})
    return str(run["id"])


def failed_run(api: Api, email: str) -> tuple[dict[str, Any], str]:
    workflow = published(api, f"Count {email}", a_graph())
    run_id = start(api, workflow, email)
    assert api.run_until(run_id, "failed", "succeeded")["status"] == "failed"
    return workflow, run_id


def test_a_retry_goes_on_where_the_run_failed_and_calls_nothing_again(api: Api, contacts: Example) -> None:
    _, run_id = failed_run(api, "retry@example.com")
    before = len(contacts.rows("SELECT * FROM calls"))

    again = api("POST", f"/runs/{run_id}/retry")
    ended = api.run_until(again["id"], "failed", "succeeded")

    assert (ended["retry_of"], ended["error"]["node"]) == (run_id, "count")
    steps = api.steps(again["id"])
    assert steps["contact"]["taken_from"] == run_id
    assert steps["count"]["taken_from"] is None
    assert len(contacts.rows("SELECT * FROM calls")) == before


def test_a_fork_with_other_data_executes_only_what_follows(api: Api, contacts: Example) -> None:
    _, run_id = failed_run(api, "fork@example.com")
    before = len(contacts.rows("SELECT * FROM calls"))
    name = api.steps(run_id)["contact"]["output"] | {"name": "7"}

    again = api("POST", f"/runs/{run_id}/replay", {"from": "count", "data": {"contact": name}})
    ended = api.run_until(again["id"], "failed", "succeeded")

    assert (ended["status"], ended["result"], ended["replay_of"]) == ("succeeded", 7, run_id)
    assert len(contacts.rows("SELECT * FROM calls")) == before


def test_a_fork_on_the_mended_draft_takes_over_what_fits(api: Api, contacts: Example) -> None:
    workflow, run_id = failed_run(api, "draft@example.com")
    api(
        "PUT",
        f"/workflows/{workflow['id']}/draft",
        {"graph": a_graph("{{ 5 }}"), "revision": workflow["revision"]},
    )

    again = api("POST", f"/runs/{run_id}/replay", {"from": "count", "version": "draft"})

    assert api.run_until(again["id"], "failed", "succeeded")["result"] == 5
    assert api.steps(again["id"])["contact"]["taken_from"] == run_id


def test_a_replay_from_the_start_calls_again_under_a_key_of_its_own(api: Api, contacts: Example) -> None:
    _, run_id = failed_run(api, "replay@example.com")
    before = len(contacts.rows("SELECT * FROM calls"))

    again = api("POST", f"/runs/{run_id}/replay", {})

    assert api.run_until(again["id"], "failed", "succeeded")["input"] == {"email": "replay@example.com"}
    added = contacts.rows("SELECT * FROM calls")[before - 1 :]
    assert len({call["key"] for call in added}) == 2


def test_the_same_key_makes_one_retry(api: Api, contacts: Example) -> None:
    _, run_id = failed_run(api, "once@example.com")
    headers = {"Idempotency-Key": "again-1"}

    first = api("POST", f"/runs/{run_id}/retry", headers=headers)
    second = api("POST", f"/runs/{run_id}/retry", headers=headers)

    assert first["id"] == second["id"]


def cancelled(api: Api, run_id: str) -> None:
    """Its end, once it waits for a person."""
    api.run_until(run_id, "waiting")
    api("POST", f"/runs/{run_id}/cancel")
    api.run_until(run_id, "cancelled")


def test_a_run_is_not_tried_again_beside_its_last_try(api: Api) -> None:
    ask = {"title": "Go on?", "choices": [{"id": "yes", "title": "Yes"}]}
    nodes = [a_node("start", "manual_trigger"), a_node("ask", "human_handoff", ask)]
    workflow = published(api, "Asks whoever tries again", a_document(nodes, "start>ask"))
    run_id = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]
    cancelled(api, run_id)

    with ThreadPoolExecutor(4) as people:
        asked = [people.submit(api.http.post, f"/api/v1/runs/{run_id}/retry") for _ in range(4)]
    answers = [answer.result() for answer in asked]

    [made] = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(refused) == 3
    assert {(body["code"], body["details"]["run_id"]) for body in refused} == {
        ("not_allowed_now", made["id"])
    }
    assert api("GET", f"/runs/{run_id}")["retried_by"] == made["id"]

    cancelled(api, made["id"])
    last = api("POST", f"/runs/{run_id}/retry")
    assert last["retry_of"] == made["id"]
    api.run_until(last["id"], "waiting")
    [item] = [row for row in api("GET", "/inbox")["items"] if row["run"] == last["id"]]
    api("POST", f"/inbox/{item['id']}/answer", {"choice": "yes"})
    api.run_until(last["id"], "succeeded")
    told = api("POST", f"/runs/{made['id']}/retry", expect=409)
    assert (told["details"]["run_id"], "succeeded" in told["message"]) == (last["id"], True)


def test_what_cannot_be_done_is_refused_with_the_reason(api: Api, contacts: Example) -> None:
    workflow, run_id = failed_run(api, "refused@example.com")

    nowhere = api("POST", f"/runs/{run_id}/replay", {"from": "nowhere"}, expect=422)
    edited = api("POST", f"/runs/{run_id}/replay", {"from": "count", "data": {"tell": {}}}, expect=422)
    unknown = api("POST", f"/runs/{run_id}/replay", {"version": 9}, expect=422)

    assert (nowhere["code"], edited["code"], unknown["code"]) == (
        "fork_impossible",
        "fork_impossible",
        "invalid_request",
    )
    going = start(api, workflow, "going@example.com")
    assert api("POST", f"/runs/{going}/retry", expect=409)["code"] == "not_allowed_now"


def test_a_paused_run_finishes_its_call_and_starts_nothing_until_it_is_resumed(
    api: Api, contacts: Example
) -> None:
    workflow = published(api, "Pause", a_graph("{{ 1 }}"))
    before = len(contacts.rows("SELECT * FROM calls"))
    run_id = start(api, workflow, "pause@example.com")
    eventually(lambda: len(contacts.rows("SELECT * FROM calls")) > before, what="the call")

    api("POST", f"/runs/{run_id}/pause")
    api.run_until(run_id, "paused")

    steps = api.steps(run_id)
    assert steps["contact"]["status"] == "succeeded"
    assert "count" not in steps
    api("POST", f"/runs/{run_id}/resume")
    assert api.run_until(run_id, "succeeded", "failed")["result"] == 1
    types = [event["type"] for event in api("GET", f"/runs/{run_id}/events")["items"]]
    assert [kind for kind in types if kind in {"run.paused", "run.resumed"}] == ["run.paused", "run.resumed"]
    assert api("POST", f"/runs/{run_id}/resume", expect=409)["code"] == "not_allowed_now"
    assert api("POST", f"/runs/{run_id}/pause", expect=409)["code"] == "already_ended"


def a_question() -> dict[str, Any]:
    choices = [{"id": "yes", "title": "Yes"}]
    return a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("ask", "human_handoff", {"title": "Go on?", "choices": choices}),
            a_node("tell", "reply", {"text": "{{ steps.ask.choice }}"}),
        ],
        "start>ask, ask.yes>tell",
    )


def test_an_answer_to_a_paused_run_counts_when_it_is_resumed(api: Api) -> None:
    workflow = published(api, "Paused question", a_question())
    run_id = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]
    api.run_until(run_id, "waiting")
    api("POST", f"/runs/{run_id}/pause")
    api.run_until(run_id, "paused")

    item = next(row for row in api("GET", "/inbox")["items"] if row["run"] == run_id)
    api("POST", f"/inbox/{item['id']}/answer", {"choice": "yes"})
    assert api("GET", f"/runs/{run_id}")["status"] == "paused"

    api("POST", f"/runs/{run_id}/resume")
    assert api.run_until(run_id, "succeeded", "failed")["result"] == {"text": "yes"}


def with_a_lost_call(api: Api, subject: str, server: str = "contacts") -> str:
    """A run whose call must not happen twice, and was not waited for until its answer came."""
    call = {
        "server": server,
        "tool": "create_ticket",
        "arguments": {"email": "nia@example.com", "subject": subject},
    }
    ticket = a_node("ticket", "mcp_tool", call, title="Open a ticket", settings={"timeout_s": 0.3})
    workflow = published(
        api, subject, a_document([a_node("start", "manual_trigger"), ticket], "start>ticket")
    )
    run_id = str(api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"])
    api.run_until(run_id, "needs_attention")
    return run_id


def test_what_was_said_of_a_call_is_told_until_a_paused_run_goes_on_with_it(
    api: Api, contacts: Example
) -> None:
    run_id = with_a_lost_call(api, "Told meanwhile")
    assert api.steps(run_id)["ticket"]["waiting_for"]["settled"] is None
    api("POST", f"/runs/{run_id}/pause")
    api.run_until(run_id, "paused")

    output = {"ticket_id": "T-1", "status": "open"}
    api("POST", f"/runs/{run_id}/steps/ticket/settle", {"outcome": "happened", "output": output})

    told = api.steps(run_id)["ticket"]["waiting_for"]["settled"]
    assert (told["outcome"], told["by"]) == ("happened", "admin@demo.example")
    api("POST", f"/runs/{run_id}/resume")
    api.run_until(run_id, "succeeded")
    assert api.steps(run_id)["ticket"]["waiting_for"] is None


TICKET_CALLS = "SELECT * FROM calls WHERE tool = 'create_ticket' ORDER BY at"
UNKNOWN_CALL = {
    "path": "ticket",
    "node": "ticket",
    "title": "Open a ticket",
    "server": "contacts",
    "tool": "create_ticket",
}


def test_a_retry_tells_of_the_calls_that_it_makes_again_although_they_may_have_happened(
    api: Api, contacts: Example
) -> None:
    run_id = with_a_lost_call(api, "Given up")
    told = [{"run_id": run_id, **UNKNOWN_CALL}]
    assert api("GET", f"/runs/{run_id}")["unknown_calls"] == []
    api("POST", f"/runs/{run_id}/steps/ticket/settle", {"outcome": "give_up"})
    assert api.run_until(run_id, "failed")["unknown_calls"] == told
    before = contacts.rows(TICKET_CALLS)

    again = api("POST", f"/runs/{run_id}/retry")
    assert again["unknown_calls"] == told
    api.run_until(again["id"], "needs_attention")
    made = contacts.rows(TICKET_CALLS)
    # With the key of the first one, so that a server which tells repetitions apart does it once.
    assert (len(made), made[-1]["key"]) == (len(before) + 1, before[-1]["key"])
    output = {"ticket_id": "T-1", "status": "open"}
    api("POST", f"/runs/{again['id']}/steps/ticket/settle", {"outcome": "happened", "output": output})
    assert api.run_until(again["id"], "succeeded")["unknown_calls"] == []
    entries = api("GET", "/audit")["items"]
    assert next(row for row in entries if row["verb"] == "run.retry")["details"]["repeated"] == ["ticket"]


@pytest.mark.parametrize(("outcome", "told"), [("did_not", []), ("give_up", [UNKNOWN_CALL])])
def test_what_is_said_of_a_call_after_the_end_of_its_run_counts_for_a_retry(
    api: Api, contacts: Example, outcome: str, told: list[dict[str, str]]
) -> None:
    run_id = with_a_lost_call(api, f"Said later: {outcome}")
    api("POST", f"/runs/{run_id}/cancel")
    api.run_until(run_id, "cancelled")
    assert api("POST", f"/runs/{run_id}/retry", expect=422)["code"] == "fork_impossible"

    api("POST", f"/runs/{run_id}/steps/ticket/settle", {"outcome": outcome})

    assert api("GET", f"/runs/{run_id}")["unknown_calls"] == [{"run_id": run_id, **call} for call in told]


def test_a_call_is_settled_once_for_a_key_and_with_what_its_tool_can_give(
    api: Api, contacts: Example
) -> None:
    run_id = with_a_lost_call(api, "Settled twice")
    path = f"/runs/{run_id}/steps/ticket/settle"

    wrong = api("POST", path, {"outcome": "happened", "output": {"ticket_id": 7}}, expect=422)
    assert (wrong["code"], wrong["details"]["fields"][0]["field"]) == ("invalid_output", "ticket_id")

    said = {"outcome": "happened", "output": {"ticket_id": "T-3"}}
    headers = {"Idempotency-Key": "settled-1"}
    assert {api("POST", path, said, headers=headers)["id"] for _ in range(2)} == {run_id}
    assert api("POST", path, said, expect=409)["code"] == "not_allowed_now"
    assert api("POST", path, {"outcome": "give_up"}, headers=headers, expect=409)["code"] == (
        "idempotency_mismatch"
    )
    assert api.run_until(run_id, "succeeded", "failed")["status"] == "succeeded"


def test_what_was_said_of_a_call_stands_although_the_run_is_cancelled_before_it_goes_on(
    api: Api, tmp_path: Path
) -> None:
    output = {"ticket_id": "T-9", "status": "open"}
    # A server of its own: one that is not waited for too often is given a rest.
    with slow_crm(api, tmp_path, "settled_contacts") as crm:
        run_id = with_a_lost_call(api, "Said, then cancelled", "settled_contacts")
        api("POST", f"/runs/{run_id}/pause")
        api.run_until(run_id, "paused")
        api("POST", f"/runs/{run_id}/steps/ticket/settle", {"outcome": "happened", "output": output})

        api("POST", f"/runs/{run_id}/cancel")

        assert api.run_until(run_id, "cancelled", "succeeded")["status"] == "cancelled"
        told = [event["type"] for event in api("GET", f"/runs/{run_id}/events")["items"]]
        assert "step.settled" in told
        again = api("POST", f"/runs/{run_id}/retry")
        api.run_until(again["id"], "succeeded")
        assert api.steps(again["id"])["ticket"]["output"] == output
        assert len(crm.rows(TICKET_CALLS)) == 1


def test_a_paused_run_can_be_cancelled(api: Api) -> None:
    workflow = published(api, "Paused and cancelled", a_question())
    run_id = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]
    api.run_until(run_id, "waiting")
    api("POST", f"/runs/{run_id}/pause")
    api.run_until(run_id, "paused")

    api("POST", f"/runs/{run_id}/cancel")

    assert api.run_until(run_id, "cancelled")["status"] == "cancelled"


def test_a_reply_stands_in_every_run_that_follows_another(api: Api) -> None:
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("first", "reply", {"data": "first"}),
        a_node("mid", "set_values", {"values": [{"id": "n", "value": "{{ 1 / 0 }}"}]}),
        a_node("late", "reply", {"data": "second"}),
    ]
    graph = a_document(nodes, "start>first, first>mid, mid>late, mid.error>late")
    workflow = published(api, "Replies twice", graph)
    run = api.run_until(
        api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"], "succeeded", "failed"
    )
    for _ in range(3):
        again = api("POST", f"/runs/{run['id']}/replay", {"from": "mid"})
        run = api.run_until(again["id"], "succeeded", "failed")
        assert (run["status"], run["result"]) == ("succeeded", "first")
        assert api.steps(run["id"])["late"]["output"]["sent"] is False


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"from": "first/"}, "fork_impossible"),
        ({"from": "first[x]/late"}, "fork_impossible"),
        ({"from": "late", "data": {"first": 5}}, "fork_impossible"),
        ({"data": {"start": None}}, "invalid_input"),
        ({"from": "late", "data": {"start": "abc"}}, "invalid_input"),
        ({"from": "late", "data": {"start": {"n": "many"}}}, "invalid_input"),
    ],
)
def test_a_replay_that_cannot_be_is_refused_with_the_reason(
    api: Api, wanted: dict[str, Any], code: str
) -> None:
    form = {"fields": [{"id": "n", "title": "Number", "kind": "number", "required": True}]}
    nodes = [
        a_node("start", "manual_trigger", form),
        a_node("first", "set_values", {"values": [{"id": "n", "value": "1"}]}),
        a_node("late", "reply", {"data": "second"}),
    ]
    workflow = published(api, "Is replayed", a_document(nodes, "start>first, first>late"))
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"n": 4}})
    api.run_until(run["id"], "succeeded")

    assert api("POST", f"/runs/{run['id']}/replay", wanted, expect=422)["code"] == code
