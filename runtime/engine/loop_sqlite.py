"""SQLite written to from the host's own loop: for the one transaction that a change of a run costs, without a way to a thread and back.

The loop stands still meanwhile, so only a run that nothing else waits beside is written here. What does not come through goes to
SQLite by a thread, which waits for other writers.
"""

from __future__ import annotations

import sqlite3

from django.db import connection

from runtime.engine.rows import Written, write_sqlite
from runtime.statements import unless_others_write


class LoopSqlite:
    """Lives on the host's loop; a connection of its own."""

    holds_up_the_loop = True

    def __init__(self) -> None:
        database = connection.copy()
        self._lower: sqlite3.Connection = database.get_new_connection(database.get_connection_params())
        # Transactions are begun and ended in so many words.
        self._lower.isolation_level = None
        self._lower.execute("PRAGMA busy_timeout = 0")
        # To move what was written into the database's file takes longer, and the threads do that.
        self._lower.execute("PRAGMA wal_autocheckpoint = 0")

    async def write(self, written: Written) -> bool:
        """Whether it is written, see `rows.write_all`.

        raises   sqlite3.Error: it is not, for example because somebody else is writing
        """
        with unless_others_write(self._lower):
            return write_sqlite(self._lower, written)

    async def close(self) -> None:
        self._lower.close()
