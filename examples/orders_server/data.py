"""The shop's orders, as they are on the first start."""

from __future__ import annotations

import json
import sqlite3
from datetime import date, timedelta

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, customer TEXT, email TEXT, status TEXT, carrier TEXT, expected_on TEXT,
    total_eur REAL, items TEXT, delay_reason TEXT, priority INTEGER DEFAULT 0
);
CREATE TABLE IF NOT EXISTS refunds (
    refund_id TEXT PRIMARY KEY, order_id TEXT, amount_eur REAL, reason TEXT, made_on TEXT
);
CREATE TABLE IF NOT EXISTS shipments (
    shipment_id TEXT PRIMARY KEY, order_id TEXT, priority INTEGER, expected_on TEXT
);
"""
STATUS_TEXT = {
    "processing": "being packed",
    "in_transit": "in transit",
    "delayed": "delayed",
    "delivered": "delivered",
    "cancelled": "cancelled",
    "reshipped": "on its way again",
}
# id, customer, e-mail, status, carrier, days until expected, total, items, reason of a delay
ORDERS = (
    (
        "12345",
        "Mira Santos",
        "mira@example.com",
        "in_transit",
        "NorthPost",
        2,
        89.9,
        ["Rain jacket, blue, M"],
        "",
    ),
    (
        "12346",
        "Jonas Weber",
        "jonas@example.com",
        "delayed",
        "NorthPost",
        -3,
        34.5,
        ["Enamel mug", "Wool socks"],
        "Lost at the depot in Lyon",
    ),
    (
        "12347",
        "Ada Lindqvist",
        "ada@example.com",
        "delayed",
        "SwiftVan",
        -5,
        129.0,
        ["Hiking boots, 39"],
        "Held at customs",
    ),
    ("12348", "Tomas Novak", "tomas@example.com", "delivered", "SwiftVan", -6, 18.0, ["Camping spoon"], ""),
    (
        "12349",
        "Priya Raman",
        "priya@example.com",
        "processing",
        "NorthPost",
        4,
        210.0,
        ["Two-person tent"],
        "",
    ),
    ("12350", "Luca Ferri", "luca@example.com", "cancelled", "NorthPost", 0, 45.0, ["Head torch"], ""),
    ("12351", "Mira Santos", "mira@example.com", "delivered", "NorthPost", -20, 64.0, ["Base layer, M"], ""),
    (
        "12352",
        "Noor Haddad",
        "noor@example.com",
        "delayed",
        "NorthPost",
        -2,
        49.0,
        ["Thermos flask"],
        "The van broke down",
    ),
)


def fill(database: sqlite3.Connection) -> None:
    """The first orders, with dates around today; an existing file is left as it is."""
    if database.execute("SELECT 1 FROM orders LIMIT 1").fetchone():
        return
    today = date.today()
    database.executemany(
        "INSERT INTO orders (order_id, customer, email, status, carrier, expected_on, total_eur, items, delay_reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                order,
                name,
                mail,
                status,
                carrier,
                (today + timedelta(days)).isoformat(),
                total,
                json.dumps(items),
                why,
            )
            for order, name, mail, status, carrier, days, total, items, why in ORDERS
        ],
    )
