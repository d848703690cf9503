"""PostgreSQL asked from the host's own loop: for the one statement that a change of a run costs, without a way to a thread and back.

Everything else goes to the database by threads, and so does a statement that did not come through here: that way tries again
while the database is away, and finds out whether a write was committed before an error hid it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection, AsyncCursor

from runtime.engine.lease import LEASE_S


class LoopDatabase:
    """Lives on the host's loop; a few kept connections, the one that was used last first.

    options   those of Django's own connections
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = {name: value for name, value in options.items() if name != "cursor_factory"}
        self._free: list[AsyncConnection[Any]] = []

    async def row(self, statement: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """The first row of a statement that is a transaction by itself.

        raises   psycopg.Error, TimeoutError; nobody knows then what became of it, nor when this is cancelled
        """
        link = self._free.pop() if self._free else await self._connected()
        try:
            # Whoever writes for longer has lost its lease.
            async with asyncio.timeout(LEASE_S):
                cursor = await AsyncCursor(link).execute(statement, values)
                row: tuple[Any, ...] | None = await cursor.fetchone()
        except BaseException:
            # In whatever state it is.
            link.pgconn.finish()
            raise
        self._free.append(link)
        return row

    async def _connected(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(**self._options, autocommit=True)

    async def close(self) -> None:
        while self._free:
            await self._free.pop().close()
