"""Contacts and tickets: a second contact with the same e-mail address is the same contact."""

from __future__ import annotations

import json
import sqlite3
from datetime import date
from typing import Any

from examples.calls import ToolFailed
from examples.tools import TEXT, Tool

VERSION = "1.2.0"
SCHEMA = """
CREATE TABLE IF NOT EXISTS contacts (
    id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, company TEXT, score REAL, tags TEXT DEFAULT '[]',
    sequence TEXT DEFAULT ''
);
CREATE TABLE IF NOT EXISTS tickets (
    id INTEGER PRIMARY KEY, email TEXT, subject TEXT, severity TEXT, status TEXT DEFAULT 'open', made_on TEXT
);
"""
SEQUENCES = ("welcome", "product-tour", "win-back")
EMAIL = {"type": "string", "title": "E-mail", "pattern": "^[^@ ]+@[^@ ]+$"}
CONTACT = {
    "contact_id": TEXT,
    "email": TEXT,
    "name": TEXT,
    "company": TEXT,
    "score": {"type": ["number", "null"]},
    "tags": {"type": "array", "items": TEXT},
    "sequence": TEXT,
}


def fill(database: sqlite3.Connection) -> None:
    """The first contacts; an existing file is left as it is."""
    if database.execute("SELECT 1 FROM contacts LIMIT 1").fetchone():
        return
    database.executemany(
        "INSERT INTO contacts (email, name, company, score, tags) VALUES (?, ?, ?, ?, ?)",
        [
            ("mira@example.com", "Mira Santos", "", None, '["customer"]'),
            ("sam@globex.example", "Sam Oduya", "Globex", 71, '["lead"]'),
        ],
    )


def find_contact(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = database.execute("SELECT * FROM contacts WHERE email = ?", (_email(arguments),)).fetchone()
    return {"found": row is not None, "contact": _shown(row) if row else None}


def create_contact(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    email = _email(arguments)
    known = database.execute("SELECT 1 FROM contacts WHERE email = ?", (email,)).fetchone() is not None
    database.execute(
        "INSERT INTO contacts (email, name, company, score) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (email) DO UPDATE SET name = coalesce(nullif(excluded.name, ''), name),"
        " company = coalesce(nullif(excluded.company, ''), company), score = coalesce(excluded.score, score)",
        (email, arguments.get("name") or "", arguments.get("company") or "", arguments.get("score")),
    )
    row = database.execute("SELECT * FROM contacts WHERE email = ?", (email,)).fetchone()
    return {**_shown(row), "created": not known}


def update_contact(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = _contact(database, arguments["contact_id"])
    values = {name: arguments.get(name, row[name]) for name in ("name", "company", "score")}
    database.execute(
        "UPDATE contacts SET name = ?, company = ?, score = ? WHERE id = ?", (*values.values(), row["id"])
    )
    return _shown(_contact(database, arguments["contact_id"]))


def tag_contact(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = _contact(database, arguments["contact_id"])
    tags = sorted({*json.loads(row["tags"]), arguments["tag"]})
    database.execute("UPDATE contacts SET tags = ? WHERE id = ?", (json.dumps(tags), row["id"]))
    return _shown(_contact(database, arguments["contact_id"]))


def enrol_in_sequence(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    row = _contact(database, arguments["contact_id"])
    database.execute("UPDATE contacts SET sequence = ? WHERE id = ?", (arguments["sequence"], row["id"]))
    return {"contact_id": arguments["contact_id"], "sequence": arguments["sequence"], "enrolled": True}


def create_ticket(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    cursor = database.execute(
        "INSERT INTO tickets (email, subject, severity, made_on) VALUES (?, ?, ?, ?)",
        (
            _email(arguments),
            arguments["subject"],
            arguments.get("severity", "normal"),
            date.today().isoformat(),
        ),
    )
    return {"ticket_id": f"T-{cursor.lastrowid:05d}", "status": "open"}


def list_tickets(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    rows = database.execute("SELECT * FROM tickets WHERE email = ? ORDER BY id DESC", (_email(arguments),))
    return {
        "tickets": [
            {
                "ticket_id": f"T-{row['id']:05d}",
                "subject": row["subject"],
                "severity": row["severity"],
                "status": row["status"],
            }
            for row in rows
        ]
    }


def list_open_tickets(database: sqlite3.Connection, arguments: dict[str, Any]) -> dict[str, Any]:
    rows = database.execute("SELECT * FROM tickets WHERE status = 'open' ORDER BY id DESC LIMIT 200")
    return {
        "tickets": [
            {
                "ticket_id": f"T-{row['id']:05d}",
                "email": row["email"],
                "subject": row["subject"],
                "severity": row["severity"],
                "status": row["status"],
            }
            for row in rows
        ]
    }


def _email(arguments: dict[str, Any]) -> str:
    return str(arguments["email"]).strip().lower()


def _contact(database: sqlite3.Connection, contact_id: str) -> sqlite3.Row:
    number = contact_id.removeprefix("C-")
    row: sqlite3.Row | None = None
    if number.isdigit():
        row = database.execute("SELECT * FROM contacts WHERE id = ?", (int(number),)).fetchone()
    if row is None:
        raise ToolFailed("CONTACT_NOT_FOUND", f"There is no contact {contact_id}.")
    return row


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "contact_id": f"C-{row['id']:05d}",
        "email": row["email"],
        "name": row["name"] or "",
        "company": row["company"] or "",
        "score": row["score"],
        "tags": json.loads(row["tags"]),
        "sequence": row["sequence"] or "",
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


CONTACT_ID = {"type": "string", "title": "Contact"}
TICKET = {"ticket_id": TEXT, "subject": TEXT, "severity": TEXT, "status": TEXT}
PERSON = {
    "name": {"type": "string", "title": "Name"},
    "company": {"type": "string", "title": "Company"},
    "score": {"type": "number", "title": "Score", "minimum": 0, "maximum": 100},
}
TOOLS = [
    Tool(
        "find_contact",
        "Find a contact",
        "The contact with an e-mail address, if there is one.",
        {"email": EMAIL},
        {"found": {"type": "boolean"}, "contact": {"anyOf": [_object(CONTACT), {"type": "null"}]}},
        find_contact,
        ("email",),
        reads_only=True,
    ),
    Tool(
        "create_contact",
        "Create a contact",
        "A new contact, or the known one with this address brought up to date.",
        {"email": EMAIL, **PERSON},
        {**CONTACT, "created": {"type": "boolean"}},
        create_contact,
        ("email",),
        idempotent=True,
    ),
    Tool(
        "update_contact",
        "Update a contact",
        "Changes name, company or score.",
        {"contact_id": CONTACT_ID, **PERSON},
        CONTACT,
        update_contact,
        ("contact_id",),
        idempotent=True,
    ),
    Tool(
        "tag_contact",
        "Tag a contact",
        "Adds a tag.",
        {"contact_id": CONTACT_ID, "tag": {"type": "string", "title": "Tag", "maxLength": 40}},
        CONTACT,
        tag_contact,
        ("contact_id", "tag"),
        idempotent=True,
    ),
    Tool(
        "enrol_in_sequence",
        "Enrol in a sequence",
        "Starts a series of e-mails for a contact.",
        {
            "contact_id": CONTACT_ID,
            "sequence": {"type": "string", "title": "Sequence", "enum": list(SEQUENCES)},
        },
        {"contact_id": TEXT, "sequence": TEXT, "enrolled": {"type": "boolean"}},
        enrol_in_sequence,
        ("contact_id", "sequence"),
        idempotent=True,
    ),
    Tool(
        "create_ticket",
        "Open a ticket",
        "A new ticket for support.",
        {
            "email": EMAIL,
            "subject": {"type": "string", "title": "Subject", "maxLength": 200},
            "severity": {
                "type": "string",
                "title": "Severity",
                "enum": ["low", "normal", "high"],
                "default": "normal",
            },
        },
        {"ticket_id": TEXT, "status": TEXT},
        create_ticket,
        ("email", "subject"),
    ),
    Tool(
        "list_tickets",
        "List tickets",
        "Tickets of an e-mail address, newest first.",
        {"email": EMAIL},
        {"tickets": {"type": "array", "items": _object(TICKET)}},
        list_tickets,
        ("email",),
        reads_only=True,
    ),
    Tool(
        "list_open_tickets",
        "List open tickets",
        "Open tickets of everybody, newest first, at most 200.",
        {},
        {"tickets": {"type": "array", "items": _object({**TICKET, "email": TEXT})}},
        list_open_tickets,
        reads_only=True,
    ),
]
