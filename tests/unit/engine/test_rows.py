"""What statements of our own say about times, which SQLite keeps as texts and compares as texts."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from runtime.engine import clock, rows


@pytest.mark.parametrize("milliseconds", [0, 120, 123, 999])
def test_what_is_due_now_on_sqlite_is_due_in_the_same_millisecond_and_not_before(milliseconds: int) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 59, milliseconds * 1000, UTC)
    due_at = rows._adapted(moment)
    assert [_is_due(due_at, at=moment + timedelta(milliseconds=more)) for more in (-1, 0, 1)] == [
        False,
        True,
        True,
    ]


def _is_due(due_at: str, *, at: datetime) -> bool:
    now = clock.SQLITE_NOW.replace("'now'", f"'{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}'")
    ((is_due,),) = sqlite3.connect(":memory:").execute(f"SELECT ? <= {now}", [due_at])
    return bool(is_due)
