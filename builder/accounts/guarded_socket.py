"""A socket that tells somebody something for as long as they may hear it, however much or little there is to tell."""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar
from uuid import UUID

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.exceptions import PermissionDenied
from django.http import Http404

from builder.accounts.access import require_listener
from runtime.engine import process

ADMIT_EVERY_S = 3.0
"""Whoever may not listen any more is sent away within five seconds: this, a poll, and the time of the questions."""
POLL_S = 1.0
PING_EVERY_S = 20.0
REFUSED = 4403

Found = tuple[dict[str, Any] | None, bool]


class GuardedSocket(AsyncJsonWebsocketConsumer):
    """Sends what `look` finds, and {"type": "ping"} after a while without anything. Closed with 4403 for whoever may not listen.

    route   as the authorization matrix names it
    topic   that there is something new is told here, or found by looking again after a second
    """

    route: ClassVar[str]
    topic: str

    def workspace_id(self) -> UUID:
        """Of what is told of; raises Http404 when it is gone."""
        raise NotImplementedError

    def look(self) -> Found:
        """A frame with what is new since the last look, if anything is, and whether there is more to be had at once."""
        raise NotImplementedError

    async def connect(self) -> None:
        self._admitted_at: float | None = None
        # Browsers are told the code of a close only after a handshake.
        await self.accept()
        self._telling = asyncio.create_task(self._tell())

    async def disconnect(self, code: int) -> None:
        self._telling.cancel()

    async def receive(self, *_: Any, **__: Any) -> None:
        """The browser only listens."""

    async def _tell(self) -> None:
        try:
            await self._tell_on()
        except (Http404, PermissionDenied):
            await self.close(REFUSED)

    async def _tell_on(self) -> None:
        """For ever; raises as a request would once the person may not listen."""
        told_at = time.monotonic()
        async with process.live_updates().subscribe(self.topic) as news:
            while True:
                frame, has_more = await self._found()
                if frame is None and time.monotonic() - told_at >= PING_EVERY_S:
                    frame = {"type": "ping"}
                if frame is not None:
                    await self.send_json(frame)
                    told_at = time.monotonic()
                if not has_more:
                    await news.wait(POLL_S)

    async def _found(self) -> Found:
        now = time.monotonic()
        # By the clock: a socket that is never quiet is asked as often as one that always is.
        if self._admitted_at is None or now - self._admitted_at >= ADMIT_EVERY_S:
            await sync_to_async(self._admit)()
            self._admitted_at = now
        return await sync_to_async(self.look)()

    def _admit(self) -> None:
        require_listener(self.scope["session"].session_key, self.workspace_id(), self.route)
