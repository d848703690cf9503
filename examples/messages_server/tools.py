"""Messages to customers, kept in an outbox: a demo writes to nobody."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from examples.tools import TEXT, Tool

VERSION = "1.0.0"
SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY, recipient TEXT, subject TEXT, body TEXT, written_at TEXT
);
"""
EMAIL = {"type": "string", "title": "E-mail", "pattern": "^[^@ ]+@[^@ ]+$"}
MESSAGE = {"message_id": TEXT, "to": TEXT, "subject": TEXT, "text": TEXT, "written_at": TEXT}


def send_message(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    cursor = database.execute(
        "INSERT INTO outbox (recipient, subject, body, written_at) VALUES (?, ?, ?, ?)",
        (
            arguments["to"],
            arguments["subject"],
            arguments["text"],
            datetime.now(UTC).isoformat("T", "seconds"),
        ),
    )
    return {"message_id": f"M-{cursor.lastrowid:05d}", "to": arguments["to"]}


def list_messages(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    rows = database.execute(
        "SELECT * FROM outbox WHERE lower(recipient) = lower(?) ORDER BY id DESC LIMIT 100",
        (arguments["to"],),
    )
    return {
        "messages": [
            {
                "message_id": f"M-{row['id']:05d}",
                "to": row["recipient"],
                "subject": row["subject"],
                "text": row["body"],
                "written_at": row["written_at"],
            }
            for row in rows
        ]
    }


TOOLS = [
    Tool(
        "send_message",
        "Write to a customer",
        "Puts an e-mail into the outbox. The same idempotency key never writes twice.",
        {
            "to": EMAIL,
            "subject": {"type": "string", "title": "Subject", "maxLength": 200},
            "text": {"type": "string", "title": "Text", "maxLength": 10000},
        },
        {"message_id": TEXT, "to": TEXT},
        send_message,
        ("to", "subject", "text"),
    ),
    Tool(
        "list_messages",
        "List messages",
        "What was written to an e-mail address, newest first.",
        {"to": EMAIL},
        {
            "messages": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": MESSAGE,
                    "required": list(MESSAGE),
                    "additionalProperties": False,
                },
            }
        },
        list_messages,
        ("to",),
        reads_only=True,
    ),
]
