"""What support goes by: how it writes, contacts by their address, and a prompt for an answer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from examples.crm_server.tools import find_contact
from examples.documents import Document, Prompt, Record

TONE = """# How we write

- Begin with the name of the customer, and thank them once.
- Say first what happens next, then why.
- Never promise a day that the carrier has not confirmed.
- Vouchers up to 10 euros need no approval.
"""
TONES = ("friendly", "formal", "short")


def _contact(database: sqlite3.Connection, email: str) -> str | None:
    found = find_contact(database, {"email": email})
    return json.dumps(found["contact"], indent=1) if found["found"] else None


def _emails(database: sqlite3.Connection, begin: str) -> list[str]:
    rows = database.execute("SELECT email FROM contacts ORDER BY email")
    return [row["email"] for row in rows if row["email"].startswith(begin.strip().lower())]


def _tones(database: sqlite3.Connection, begin: str) -> list[str]:
    return [tone for tone in TONES if tone.startswith(begin.lower())]


def _answer(given: Mapping[str, str]) -> str:
    tone = given.get("tone") or TONES[0]
    return (
        f"Write a {tone} first answer to a support ticket of {given['email']}. Its subject is: {given['subject']}. "
        "Keep it under 120 words, and ask for nothing that the ticket already says."
    )


DOCUMENTS = [Document("crm://guides/tone", "How we write", "Rules for every answer of support.", TONE)]
RECORDS = [
    Record("crm://contacts/", "email", "A contact", "One contact by e-mail address.", _contact, _emails)
]
PROMPTS = [
    Prompt(
        "answer_ticket",
        "Answer a ticket",
        "What a model is told to write the first answer to a ticket.",
        {
            "email": ("Who opened the ticket.", True),
            "subject": ("What it is about.", True),
            "tone": ("friendly, formal or short.", False),
        },
        _answer,
        {"email": _emails, "tone": _tones},
    )
]
