"""As an agent, the demo model takes the next call from the results it has, and never invents one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from examples.demo_model import plan
from examples.demo_model.app import make_app

NAMES = (
    "orders__get_order",
    "carrier__track_parcel",
    "payments__pay_back",
    "crm__create_ticket",
    "messages__send_message",
)
FUNCTIONS = [{"name": name} for name in NAMES]
TEXT = "Order #12347 is late."
ORDER = {
    "order_id": "12347",
    "customer": "Ada Lindqvist",
    "email": "ada@example.com",
    "total_eur": 129.0,
    "status_text": "delayed",
}
LATE = {"days_late": 5, "problem": "Held at customs", "state": "held up"}
PAID = {"repayment_id": "B-00001", "amount_eur": 129.0}
TICKET, WRITTEN = {"ticket_id": "T-00001"}, {"message_id": "M-00001"}
RESULTS = dict(
    zip((name.split("__")[1] for name in NAMES), (ORDER, LATE, PAID, TICKET, WRITTEN), strict=True)
)


def after(count: int, **changed: Any) -> plan.Known:
    """What is known after so many calls."""
    results = dict(list(RESULTS.items())[:count])
    return plan.Known(TEXT, {**results, **changed})


@pytest.mark.parametrize("count", range(5))
def test_each_result_leads_to_the_next_call(count: int) -> None:
    following = plan.next_call(FUNCTIONS, after(count))

    assert following is not None
    assert following[0] == NAMES[count]


def test_it_ends_when_everything_is_done() -> None:
    assert plan.next_call(FUNCTIONS, after(5)) is None
    assert plan.answer(after(5)) == (
        "Order 12347 is 5 days late: Held at customs. We have paid back 129.00 € (B-00001). Ticket T-00001 is open."
        " Ada Lindqvist was written to (M-00001)."
    )


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (after(0, get_order={"failed": "mcp_tool_error"}), "could not find the order"),
        (after(1, track_parcel={"failed": "mcp_unreachable"}), "could not be tracked"),
        (after(2, track_parcel={**LATE, "days_late": 0, "state": "delivered"}), "is not late"),
        (plan.Known("It is late!", {}), "could not find the order"),
    ],
)
def test_it_ends_early_where_there_is_nothing_to_pay(known: plan.Known, said: str) -> None:
    assert plan.next_call(FUNCTIONS, known) is None
    assert said in plan.answer(known)


def test_what_was_not_paid_is_not_said_to_be_paid() -> None:
    known = after(2, pay_back={"failed": "approval_declined"})

    following = plan.next_call(FUNCTIONS, known)
    assert following is not None
    assert following[1]["severity"] == "high"
    assert "not paid back" in plan.answer(known)


def test_a_function_that_is_not_offered_is_left_out() -> None:
    without = [row for row in FUNCTIONS if row["name"] != "payments__pay_back"]

    following = plan.next_call(without, after(2))
    assert following is not None
    assert following[0] == "crm__create_ticket"


def test_the_server_reads_results_from_the_conversation() -> None:
    asked = {"role": "user", "content": f"Goal: help.\n\n<data>\n{TEXT}\n</data>"}
    said = {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": NAMES[0]}}]}
    result = {"role": "tool", "tool_call_id": "x", "content": f"<data>\n{json.dumps(ORDER)}\n</data>"}
    body = {
        "model": "demo-rules",
        "messages": [asked, said, result],
        "tools": [{"type": "function", "function": row} for row in FUNCTIONS],
    }

    answer = TestClient(make_app()).post("/v1/chat/completions", json=body).json()
    [call] = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": NAMES[1], "arguments": '{"reference": "12347"}'}
