"""Orders and parcels: each tool does one thing, and says by a code why it cannot."""

from __future__ import annotations

import json
import sqlite3
from datetime import date, timedelta
from typing import Any

from examples.calls import ToolFailed
from examples.orders_server.data import STATUS_TEXT
from examples.tools import NUMBER, TEXT, Tool

VERSION = "1.3.0"
ORDER_ID = {"type": "string", "title": "Order number", "pattern": "^#?[0-9]{4,10}$"}
ORDER = {
    "order_id": TEXT,
    "customer": TEXT,
    "email": TEXT,
    "status": {"type": "string", "enum": sorted(STATUS_TEXT)},
    "status_text": TEXT,
    "carrier": TEXT,
    "expected_on": {"type": "string", "format": "date"},
    "total_eur": NUMBER,
    "items": {"type": "array", "items": TEXT},
}


def get_order(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    return _shown(_order(database, arguments["order_id"]))


def list_orders(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    rows = database.execute(
        "SELECT * FROM orders WHERE lower(email) = lower(?) ORDER BY order_id DESC", (arguments["email"],)
    )
    return {"orders": [_shown(row) for row in rows]}


def get_parcel(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = _order(database, arguments["order_id"])
    late = (
        max((date.today() - date.fromisoformat(row["expected_on"])).days, 0)
        if row["status"] == "delayed"
        else 0
    )
    return {
        "order_id": row["order_id"],
        "carrier": row["carrier"],
        "is_late": row["status"] == "delayed",
        "days_late": late,
        "reason": row["delay_reason"] or "",
        "events": _events(row),
    }


def _events(row: sqlite3.Row) -> list[dict[str, Any]]:
    """What the carrier has recorded, oldest first."""
    status, expected = row["status"], date.fromisoformat(row["expected_on"])
    if status in {"processing", "cancelled", "reshipped"}:
        return []
    handed_over = expected - timedelta(days=4)
    events = [{"on": handed_over.isoformat(), "what": f"Handed over to {row['carrier']}"}]
    if status == "delayed":
        events.append({"on": expected.isoformat(), "what": row["delay_reason"]})
    elif status == "delivered":
        events.append({"on": expected.isoformat(), "what": "Delivered"})
    return events


def refund_order(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = _order(database, arguments["order_id"])
    amount = round(float(arguments["amount_eur"]), 2)
    refunded = database.execute(
        "SELECT coalesce(sum(amount_eur), 0) FROM refunds WHERE order_id = ?", (row["order_id"],)
    ).fetchone()[0]
    if amount <= 0 or refunded + amount > row["total_eur"] + 0.005:
        left = round(row["total_eur"] - refunded, 2)
        raise ToolFailed("AMOUNT_TOO_HIGH", f"Up to {left:.2f} € of order {row['order_id']} can be refunded.")
    number = database.execute("SELECT count(*) FROM refunds").fetchone()[0] + 1
    refund = {
        "refund_id": f"R-{number:05d}",
        "order_id": row["order_id"],
        "amount_eur": amount,
        "made_on": date.today().isoformat(),
    }
    database.execute(
        "INSERT INTO refunds (refund_id, order_id, amount_eur, reason, made_on) VALUES (?, ?, ?, ?, ?)",
        (refund["refund_id"], row["order_id"], amount, arguments.get("reason", ""), refund["made_on"]),
    )
    return refund


def reship_order(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = _order(database, arguments["order_id"])
    if row["status"] in {"delivered", "cancelled"}:
        raise ToolFailed("NOT_RESHIPPABLE", f"Order {row['order_id']} is {STATUS_TEXT[row['status']]}.")
    priority = bool(arguments.get("priority", False))
    number = database.execute("SELECT count(*) FROM shipments").fetchone()[0] + 1
    expected = (date.today() + timedelta(days=1 if priority else 4)).isoformat()
    database.execute(
        "INSERT INTO shipments (shipment_id, order_id, priority, expected_on) VALUES (?, ?, ?, ?)",
        (f"S-{number:05d}", row["order_id"], priority, expected),
    )
    database.execute(
        "UPDATE orders SET status = 'reshipped', expected_on = ?, delay_reason = '', priority = ? WHERE order_id = ?",
        (expected, priority, row["order_id"]),
    )
    return {
        "shipment_id": f"S-{number:05d}",
        "order_id": row["order_id"],
        "priority": priority,
        "expected_on": expected,
    }


def list_refunds(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = _order(database, arguments["order_id"])
    found = database.execute(
        "SELECT refund_id, amount_eur, made_on FROM refunds WHERE order_id = ? ORDER BY refund_id",
        (row["order_id"],),
    )
    return {"refunds": [dict(refund) for refund in found]}


def _order(database: sqlite3.Connection, order_id: str) -> sqlite3.Row:
    number = order_id.lstrip("#")
    row: sqlite3.Row | None = database.execute(
        "SELECT * FROM orders WHERE order_id = ?", (number,)
    ).fetchone()
    if row is None:
        raise ToolFailed("ORDER_NOT_FOUND", f"There is no order {number}.")
    return row


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    shown = {name: row[name] for name in ORDER if name not in {"status_text", "items"}}
    return {**shown, "status_text": STATUS_TEXT[row["status"]], "items": json.loads(row["items"])}


def _list_of(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": "object", "properties": properties, "required": list(properties)},
    }


TOOLS = [
    Tool(
        "get_order",
        "Look up an order",
        "Status, carrier and expected day of one order.",
        {"order_id": ORDER_ID},
        ORDER,
        get_order,
        ("order_id",),
        reads_only=True,
    ),
    Tool(
        "list_orders",
        "List a customer's orders",
        "Every order of an e-mail address, newest first.",
        {"email": {"type": "string", "title": "E-mail"}},
        {"orders": _list_of(ORDER)},
        list_orders,
        ("email",),
        reads_only=True,
    ),
    Tool(
        "get_parcel",
        "Look up a parcel",
        "Whether the parcel of an order is late, by how many days and why, and what the carrier recorded.",
        {"order_id": ORDER_ID},
        {
            "order_id": TEXT,
            "carrier": TEXT,
            "is_late": {"type": "boolean"},
            "days_late": NUMBER,
            "reason": TEXT,
            "events": _list_of({"on": {"type": "string", "format": "date"}, "what": TEXT}),
        },
        get_parcel,
        ("order_id",),
        reads_only=True,
    ),
    Tool(
        "refund_order",
        "Refund an order",
        "Pays money back. The same idempotency key never pays twice.",
        {
            "order_id": ORDER_ID,
            "amount_eur": {
                "type": "number",
                "title": "Amount in euro",
                "exclusiveMinimum": 0,
                "maximum": 10000,
            },
            "reason": {"type": "string", "title": "Reason", "maxLength": 500},
        },
        {"refund_id": TEXT, "order_id": TEXT, "amount_eur": NUMBER, "made_on": TEXT},
        refund_order,
        ("order_id", "amount_eur"),
    ),
    Tool(
        "reship_order",
        "Send an order again",
        "Sends the parcel again, with priority if wanted.",
        {"order_id": ORDER_ID, "priority": {"type": "boolean", "title": "Priority", "default": False}},
        {"shipment_id": TEXT, "order_id": TEXT, "priority": {"type": "boolean"}, "expected_on": TEXT},
        reship_order,
        ("order_id",),
    ),
    Tool(
        "list_refunds",
        "List refunds",
        "Refunds of an order.",
        {"order_id": ORDER_ID},
        {"refunds": _list_of({"refund_id": TEXT, "amount_eur": NUMBER, "made_on": TEXT})},
        list_refunds,
        ("order_id",),
        reads_only=True,
    ),
]
