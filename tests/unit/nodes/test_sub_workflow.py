"""Starting another workflow: what is wrong with a draft, and what follows from its end."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import NodeFailure
from runtime.graph.node_types import WorkflowFacts
from runtime.nodes.base import Leave, Park, Waited
from tests.unit.nodes.fakes import CHILD_ID, STARTED_AT, Around, Registered, problems, resumed, run_step

FORM = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}


def waited(signal: dict[str, Any]) -> Waited:
    return Waited(signal=signal, opened_at=STARTED_AT, ended_at=STARTED_AT, data={"run_id": "r"})


def knowing(**workflows: WorkflowFacts) -> Registered:
    return Registered(workflows=workflows)


def found(config: dict[str, Any], **workflows: WorkflowFacts) -> list[tuple[str | None, str]]:
    return problems("sub_workflow", config, knowing(**workflows))


def test_a_workflow_with_what_it_asks_for_is_fine() -> None:
    config = {"workflow": "refunds", "input": {"order_id": "{{ trigger.id }}"}}

    assert found(config, refunds=WorkflowFacts("Refunds", FORM)) == []


def test_what_cannot_be_started_is_told_while_drawing() -> None:
    assert found({"workflow": "nowhere"}) == [("workflow", "unknown_workflow")]
    assert found({"workflow": "refunds"}, refunds=WorkflowFacts("Refunds", None)) == [
        ("workflow", "workflow_not_ready")
    ]


def test_missing_and_foreign_fields_are_told() -> None:
    config = {"workflow": "refunds", "input": {"colour": "red"}}

    assert found(config, refunds=WorkflowFacts("Refunds", FORM)) == [
        ("input/order_id", "required"),
        ("input/colour", "unknown_argument"),
    ]


@pytest.mark.parametrize("calls", [("this-one",), ("third",)])
def test_workflows_that_lead_back_to_this_one_are_refused(calls: tuple[str, ...]) -> None:
    others = {
        "refunds": WorkflowFacts("Refunds", FORM, calls),
        "third": WorkflowFacts("C", FORM, ("this-one",)),
    }

    assert found({"workflow": "refunds"}, **others) == [("workflow", "workflow_cycle")]
    assert found({"workflow": "this-one"}, **{"this-one": WorkflowFacts("Me", FORM)}) == [
        ("workflow", "workflow_cycle")
    ]


async def test_it_waits_for_the_run_that_it_starts() -> None:
    outcome = await run_step("sub_workflow", {"workflow": "refunds", "input": {"order_id": "1"}}, Around())

    assert isinstance(outcome, Park)
    assert (outcome.kind, outcome.data["run_id"]) == ("child", str(CHILD_ID))
    assert outcome.starts is not None
    assert outcome.starts.input == {"order_id": "1"}


async def test_it_goes_on_at_once_if_that_is_wanted() -> None:
    outcome = await run_step("sub_workflow", {"workflow": "refunds", "wait": False}, Around())

    assert isinstance(outcome, Leave)
    assert outcome.output == {"run_id": str(CHILD_ID)}
    assert outcome.starts is not None


async def test_a_workflow_that_is_gone_is_a_failure() -> None:
    with pytest.raises(NodeFailure) as caught:
        await run_step("sub_workflow", {"workflow": "gone"}, Around())

    assert caught.value.code == "workflow_unavailable"


@pytest.mark.parametrize(
    ("result", "output"), [({"text": "Done"}, {"text": "Done"}), (None, {}), ([1], {"value": [1]})]
)
def test_its_output_is_what_the_other_one_replied(result: Any, output: Any) -> None:
    ended = waited({"status": "succeeded", "result": result})

    assert resumed("sub_workflow", {"workflow": "refunds"}, ended).output == output


def test_a_failed_one_fails_the_step_and_leads_to_its_run() -> None:
    ended = waited({"status": "failed", "error": {"code": "mcp_timeout", "message": "Too slow."}})

    with pytest.raises(NodeFailure, match="Too slow") as caught:
        resumed("sub_workflow", {"workflow": "refunds"}, ended)

    assert caught.value.code == "sub_workflow_failed"
    assert caught.value.details["run_id"] == "r"
