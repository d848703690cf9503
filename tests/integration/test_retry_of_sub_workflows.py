"""A retry of a run goes on in the runs that it had started: what was done there is not done again either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime.engine import clock, commands
from runtime.engine.unknown_calls import unknown_calls
from runtime.errors import NotAllowedNow
from runtime.graph.schema import parse_graph
from runtime.models import ENDED, Run, RunStatus, Step, StepStatus
from tests.support.effects import EffectsServer
from tests.support.product import Api, a_document, a_node, eventually, published

LABEL = {"id": "label", "title": "Label", "kind": "text", "required": True}


@pytest.fixture
def effects(api: Api, tmp_path: Path) -> Iterator[EffectsServer]:
    """One for each test: calls that are not waited for long enough would give the others' server a rest."""
    server = EffectsServer(tmp_path)
    server.register(api, "effects")
    yield server
    api("DELETE", f"/mcp-servers/{registered(api)}", expect=204)
    server.process.kill()


def registered(api: Api) -> str:
    """The id of the server."""
    return str(next(row["id"] for row in api("GET", "/mcp-servers")["items"] if row["slug"] == "effects"))


def a_call(node_id: str, tool: str, *, ms: int = 0, **more: Any) -> dict[str, Any]:
    arguments = {"label": f"{{{{ trigger.label }}}}/{node_id}", "ms": ms}
    return a_node(node_id, "mcp_tool", {"server": "effects", "tool": tool, "arguments": arguments}, **more)


def a_workflow(api: Api, name: str, *nodes: dict[str, Any], lines: str) -> dict[str, Any]:
    start = a_node("start", "manual_trigger", {"fields": [LABEL]})
    return published(api, name, a_document([start, *nodes], lines))


def starting(slug: str, label: str = "{{ trigger.label }}", **more: Any) -> dict[str, Any]:
    return a_node("call", "sub_workflow", {"workflow": slug, "input": {"label": label}}, **more)


def run_of(api: Api, workflow: dict[str, Any], label: str) -> str:
    return str(api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"label": label}})["id"])


def child_of(api: Api, run_id: str) -> dict[str, Any]:
    found = eventually(lambda: api("GET", f"/runs?parent={run_id}")["items"], what="the run that it starts")
    assert len(found) == 1
    return dict(found[0])


def let(api: Api, tool: str, *, enabled: bool) -> None:
    api("PATCH", f"/mcp-servers/{registered(api)}/tools/{tool}", {"enabled": enabled})


def that_sends_and_puts(api: Api, name: str) -> dict[str, Any]:
    """Two calls, and the label that it was given as the answer."""
    steps = (
        a_call("send", "send"),
        a_call("put", "put"),
        a_node("answer", "reply", {"data": "{{ trigger.label }}"}),
    )
    return a_workflow(api, name, *steps, lines="start>send, send>put, put>answer")


def test_what_was_done_two_workflows_deep_is_not_done_again(api: Api, effects: EffectsServer) -> None:
    inner = that_sends_and_puts(api, "Sends, then puts")
    passed_on = a_node("answer", "reply", {"data": "{{ steps.call }}"})
    middle = a_workflow(
        api, "In between", starting(inner["slug"]), passed_on, lines="start>call, call>answer"
    )
    outer = a_workflow(api, "On top", starting(middle["slug"]), passed_on, lines="start>call, call>answer")
    let(api, "put", enabled=False)
    run_id = run_of(api, outer, "deep")
    assert api.run_until(run_id, *ENDED)["status"] == "failed"
    first = child_of(api, run_id)
    let(api, "put", enabled=True)

    again = api("POST", f"/runs/{run_id}/retry")

    assert api.run_until(again["id"], *ENDED)["status"] == "succeeded"
    second = child_of(api, again["id"])
    assert (second["retry_of"], second["parent_path"]) == (first["id"], "call")
    log = effects.log("deep")
    assert [call["label"] for call in log.calls] == ["deep/send", "deep/put"]
    # The version that it began with goes on, whichever is live by now.
    assert second["version"] == first["version"]


def test_what_was_done_in_a_retry_of_the_other_run_alone_is_not_done_again(
    api: Api, effects: EffectsServer
) -> None:
    inner = that_sends_and_puts(api, "Sends, puts, then answers")
    outer = a_workflow(api, "Above it", starting(inner["slug"]), lines="start>call")
    let(api, "put", enabled=False)
    run_id = run_of(api, outer, "alone")
    assert api.run_until(run_id, *ENDED)["status"] == "failed"
    child = child_of(api, run_id)
    let(api, "put", enabled=True)
    alone = api("POST", f"/runs/{child['id']}/retry")["id"]
    assert api.run_until(alone, *ENDED)["status"] == "succeeded"

    again = api("POST", f"/runs/{run_id}/retry")

    assert api.run_until(again["id"], *ENDED)["status"] == "succeeded"
    assert child_of(api, again["id"])["retry_of"] == alone
    assert [call["label"] for call in effects.log("alone").calls] == ["alone/send", "alone/put"]


def test_each_element_of_a_loop_goes_on_in_its_own_run(api: Api, effects: EffectsServer) -> None:
    inner = a_workflow(
        api, "Sends, then looks", a_call("send", "send"), a_call("put", "put"), lines="start>send, send>put"
    )
    loop = a_node("loop", "for_each", {"items": '{{ ["loop-a", "loop-b"] }}', "on_item_error": "fail"})
    outer = a_workflow(
        api,
        "For two",
        loop,
        starting(inner["slug"], "{{ item }}", parent="loop"),
        lines="start>loop",
    )
    let(api, "put", enabled=False)
    run_id = run_of(api, outer, "ignored")
    assert api.run_until(run_id, *ENDED)["status"] == "failed"
    let(api, "put", enabled=True)

    again = api("POST", f"/runs/{run_id}/retry")

    assert api.run_until(again["id"], *ENDED)["status"] == "succeeded"
    log = effects.log("loop-")
    assert sorted(call["label"] for call in log.calls) == [
        "loop-a/put",
        "loop-a/send",
        "loop-b/put",
        "loop-b/send",
    ]


@pytest.mark.parametrize(("outcome", "calls"), [("happened", 1), ("did_not", 2), ("give_up", 2)])
def test_a_call_whose_outcome_nobody_knows_is_asked_about_first(
    api: Api, effects: EffectsServer, outcome: str, calls: int
) -> None:
    lost = a_call("send", "send", ms=1500, settings={"timeout_s": 0.3})
    inner = a_workflow(api, f"Loses a call ({outcome})", lost, lines="start>send")
    outer = a_workflow(api, f"Waits for that ({outcome})", starting(inner["slug"]), lines="start>call")
    run_id = run_of(api, outer, f"lost-{outcome}")
    child = child_of(api, run_id)["id"]
    api.run_until(child, "needs_attention")
    api("POST", f"/runs/{run_id}/cancel")
    for one in (run_id, child):
        api.run_until(one, "cancelled")

    refused = api("POST", f"/runs/{run_id}/retry", expect=422)
    assert (refused["code"], refused["details"]) == ("fork_impossible", {"path": "call", "run_id": child})

    said = {"outcome": outcome, **({"output": {"text": "sent"}} if outcome == "happened" else {})}
    api("POST", f"/runs/{child}/steps/send/settle", said)
    unknown = api("GET", f"/runs/{run_id}")["unknown_calls"]
    assert [(call["run_id"], call["path"], call["tool"]) for call in unknown] == (
        [(child, "send", "send")] if outcome == "give_up" else []
    )
    again = api("POST", f"/runs/{run_id}/retry")["id"]
    next_child = child_of(api, again)["id"]
    if outcome == "happened":
        assert api.run_until(again, *ENDED)["status"] == "succeeded"
    else:
        api.run_until(next_child, "needs_attention")
        api("POST", f"/runs/{again}/cancel")
    assert len(effects.log(f"lost-{outcome}").calls) == calls


# --- by rows alone ------------------------------------------------------------------------------------


def a_run(status: RunStatus, parent: Run | None = None) -> Run:
    run_id, nodes = uuid4(), [a_node("start", "manual_trigger"), starting("inner")]
    return Run.objects.create(
        id=run_id,
        workspace_id=UUID(int=1),
        workflow_id=UUID(int=2),
        graph_id=commands.freeze(parse_graph(a_document(nodes, "start>call"))),
        trigger="start",
        started_by="ana@shop.example",
        origin_id=run_id,
        status=status,
        created_at=clock.now(),
        progress_at=clock.now(),
        ended_at=clock.now() if status in ENDED else None,
        **({"parent_id": parent.pk, "parent_path": "call", "parent_key": "key"} if parent else {}),
    )


TYPES = {"start": "manual_trigger", "call": "sub_workflow", "send": "mcp_tool"}


def a_step(run: Run, path: str, status: StepStatus, ports: tuple[str, ...] = ()) -> None:
    Step.objects.create(
        run_id=run.pk, path=path, node=path, type=TYPES[path], status=status, ports=list(ports)
    )


@pytest.mark.django_db
def test_a_run_whose_other_one_is_still_ending_is_not_tried_again_yet() -> None:
    run = a_run(RunStatus.CANCELLED)
    a_step(run, "start", StepStatus.SUCCEEDED, ("out",))
    a_step(run, "call", StepStatus.CANCELLED)
    child = a_run(RunStatus.RUNNING, run)

    with pytest.raises(NotAllowedNow) as refused:
        commands.retry_run(run, started_by="ana@shop.example")

    assert refused.value.details == {"path": "call", "run_id": str(child.pk)}


@pytest.mark.django_db
def test_a_run_whose_step_has_settled_is_left_alone() -> None:
    run = a_run(RunStatus.FAILED)
    a_step(run, "start", StepStatus.SUCCEEDED, ("out",))
    a_step(run, "call", StepStatus.SUCCEEDED, ("out",))
    child = a_run(RunStatus.CANCELLED, run)
    a_step(child, "send", StepStatus.UNKNOWN)

    commands.retry_run(run, started_by="ana@shop.example")

    assert unknown_calls(run) == []
