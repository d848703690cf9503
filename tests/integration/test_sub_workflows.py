"""Workflows that start each other: results, failures, cancelling, and what a retry does not repeat."""

from __future__ import annotations

import json
from typing import Any

from tests.support.product import Api, a_document, a_node, eventually, published

ENDED = ("succeeded", "failed", "cancelled")
NUMBER = {"id": "n", "title": "Number", "kind": "number", "required": True}


def a_child(api: Api, name: str, *nodes: dict[str, Any], lines: str) -> str:
    """The slug of a workflow whose form asks for a number."""
    form = a_node("start", "manual_trigger", {"fields": [NUMBER]})
    return str(published(api, name, a_document([form, *nodes], lines))["slug"])


def a_parent(api: Api, name: str, slug: str, *nodes: dict[str, Any], lines: str = "", **config: Any) -> str:
    """The id of a run of a workflow with the step `call`."""
    given = {"workflow": slug, "input": {"n": "{{ trigger.body.n }}"}, **config}
    graph = a_document(
        [a_node("start", "webhook_trigger"), a_node("call", "sub_workflow", given), *nodes],
        f"start>call{lines and ', ' + lines}",
    )
    workflow = published(api, name, graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"body": {"n": 4, "word": "many"}}})
    return str(run["id"])


def a_call(slug: str) -> dict[str, Any]:
    return a_node("call", "sub_workflow", {"workflow": slug, "input": {"n": 1}})


def test_a_step_waits_for_the_other_workflow_and_gives_its_result(api: Api) -> None:
    double = a_node("answer", "reply", {"data": {"double": "{{ trigger.n * 2 }}"}})
    slug = a_child(api, "Doubles", double, lines="start>answer")
    answer = a_node("answer", "reply", {"data": "{{ steps.call.double }}"})
    run = api.run_until(a_parent(api, "Asks for the double", slug, answer, lines="call>answer"), *ENDED)

    assert (run["status"], run["result"]) == ("succeeded", 8)
    child = api("GET", f"/runs/{api.steps(run['id'])['call']['child_run']}")
    assert (child["parent"], child["parent_path"], child["status"]) == (run["id"], "call", "succeeded")
    assert [row["id"] for row in api("GET", f"/runs?parent={run['id']}")["items"]] == [child["id"]]


def test_a_step_that_does_not_wait_goes_on_at_once(api: Api) -> None:
    slug = a_child(api, "Takes its time", a_node("nap", "wait", {"for_s": 3600}), lines="start>nap")
    answer = a_node("answer", "reply", {"data": "{{ steps.call.run_id }}"})
    run = api.run_until(a_parent(api, "Starts it", slug, answer, lines="call>answer", wait=False), *ENDED)

    assert run["status"] == "succeeded"
    child = api.run_until(run["result"], "waiting")
    api("POST", f"/runs/{child['id']}/cancel")


def test_a_failure_of_the_other_workflow_can_be_handled(api: Api) -> None:
    stop = a_node("no", "stop", {"outcome": "failure", "message": "Not today."})
    slug = a_child(api, "Refuses", stop, lines="start>no")
    sorry = a_node("sorry", "reply", {"text": "{{ errors.call.code }}: {{ errors.call.message }}"})
    run = api.run_until(a_parent(api, "Hears no", slug, sorry, lines="call.error>sorry"), *ENDED)

    assert run["status"] == "succeeded"
    assert run["result"]["text"].startswith("sub_workflow_failed: ")
    assert "Not today." in run["result"]["text"]


def test_cancelling_a_run_cancels_those_that_it_waits_for(api: Api) -> None:
    slug = a_child(api, "Sleeps", a_node("nap", "wait", {"for_s": 3600}), lines="start>nap")
    run_id = a_parent(api, "Waits for the sleeper", slug)
    api.run_until(run_id, "waiting")
    child = eventually(
        lambda: api("GET", f"/runs?parent={run_id}&status=waiting")["items"], what="the child waits"
    )[0]
    api("POST", f"/runs/{run_id}/cancel")

    assert api.run_until(run_id, *ENDED)["status"] == "cancelled"
    assert api.run_until(child["id"], *ENDED)["status"] == "cancelled"


def test_input_that_the_other_workflow_does_not_take_is_a_failure(api: Api) -> None:
    slug = a_child(api, "Wants a number", a_node("end", "reply", {"text": "."}), lines="start>end")
    run_id = a_parent(api, "Gives words", slug, input={"n": "{{ trigger.body.word }}"})
    run = api.run_until(run_id, *ENDED)

    assert (run["status"], run["error"]["code"]) == ("failed", "invalid_input")


def test_workflows_cannot_start_each_other_in_a_circle(api: Api) -> None:
    slug = a_child(api, "First of two", a_node("end", "reply", {"text": "."}), lines="start>end")
    second = a_child(api, "Second of two", a_call(slug), lines="start>call")
    first = api.workflow(slug)
    form = a_node("start", "manual_trigger", {"fields": [NUMBER]})
    graph = a_document([form, a_call(second)], "start>call")
    draft = api("GET", f"/workflows/{first['id']}")
    api("PUT", f"/workflows/{first['id']}/draft", {"graph": graph, "revision": draft["revision"]})

    refusal = api("POST", f"/workflows/{first['id']}/publish", {}, expect=422)
    assert [
        problem["code"] for problem in refusal["details"]["problems"] if problem["severity"] == "error"
    ] == ["workflow_cycle"]


def test_a_workflow_is_not_restored_where_it_would_close_a_circle(api: Api) -> None:
    last = a_child(api, "Last of three", a_node("end", "reply", {"text": "."}), lines="start>end")
    middle = a_child(api, "Middle of three", a_call(last), lines="start>call")
    first = a_child(api, "First of three", a_call(middle), lines="start>call")
    away, other = api.workflow(middle), api.workflow(last)
    api("DELETE", f"/workflows/{away['id']}")
    form = a_node("start", "manual_trigger", {"fields": [NUMBER]})
    draft = {"graph": a_document([form, a_call(first)], "start>call"), "revision": other["revision"]}
    api("PUT", f"/workflows/{other['id']}/draft", draft)
    api("POST", f"/workflows/{other['id']}/publish", {})

    refusal = api("POST", f"/workflows/{away['id']}/restore", expect=422)

    assert [problem["code"] for problem in refusal["details"]["problems"]] == ["workflow_cycle"]
    assert middle not in [row["slug"] for row in api.all_of("/workflows")]


def test_every_element_of_a_loop_may_start_one(api: Api) -> None:
    double = a_node("answer", "reply", {"data": {"double": "{{ trigger.n * 2 }}"}})
    slug = a_child(api, "Doubles in a loop", double, lines="start>answer")
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node(
                "loop",
                "for_each",
                {"items": [1, 2, 3], "max_parallel": 3, "collect": "{{ steps.call.double }}"},
            ),
            a_node("call", "sub_workflow", {"workflow": slug, "input": {"n": "{{ item }}"}}, parent="loop"),
            a_node("answer", "reply", {"data": "{{ steps.loop.results }}"}),
        ],
        "start>loop, loop>answer",
    )
    workflow = published(api, "Doubles of a list", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})

    assert api.run_until(run["id"], *ENDED)["result"] == [2, 4, 6]


def test_two_failures_that_are_heard_of_together_fail_the_run_once(api: Api) -> None:
    nap, stop = (
        a_node("nap", "wait", {"for_s": 1}),
        a_node("no", "stop", {"outcome": "failure", "message": "No."}),
    )
    slug = a_child(api, "Refuses later", nap, stop, lines="start>nap, nap>no")
    graph = a_document(
        [
            a_node("start", "webhook_trigger"),
            *(a_node(name, "sub_workflow", {"workflow": slug, "input": {"n": 1}}) for name in ("one", "two")),
        ],
        "start>one, start>two",
    )
    workflow = published(api, "Asks twice", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"body": {}}})
    run = api.run_until(run["id"], *ENDED)

    assert (run["status"], run["error"]["code"]) == ("failed", "sub_workflow_failed")


def test_a_result_that_is_almost_too_large_does_not_keep_a_run_from_its_end(api: Api) -> None:
    # Twenty texts with their quotes and commas, and the names around them: a few bytes less than a value may have.
    text = "x" * ((8 * 2**20 - 30) // 20 - 3)
    nodes = [
        a_node("text", "set_values", {"values": [{"id": "long", "value": text}]}),
        a_node(
            "loop", "for_each", {"items": f"{{{{ {list(range(20))} }}}}", "collect": "{{ steps.text.long }}"}
        ),
        a_node("one", "set_values", {"values": [{"id": "n", "value": "1"}]}, parent="loop"),
        a_node("answer", "reply", {"data": "{{ steps.loop }}"}),
        a_node("nap", "wait", {"for_s": 1}),
    ]
    lines = "start>text, text>loop, loop>answer, answer>nap"
    slug = a_child(api, "Answers much", *nodes, lines=lines)
    run = api.run_until(a_parent(api, "Asks for much", slug), *ENDED)

    child = api("GET", f"/runs/{api.steps(run['id'])['call']['child_run']}")
    assert child["status"] == "succeeded", child["error"]
    size = len(json.dumps(child["result"], separators=(",", ":")))
    assert 8 * 2**20 - 100 < size <= 8 * 2**20
    assert run["status"] == "succeeded", run["error"]


def test_a_workflow_that_is_paused_is_tried_again_as_often_as_the_step_allows(api: Api) -> None:
    slug = a_child(
        api, "Rests for a while", a_node("answer", "reply", {"data": "{{ trigger.n }}"}), lines="start>answer"
    )
    child = next(row for row in api("GET", "/workflows")["items"] if row["slug"] == slug)["id"]
    api("POST", f"/workflows/{child}/pause")
    call = a_node(
        "call",
        "sub_workflow",
        {"workflow": slug, "input": {"n": 5}},
        settings={"retry": {"attempts": 20, "first_delay_s": 0.5, "factor": 1}},
    )
    graph = a_document([a_node("start", "webhook_trigger"), call], "start>call")
    workflow = published(api, "Is patient", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"body": {}}})["id"]
    waiting = eventually(
        lambda: (step := api.steps(run).get("call")) and step["attempts"] > 1 and step, what="another attempt"
    )
    assert waiting["error"]["code"] == "workflow_unavailable"

    api("POST", f"/workflows/{child}/resume")
    assert api.run_until(run, *ENDED)["status"] == "succeeded"
