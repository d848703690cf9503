"""A socket that tells somebody something for as long as they may hear it, however much or little there is to tell."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from abc import abstractmethod
from collections.abc import Awaitable
from typing import Any, ClassVar
from uuid import UUID

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import Http404

from builder.accounts.access import require_listener
from builder.http.database import in_database_of_sockets
from runtime.database_outage import is_outage
from runtime.engine import process

logger = logging.getLogger(__name__)

ADMIT_EVERY_S = 3.0
"""Whoever may not listen any more is sent away within five seconds: this, a poll, and the time of the questions."""
POLL_S = 1.0
PING_EVERY_S = 20.0
REFUSED, FAILED = 4403, 1011

Frame = dict[str, Any]
Found = tuple[Frame | None, bool]


class Left(Exception):
    """Whoever listened is gone."""


class GuardedSocket(AsyncJsonWebsocketConsumer):
    """Sends what `look` finds, and {"type": "ping"} after a while without anything.

    It closes with 4403 when the person may not listen or what it tells of is gone, and with 1011 when it fails. While the
    database is away it stays open and looks again.

    route   as the authorization matrix names it
    topic   that there is something new is told here, or found by looking again after a second
    """

    route: ClassVar[str]
    topic: str

    @abstractmethod
    def workspace_id(self) -> UUID:
        """Of what is told of; raises Http404 when it is gone."""

    @abstractmethod
    def look(self) -> Found:
        """A frame with what is new since the last look, if anything is, and whether there is more to be had at once."""

    async def connect(self) -> None:
        self._admitted_at: float | None = None
        self._told_at = time.monotonic()
        # Browsers are told the code of a close only after a handshake.
        await self.accept()
        self._telling = asyncio.create_task(self._tell())

    async def disconnect(self, code: int) -> None:
        self._telling.cancel()

    async def receive(self, *_: Any, **__: Any) -> None:
        """The browser only listens."""

    async def _tell(self) -> None:
        """Whatever ends it closes the socket: from one that stays open without a word nobody learns that it is over."""
        code = FAILED
        try:
            await self._tell_on()
        except (Http404, PermissionDenied):
            code = REFUSED
        except Left:
            return
        except Exception:
            logger.exception("A socket failed.", extra={"action": "socket", "topic": self.topic})
        with contextlib.suppress(Left):
            await self._say(self.close(code))

    async def _tell_on(self) -> None:
        """For ever; raises as a request would once the person may not listen."""
        async with process.live_updates().subscribe(self.topic) as news:
            while True:
                frame, has_more = await self._found()
                if frame is not None:
                    await self._say(self.send_json(frame))
                    self._told_at = time.monotonic()
                if not has_more:
                    await news.wait(POLL_S)

    async def _say(self, saying: Awaitable[None]) -> None:
        try:
            await saying
        except (OSError, RuntimeError) as error:
            # The one by the ASGI specification, the other by uvicorn, between giving a browser up and saying so.
            raise Left from error

    async def _found(self) -> Found:
        """What there is to send. While the database is away nothing, not even that all is well: the page says so then."""
        now = time.monotonic()
        try:
            # By the clock: a socket that is never quiet is asked as often as one that always is.
            if self._admitted_at is None or now - self._admitted_at >= ADMIT_EVERY_S:
                await in_database_of_sockets(self._admit)
                self._admitted_at = now
            frame, has_more = await in_database_of_sockets(self.look)
        except Error as error:
            if not is_outage(error):
                raise
            return None, False
        if frame is None and now - self._told_at >= PING_EVERY_S:
            frame = {"type": "ping"}
        return frame, has_more

    def _admit(self) -> None:
        require_listener(self.scope["session"].session_key, self.workspace_id(), self.route)
