"""SQLite written to from the host's own loop: for the one transaction that a change of a run costs, without a way to a thread and back.

The loop stands still meanwhile, so only a run that nothing else waits beside is written here. What does not come through goes to
SQLite by a thread, which waits for other writers.
"""

from __future__ import annotations

import asyncio
import sqlite3

from django.db import connection

from runtime.engine.rows import Written, write_sqlite
from runtime.statements import unless_others_write


class LoopSqlite:
    """Lives on the host's loop; a connection of its own, opened by the first write."""

    holds_up_the_loop = True

    def __init__(self) -> None:
        self._lower: sqlite3.Connection | None = None

    async def write(self, written: Written) -> bool:
        """Whether it is written, see `rows.write_all`.

        raises   sqlite3.Error: it is not, for example because somebody else is writing
        """
        if self._lower is None:
            self._lower = await asyncio.to_thread(_open)
        with unless_others_write(self._lower):
            return write_sqlite(self._lower, written)

    async def close(self) -> None:
        if self._lower is not None:
            self._lower.close()


def _open() -> sqlite3.Connection:
    database = connection.copy()
    lower: sqlite3.Connection = database.get_new_connection(database.get_connection_params())
    # Transactions are begun and ended in so many words.
    lower.isolation_level = None
    lower.execute("PRAGMA busy_timeout = 0")
    # To move what was written into the database's file takes longer, and the threads do that.
    lower.execute("PRAGMA wal_autocheckpoint = 0")
    return lower
