"""Group commit: changes of runs that come while others are being written are written together, in one transaction."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from django.db import Error as DatabaseError
from django.db import OperationalError

from runtime.engine import store
from runtime.engine.store import OnLoop, Write

MAX_TOGETHER = 64
HITCH_S = 1.0

InDatabase = Callable[..., Awaitable[Any]]


class Writer:
    """Lives on the host's loop.

    in_database   runs a function on a database thread, and again while the database is away and the lease holds
    at_once       transactions under way at the same time; further changes wait, and go together
    on_loop       the database without a way to a thread, for a change that goes by itself and touches nothing but its run
    is_alone      whether nobody but one run would wait while the loop stands still
    """

    def __init__(
        self,
        in_database: InDatabase,
        *,
        at_once: int,
        on_loop: OnLoop | None = None,
        is_alone: Callable[[], bool] = lambda: True,
    ) -> None:
        self._in_database = in_database
        self._on_loop = on_loop
        self._is_alone = is_alone
        self._waiting: deque[tuple[Write, asyncio.Future[bool]]] = deque()
        self._free = at_once
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, write: Write) -> bool:
        """False when it was refused because of news; raises LeaseLost, CancelRequested, OperationalError for a run that
        nobody waits for any more."""
        if write.stands_alone:
            return await self._alone(write)
        if self._free:
            self._free -= 1
            try:
                return await self._alone(write)
            finally:
                self._leave()
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, done))
        return await done

    def _leave(self) -> None:
        """Make room for what has come in the meantime."""
        if self._waiting:
            task = asyncio.create_task(self._write_waiting())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._free += 1

    async def _write_waiting(self) -> None:
        try:
            count = min(len(self._waiting), MAX_TOGETHER)
            await self._write_together([self._waiting.popleft() for _ in range(count)])
        finally:
            self._leave()

    async def _write_together(self, asked: Sequence[tuple[Write, asyncio.Future[bool]]]) -> None:
        together = [write for write, _ in asked if not _is_late(write)]
        written: set[int] = set()
        if len(together) > 1:
            # One of them may be at fault; each finds out by itself.
            with suppress(Exception):
                found = await self._in_database(store.commit, together, patience_s=_patience_s(together))
                written = {id(write) for write, is_written in zip(together, found, strict=True) if is_written}
        for write, done in asked:
            if id(write) in written:
                _settle(done, True)
            else:
                await self._settle_alone(write, done)

    async def _settle_alone(self, write: Write, done: asyncio.Future[bool]) -> None:
        try:
            _settle(done, await self._alone(write))
        except Exception as error:
            if not done.done():
                done.set_exception(error)

    async def _alone(self, write: Write) -> bool:
        if _is_late(write):
            raise OperationalError("The run waited for too long to be inserted.")
        if quick_way := self._quick_way(write):
            # Why it was not written, or whether it was, is found out by the other way.
            with suppress(psycopg.Error, sqlite3.Error, DatabaseError, TimeoutError):
                if await store.commit_on_loop(write, quick_way):
                    return True
        found = await self._in_database(store.commit, [write], patience_s=_patience_s([write]))
        return bool(found[0])

    def _quick_way(self, write: Write) -> OnLoop | None:
        """Without a thread, if that may be tried."""
        on_loop = self._on_loop
        if on_loop is None or write.stands_alone or (on_loop.holds_up_the_loop and not self._is_alone()):
            return None
        return on_loop


def _is_late(write: Write) -> bool:
    return not write.claim.is_inserted and time.monotonic() > write.claim.insert_until


def _patience_s(writes: Sequence[Write]) -> float:
    """Whoever waits for a run to be accepted hears of an outage that is more than a hitch, instead of waiting for its end."""
    until = [write.claim.insert_until for write in writes if not write.claim.is_inserted]
    return min(HITCH_S, min(until) - time.monotonic()) if until else math.inf


def _settle(done: asyncio.Future[bool], result: bool) -> None:
    # Whoever waited may have been told to stop; the change is written all the same.
    if not done.done():
        done.set_result(result)
