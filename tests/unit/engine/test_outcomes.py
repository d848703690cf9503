"""What the failure of a call means for its step."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.engine.outcomes import left_unknown, outcome_lost
from runtime.errors import McpError


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
