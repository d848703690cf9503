"""Which calls a retry would make again, although nobody knows whether they happened: what the rows of a run tell."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime.engine import clock
from runtime.engine.commands import freeze
from runtime.engine.unknown_calls import unknown_calls
from runtime.graph.schema import parse_graph
from runtime.models import ENDED, Run, RunStatus, Step, StepStatus
from tests.support.product import a_document, a_node

pytestmark = pytest.mark.django_db

LOST = {"code": "outcome_unknown", "message": "It is not known.", "retryable": False, "details": {}}
OTHER = {**LOST, "code": "mcp_tool_error"}


@pytest.fixture
def graph_id() -> str:
    call = {"server": "shop", "tool": "pay", "arguments": {}}
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("each", "for_each", {"items": "{{ [1, 2] }}"}),
        a_node("pay", "mcp_tool", call, parent="each"),
        a_node("last", "mcp_tool", call),
    ]
    return freeze(parse_graph(a_document(nodes, "start>each, each>last")))


def a_run(graph_id: str, status: str = RunStatus.FAILED, **more: Any) -> Run:
    run_id = uuid4()
    return Run.objects.create(
        id=run_id,
        workspace_id=UUID(int=1),
        workflow_id=UUID(int=2),
        graph_id=graph_id,
        trigger="start",
        started_by="ana@shop.example",
        origin_id=run_id,
        status=status,
        created_at=clock.now(),
        progress_at=clock.now(),
        due_at=None,
        ended_at=clock.now() if status in ENDED else None,
        **more,
    )


def a_step(run: Run, path: str, error: dict[str, Any] | None = LOST, ports: tuple[str, ...] = ()) -> None:
    Step.objects.create(
        run_id=run.pk,
        path=path,
        node=path.rpartition("/")[2],
        type="for_each" if path == "each" else "mcp_tool",
        status=StepStatus.FAILED if error else StepStatus.SUCCEEDED,
        ports=list(ports),
        error=error,
    )


def paths(run: Run) -> list[str]:
    return [call.path for call in unknown_calls(run)]


def test_a_call_that_was_given_up_is_named_with_its_tool(graph_id: str) -> None:
    run = a_run(graph_id)
    a_step(run, "last")

    [call] = unknown_calls(run)

    assert (call.path, call.title, call.server, call.tool) == ("last", "MCP tool", "shop", "pay")


@pytest.mark.parametrize(
    ("status", "error", "ports"),
    [
        (RunStatus.FAILED, OTHER, ()),
        (RunStatus.FAILED, LOST, ("error",)),
        (RunStatus.SUCCEEDED, LOST, ()),
        (RunStatus.RUNNING, LOST, ()),
    ],
    ids=["other-error", "handled", "succeeded", "goes-on"],
)
def test_what_a_retry_does_not_call_again_is_not_told(
    graph_id: str, status: str, error: dict[str, Any], ports: tuple[str, ...]
) -> None:
    run = a_run(graph_id, status)
    a_step(run, "last", error, ports)
    assert paths(run) == []


def test_a_call_in_a_loop_counts_until_the_loop_is_over(graph_id: str) -> None:
    broken, over = a_run(graph_id), a_run(graph_id)
    for run in (broken, over):
        a_step(run, "each[1]/pay")
    a_step(broken, "each", OTHER)
    a_step(over, "each", None, ("out",))

    assert (paths(broken), paths(over)) == (["each[1]/pay"], [])


def test_a_retry_that_ended_before_it_came_to_the_call_passes_it_on(graph_id: str) -> None:
    first = a_run(graph_id)
    a_step(first, "last")
    second = a_run(graph_id, retry_of=first.pk)
    third = a_run(graph_id, retry_of=second.pk)
    assert (paths(second), paths(third)) == (["last"], ["last"])

    a_step(third, "last", OTHER)
    assert paths(third) == []
    assert paths(a_run(graph_id, retry_of=third.pk)) == []
