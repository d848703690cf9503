"""One line to Redis, for publish and subscribe: commands go out at once, and what comes in is handed on as it comes.

The library's client waits for each reply and looks after much that news do not need. That is little in a row, but a run that waits
for a call lets the processor go cold, and then it was most of what lay between two processes. It still reads the address.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 2.0
ANSWERS_WITHIN_S = 5.0
FINISHED_WITHIN_S = 1.0
MAX_UNSENT_BYTES = 4_000_000


class Line(asyncio.Protocol):
    """An open connection; once it is lost it stays so."""

    def __init__(self, take: Callable[[Any], None]) -> None:
        self._take = take
        self._replies = hiredis.Reader()
        self._transport: asyncio.Transport
        self._asked_at: float | None = None
        self._heard = 0
        self._lost = asyncio.Event()

    @classmethod
    async def open(cls, to: Connection, take: Callable[[Any], None]) -> Line:
        """Connect; a line that Redis tells of an error is lost.

        to       a connection of the library, which says where to and is not used itself
        take     called with each reply: a number, bytes, or a list of those

        raises   OSError, TimeoutError
        """
        loop = asyncio.get_running_loop()
        encryption = to.ssl_context.get() if isinstance(to, SSLConnection) else None
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            if isinstance(to, UnixDomainSocketConnection):
                _, line = await loop.create_unix_connection(lambda: cls(take), to.path)
            else:
                _, line = await loop.create_connection(lambda: cls(take), to.host, to.port, ssl=encryption)
        if to.password:
            line.send("AUTH", *([to.username] if to.username else []), to.password)
        if to.db:
            line.send("SELECT", str(to.db))
        return line

    @property
    def is_lost(self) -> bool:
        return self._lost.is_set()

    def send(self, *command: str) -> None:
        """Send a command, unless there is too much on its way already or what was sent before is not answered: then the line is lost."""
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        is_stuck = self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES
        if is_stuck or now - self._asked_at > ANSWERS_WITHIN_S:
            self.close()
        if not self.is_lost:
            self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]

    async def hold(self, quiet_s: float) -> None:
        """Return once the line is lost; who has heard nothing for `quiet_s` asks whether anybody is there."""
        while not self.is_lost:
            heard = self._heard
            if await self._is_lost_within(quiet_s) or self._heard != heard:
                continue
            self.send("PING")
            # A line that was cut off in silence would be listened to for ever.
            if not await self._is_lost_within(ANSWERS_WITHIN_S) and self._heard == heard:
                self.close()

    async def _is_lost_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._lost.wait()
        except TimeoutError:
            return False

    async def finish(self) -> None:
        """Send what was to be sent, and end."""
        self._transport.close()
        if not await self._is_lost_within(FINISHED_WITHIN_S):
            self.close()

    def close(self) -> None:
        """End at once: it is of no use any more."""
        self._lost.set()
        self._transport.abort()

    # --- what the event loop calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        kept: socket.socket | None = transport.get_extra_info("socket")
        if kept is not None and kept.family != socket.AF_UNIX:
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        self._heard += 1
        self._asked_at = None
        try:
            self._replies.feed(data)
            while (reply := self._replies.gets()) is not False:
                if isinstance(reply, hiredis.ReplyError):
                    raise reply
                self._take(reply)
        except hiredis.HiredisError as error:
            logger.warning("Redis refuses", extra={"action": "publish", "error": str(error)[:200]})
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost.set()
