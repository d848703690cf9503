"""A carrier's parcels: a sender finds its own by the reference that it gave, which is the shop's order number."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from typing import Any

from examples.calls import ToolFailed
from examples.orders_server.data import ORDERS
from examples.tools import NUMBER, TEXT, Tool

VERSION = "1.0.0"
SCHEMA = """
CREATE TABLE IF NOT EXISTS parcels (
    tracking_number TEXT PRIMARY KEY, reference TEXT UNIQUE, service TEXT, expected_on TEXT, problem TEXT,
    delivered INTEGER DEFAULT 0
);
"""
NOT_SENT = {"processing", "cancelled"}


def fill(database: sqlite3.Connection) -> None:
    """A parcel for each order that was sent; an existing file is left as it is."""
    if database.execute("SELECT 1 FROM parcels LIMIT 1").fetchone():
        return
    today = date.today()
    database.executemany(
        "INSERT INTO parcels (tracking_number, reference, service, expected_on, problem, delivered)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                f"{carrier[:2].upper()}{order}01",
                order,
                carrier,
                (today + timedelta(days)).isoformat(),
                problem,
                status == "delivered",
            )
            for order, _, _, status, carrier, days, _, _, problem in ORDERS
            if status not in NOT_SENT
        ],
    )


def track_parcel(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    reference = str(arguments["reference"]).lstrip("#")
    row = database.execute("SELECT * FROM parcels WHERE reference = ?", (reference,)).fetchone()
    if row is None:
        raise ToolFailed("PARCEL_NOT_FOUND", f"No parcel was handed over with the reference {reference}.")
    days_over = max((date.today() - date.fromisoformat(row["expected_on"])).days, 0)
    return {
        "tracking_number": row["tracking_number"],
        "service": row["service"],
        "state": "delivered" if row["delivered"] else "held up" if row["problem"] else "on its way",
        "days_late": 0 if row["delivered"] else days_over,
        "problem": row["problem"],
    }


TOOLS = [
    Tool(
        "track_parcel",
        "Track a parcel",
        "Where a parcel is, how many days it is late, and what holds it up.",
        {"reference": {"type": "string", "title": "Reference of the sender", "pattern": "^#?[0-9]{4,10}$"}},
        {
            "tracking_number": TEXT,
            "service": TEXT,
            "state": {"type": "string", "enum": ["on its way", "held up", "delivered"]},
            "days_late": NUMBER,
            "problem": TEXT,
        },
        track_parcel,
        ("reference",),
        reads_only=True,
    ),
]
