"""What both example servers share: their database, a record of every call, and effects that happen once per key."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any

IDEMPOTENCY_KEY = "patchbay.dev/idempotency-key"
_CALLS = """
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY, tool TEXT NOT NULL, key TEXT NOT NULL, arguments TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL);
"""


class ToolFailed(Exception):
    """A failure with a code that a program can act on."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable

    def as_text(self) -> str:
        return json.dumps({"error": {"code": self.code, "message": str(self), "retryable": self.retryable}})


def open_database(path: str, schema: str) -> sqlite3.Connection:
    """The file with its tables; made if it is not there."""
    database = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(_CALLS + schema)
    return database


def record(database: sqlite3.Connection, tool: str, key: str, arguments: Mapping[str, Any]) -> None:
    """Note a call before anything else happens, then be as slow as the environment asks for."""
    digest = hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:16]
    database.execute(
        "INSERT INTO calls (tool, key, arguments, at) VALUES (?, ?, ?, ?)", (tool, key, digest, time.time())
    )
    delay_ms = os.environ.get("PATCHBAY_EXAMPLE_DELAY_MS", "0")
    if delay_ms.isdigit() and int(delay_ms):
        time.sleep(int(delay_ms) / 1000)


def once(database: sqlite3.Connection, key: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do `act` in one transaction; the same key gets the same answer and no second effect."""
    database.execute("BEGIN IMMEDIATE")
    try:
        if key:
            row = database.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            if row is not None:
                database.execute("COMMIT")
                known: dict[str, Any] = json.loads(row["answer"])
                return known
        answer = act()
        if key:
            database.execute("INSERT INTO answers (key, answer) VALUES (?, ?)", (key, json.dumps(answer)))
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    return answer
