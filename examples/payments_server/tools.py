"""Payments: one per order, of which no more than was paid can be paid back."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import Any

from examples.calls import ToolFailed
from examples.orders_server.data import ORDERS
from examples.tools import NUMBER, TEXT, Tool

VERSION = "1.0.0"
SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    payment_id TEXT PRIMARY KEY, order_id TEXT UNIQUE, amount_eur REAL, paid_back_eur REAL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS repayments (
    repayment_id TEXT PRIMARY KEY, payment_id TEXT, amount_eur REAL, reason TEXT, made_on TEXT
);
"""
ORDER_ID = {"type": "string", "title": "Order number", "pattern": "^#?[0-9]{4,10}$"}
PAYMENT = {"payment_id": TEXT, "order_id": TEXT, "amount_eur": NUMBER, "paid_back_eur": NUMBER}


def fill(database: sqlite3.Connection) -> None:
    """A payment for each order; an existing file is left as it is."""
    if database.execute("SELECT 1 FROM payments LIMIT 1").fetchone():
        return
    database.executemany(
        "INSERT INTO payments (payment_id, order_id, amount_eur) VALUES (?, ?, ?)",
        [(f"PAY-{order[0]}", order[0], order[6]) for order in ORDERS],
    )


def find_payment(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = _payment(database, arguments["order_id"])
    return {name: row[name] for name in PAYMENT}


def pay_back(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = _payment(database, arguments["order_id"])
    amount = round(float(arguments["amount_eur"]), 2)
    left = round(row["amount_eur"] - row["paid_back_eur"], 2)
    if amount > left:
        raise ToolFailed("AMOUNT_TOO_HIGH", f"Of payment {row['payment_id']} {left:.2f} € are left.")
    number = database.execute("SELECT count(*) FROM repayments").fetchone()[0] + 1
    repayment_id, made_on = f"B-{number:05d}", date.today().isoformat()
    database.execute(
        "INSERT INTO repayments (repayment_id, payment_id, amount_eur, reason, made_on) VALUES (?, ?, ?, ?, ?)",
        (repayment_id, row["payment_id"], amount, arguments.get("reason", ""), made_on),
    )
    database.execute(
        "UPDATE payments SET paid_back_eur = paid_back_eur + ? WHERE payment_id = ?",
        (amount, row["payment_id"]),
    )
    return {
        "repayment_id": repayment_id,
        "payment_id": row["payment_id"],
        "amount_eur": amount,
        "made_on": made_on,
    }


def _payment(database: sqlite3.Connection, order_id: str) -> sqlite3.Row:
    number = order_id.lstrip("#")
    row: sqlite3.Row | None = database.execute(
        "SELECT * FROM payments WHERE order_id = ?", (number,)
    ).fetchone()
    if row is None:
        raise ToolFailed("PAYMENT_NOT_FOUND", f"There is no payment for order {number}.")
    return row


TOOLS = [
    Tool(
        "find_payment",
        "Look up a payment",
        "What was paid for an order, and what of it was paid back.",
        {"order_id": ORDER_ID},
        PAYMENT,
        find_payment,
        ("order_id",),
        reads_only=True,
    ),
    Tool(
        "pay_back",
        "Pay money back",
        "Pays back all or a part of what was paid for an order. The same idempotency key never pays twice.",
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
        {"repayment_id": TEXT, "payment_id": TEXT, "amount_eur": NUMBER, "made_on": TEXT},
        pay_back,
        ("order_id", "amount_eur"),
    ),
]
