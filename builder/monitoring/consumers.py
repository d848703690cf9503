"""The socket of one run: events as they are written, from the number that the browser has seen."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.http import Http404

from builder.accounts.access import member_of
from builder.accounts.matrix import SOCKETS
from builder.accounts.models import User
from builder.monitoring.schemas import EventOut, WatchedRunOut
from runtime.engine import process
from runtime.engine.live import run_topic
from runtime.models import Event, Run

PING_EVERY_S = 20.0
EVENTS_PER_FRAME = 200
REFUSED = 4403


class RunConsumer(AsyncJsonWebsocketConsumer):
    """Frames: {"type": "events", "events": [...], "run": {...}} and {"type": "ping"}.

    What is sent is read from the event log, so lost news costs one poll and no event.
    """

    async def connect(self) -> None:
        self.run_id: UUID = self.scope["url_route"]["kwargs"]["run_id"]
        self.follower: asyncio.Task[None] | None = None
        if not await sync_to_async(self._may_read)():
            await self.accept()
            await self.close(REFUSED)
            return
        await self.accept()
        self.follower = asyncio.create_task(self._follow(self._after()))

    async def disconnect(self, code: int) -> None:
        if self.follower is not None:
            self.follower.cancel()

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """The browser only listens."""

    def _may_read(self) -> bool:
        user = self.scope.get("user")
        run = Run.objects.filter(pk=self.run_id).only("workspace_id").first()
        if not isinstance(user, User) or run is None:
            return False
        fresh = User.objects.filter(pk=user.pk, is_active=True).first()
        if fresh is None:
            return False
        try:
            return member_of(fresh, run.workspace_id).may(SOCKETS["ws/runs/<uuid:run_id>"])
        except Http404:
            return False

    def _after(self) -> int:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        after = query.get("after", ["0"])[0]
        return int(after) if after.isdecimal() and len(after) < 19 else 0

    async def _follow(self, seen: int) -> None:
        quiet_s = 0.0
        told = None
        async with process.live_updates().subscribe(run_topic(self.run_id)) as news:
            while True:
                events, run = await sync_to_async(self._read)(seen)
                # What holds a run up changes without an event.
                if events or run["held_up_by"] != told:
                    told, quiet_s = run["held_up_by"], 0.0
                    seen = events[-1]["seq"] if events else seen
                    await self.send_json({"type": "events", "events": events, "run": run})
                    if len(events) == EVENTS_PER_FRAME:
                        continue
                if await news.wait(1.0):
                    continue
                quiet_s += 1.0
                if quiet_s % PING_EVERY_S == 0:
                    if not await sync_to_async(self._may_read)():
                        await self.close(REFUSED)
                        return
                    await self.send_json({"type": "ping"})

    def _read(self, after: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        rows = Event.objects.filter(run_id=self.run_id, seq__gt=after).order_by("seq")[:EVENTS_PER_FRAME]
        events = [EventOut.of(row).model_dump(mode="json") for row in rows]
        run = Run.objects.get(pk=self.run_id)
        return events, WatchedRunOut.of(run).model_dump(mode="json")
