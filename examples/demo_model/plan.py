"""What the model does as an agent about a late parcel: after each result, the next call that makes sense, or the answer.

It knows only what the functions gave back. A call that failed is not made again; what would have followed from it is
left out, and the answer says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from examples.demo_model import extract

NEEDED = {"get_order", "track_parcel"}
_DATA = re.compile(r"<data>\n?(.*?)\n?</data>", re.DOTALL)


@dataclass(frozen=True)
class Known:
    """The material, and what each function gave back: None while it was not called, {"failed": …} if it failed."""

    text: str
    results: Mapping[str, dict[str, Any]]

    def __getitem__(self, function: str) -> dict[str, Any] | None:
        """The result of a call that worked."""
        result = self.results.get(function)
        return None if result is None or "failed" in result else result

    @property
    def days_late(self) -> int:
        return int((self["track_parcel"] or {}).get("days_late", 0))


def next_call(functions: Iterable[Mapping[str, Any]], known: Known) -> tuple[str, dict[str, Any]] | None:
    """The function to call and with what; None when there is nothing left to do."""
    offered = {str(function["name"]).rpartition("__")[2]: str(function["name"]) for function in functions}
    for name, arguments in RULES:
        if name in offered and name not in known.results:
            filled = arguments(known)
            if filled is not None:
                return offered[name], filled
    return None


def knows(functions: Iterable[Mapping[str, Any]]) -> bool:
    """Whether these functions are those of the plan."""
    return {str(function["name"]).rpartition("__")[2] for function in functions} >= NEEDED


def known_from(messages: Sequence[Mapping[str, Any]], text: str) -> Known:
    """What the conversation has brought so far."""
    names: dict[str, str] = {}
    results: dict[str, dict[str, Any]] = {}
    for message in messages:
        for call in message.get("tool_calls") or ():
            names[call["id"]] = str(call["function"]["name"]).rpartition("__")[2]
        if message.get("role") == "tool":
            results[names.get(str(message.get("tool_call_id")), "")] = _result(
                str(message.get("content") or "")
            )
    return Known(text, results)


def _result(content: str) -> dict[str, Any]:
    found = _DATA.search(content)
    try:
        value = json.loads(found.group(1) if found else content)
    except ValueError:
        return {"failed": content}
    return value if isinstance(value, dict) else {"failed": content}


# --- the rules, in their order ------------------------------------------------------------------------


def _the_order(known: Known) -> dict[str, Any] | None:
    number = extract.value_of("order_id", {"type": "string"}, known.text)
    return None if number is None else {"order_id": number}


def _its_parcel(known: Known) -> dict[str, Any] | None:
    order = known["get_order"]
    return None if order is None else {"reference": order["order_id"]}


def _the_money_back(known: Known) -> dict[str, Any] | None:
    order = known["get_order"]
    if order is None or not known.days_late:
        return None
    reason = (known["track_parcel"] or {}).get("problem") or "late parcel"
    return {"order_id": order["order_id"], "amount_eur": order["total_eur"], "reason": reason}


def _a_ticket(known: Known) -> dict[str, Any] | None:
    order = known["get_order"]
    if order is None or not known.days_late:
        return None
    paid = "paid back" if known["pay_back"] else "not paid back"
    subject = f"Order {order['order_id']} is {known.days_late} days late, {paid}"
    return {
        "email": order["email"],
        "subject": subject,
        "severity": "normal" if known["pay_back"] else "high",
    }


def _a_message(known: Known) -> dict[str, Any] | None:
    order, ticket = known["get_order"], known["create_ticket"]
    if order is None or not known.days_late:
        return None
    number = f" Your ticket is {ticket['ticket_id']}." if ticket else ""
    text = f"Hello {order['customer'].split()[0]},\n\n{_outcome(known)}{number}\n\nSorry for the trouble."
    return {"to": order["email"], "subject": f"Your order {order['order_id']}", "text": text}


RULES: tuple[tuple[str, Callable[[Known], dict[str, Any] | None]], ...] = (
    ("get_order", _the_order),
    ("track_parcel", _its_parcel),
    ("pay_back", _the_money_back),
    ("create_ticket", _a_ticket),
    ("send_message", _a_message),
)


# --- the answer ---------------------------------------------------------------------------------------


def answer(known: Known) -> str:
    """What was found and done, in words; only from results."""
    order, parcel = known["get_order"], known["track_parcel"]
    if order is None:
        return "I could not find the order. Please give its number, for example #12347."
    if parcel is None:
        return f"Order {order['order_id']} is {order['status_text']}, but its parcel could not be tracked."
    if not known.days_late:
        return (
            f"Order {order['order_id']} is not late: its parcel is {parcel['state']}. Nothing was paid back."
        )
    ticket, message = known["create_ticket"], known["send_message"]
    done = [
        _outcome(known),
        f"Ticket {ticket['ticket_id']} is open." if ticket else "",
        f"{order['customer']} was written to ({message['message_id']})." if message else "",
    ]
    return " ".join(filter(None, done))


def _outcome(known: Known) -> str:
    order, parcel, repayment = known["get_order"] or {}, known["track_parcel"] or {}, known["pay_back"]
    late = f"Order {order['order_id']} is {known.days_late} days late: {parcel['problem'] or 'nobody knows why'}."
    if repayment is None:
        return f"{late} The money was not paid back; a colleague will look at it."
    return f"{late} We have paid back {repayment['amount_eur']:.2f} € ({repayment['repayment_id']})."
