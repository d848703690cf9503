"""What the failure of a call means for its step."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.engine.outcomes import Outcomes, Started, left_unknown, outcome_lost
from runtime.errors import McpError
from runtime.models import StepStatus
from runtime.nodes.base import Leave
from tests.unit.engine.runs import TYPES, at, begun, call


@pytest.mark.parametrize(
    ("effect", "details", "unknown"),
    [
        ("once", {"sent": True}, True),
        ("once", {"sent": True, "answered": False}, True),
        ("once", {"sent": True, "answered": True}, False),
        ("once", {"sent": False}, False),
        ("once", {}, False),
        ("idempotent", {"sent": True}, False),
        ("none", {"sent": True}, False),
    ],
)
def test_an_outcome_is_unknown_where_a_call_that_must_not_be_repeated_was_sent_and_not_answered(
    effect: str, details: dict[str, Any], unknown: bool
) -> None:
    assert left_unknown(McpError("Lost.", details=details), effect) is unknown


def test_a_lost_outcome_names_the_step_and_why_it_was_lost() -> None:
    cause = McpError("The connection broke off.", code="mcp_connection_lost", details={"sent": True})
    known, bare = outcome_lost("Pay", cause), outcome_lost("Pay", None)

    assert (known.code, known.retryable) == ("outcome_unknown", False)
    assert '"Pay"' in known.message
    assert "broke off" in known.message
    assert known.details["cause"]["code"] == "mcp_connection_lost"
    assert "worker" in bare.message
    assert bare.details == {}


@pytest.mark.parametrize(
    ("effect", "status", "code"),
    [("once", StepStatus.UNKNOWN, "outcome_unknown"), ("none", StepStatus.FAILED, "value_too_large")],
)
async def test_a_call_that_must_not_be_repeated_is_not_failed_by_an_answer_that_cannot_be_kept(
    effect: str, status: str, code: str
) -> None:
    state = begun("start > a")
    context: Any = SimpleNamespace(started_at=at(1), spent={}, usage={})
    started = Started(TYPES["step"], call(state, "a", effect=effect), None, {}, context, 0)

    async def answered() -> Leave:
        return Leave({"text": "x" * 9_000_000})

    task = asyncio.create_task(answered())
    await task
    Outcomes(state, lambda: at(2)).of_call(started, task)

    step = state.steps["a"]
    assert (step.status, step.error and step.error["code"]) == (status, code)
    assert not state.open_attempts
