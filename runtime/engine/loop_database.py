"""PostgreSQL asked from the host's own loop: for the one statement that a change of a run costs, without a way to a thread and back.

Everything else goes to the database by threads, and so does a statement that did not come through here: that way tries again
while the database is away, and finds out whether a write was committed before an error hid it. The library opens the connections; the
statement goes over its wrapper of libpq, since its cursors look after much that one prepared statement does not need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from runtime.engine.lease import LEASE_S
from runtime.engine.rows import Written, statement_of

CANCEL_WITHIN_S = 5.0


class LoopDatabase:
    """Lives on the host's loop; a few kept connections, the one that was used last first.

    options   those of Django's own connections
    """

    holds_up_the_loop = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = {name: value for name, value in options.items() if name != "cursor_factory"}
        self._free: list[_Link] = []
        self._given_up: set[asyncio.Task[None]] = set()

    async def write(self, written: Written) -> bool:
        """Whether it is written, see `rows.write_all`; False, too, where values are to be kept apart.

        raises   psycopg.Error, TimeoutError: nobody knows whether it was written
        """
        known = statement_of(written)
        return known is not None and await self.number(*known) == 1

    async def number(self, statement: str, values: Sequence[Any]) -> int:
        """The number that a statement gives which is a transaction by itself.

        statement   with %s for each of the values, which go as texts

        raises   psycopg.Error, TimeoutError; nobody knows then what became of it, nor when this is cancelled
        """
        link = self._free_link() or _Link(await AsyncConnection.connect(**self._options, autocommit=True))
        try:
            # Whoever writes for longer has lost its lease.
            async with asyncio.timeout(LEASE_S):
                found = await link.number(statement, values)
        except psycopg.Error:
            link.close()
            raise
        except BaseException:
            task = asyncio.create_task(link.give_up())
            self._given_up.add(task)
            task.add_done_callback(self._given_up.discard)
            raise
        self._free.append(link)
        return found

    def _free_link(self) -> _Link | None:
        while self._free:
            link = self._free.pop()
            if link.is_open:
                return link
        return None

    async def close(self) -> None:
        while self._free:
            self._free.pop().close()
        await asyncio.gather(*self._given_up)


class _Link:
    """A connection that is asked one thing at a time."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._pgconn.nonblocking = 1
        self._socket = self._pgconn.socket
        self._prepared: dict[str, bytes] = {}
        self._is_asked = False
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._hear)
        self.is_open = True

    async def number(self, statement: str, values: Sequence[Any]) -> int:
        self._is_asked = True
        name = self._prepared.get(statement)
        if name is None:
            name = f"patchbay_{len(self._prepared)}".encode()
            self._pgconn.send_prepare(name, _numbered(statement))
            await self._result()
            self._prepared[statement] = name
        self._pgconn.send_query_prepared(
            name, [None if value is None else str(value).encode() for value in values]
        )
        result = await self._result()
        self._is_asked = False
        return int(result.get_value(0, 0) or 0)

    async def give_up(self) -> None:
        """Stop the statement that is under way, if the server can be reached for that."""
        try:
            with suppress(psycopg.Error):
                await self._connection.cancel_safe(timeout=CANCEL_WITHIN_S)
        finally:
            self.close()

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._socket)
            self._pgconn.finish()

    def _hear(self) -> None:
        """There is something to read; while nothing was asked, that is a notice, or the end of the connection."""
        if self._is_asked:
            self._ready.set()
            return
        try:
            self._pgconn.consume_input()
        except psycopg.Error:
            self.close()

    async def _result(self) -> PGresult:
        """What the statement that was sent last gives; raises psycopg.Error."""
        while self._pgconn.flush():
            await self._writable()
            self._pgconn.consume_input()
        result: PGresult | None = None
        while True:
            while self._pgconn.is_busy():
                await self._ready.wait()
                self._ready.clear()
                self._pgconn.consume_input()
            found = self._pgconn.get_result()
            if found is None:
                break
            result = found
        if result is None or result.status not in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
            text = result.error_message.decode(errors="replace") if result else "no answer"
            raise psycopg.DatabaseError(text)
        return result

    async def _writable(self) -> None:
        writable = asyncio.Event()
        self._loop.add_writer(self._socket, writable.set)
        try:
            await writable.wait()
        finally:
            self._loop.remove_writer(self._socket)


@lru_cache(maxsize=8)
def _numbered(statement: str) -> bytes:
    """A statement as PostgreSQL itself takes it, with $1, $2 and so on for its values."""
    first, *others = statement.split("%s")
    return (first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))).encode()
