"""The socket of one run: events as they are written, from the number that the browser has seen."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import parse_qs
from uuid import UUID

from django.http import Http404

from builder.accounts.guarded_socket import Found, GuardedSocket
from builder.monitoring.schemas import EventOut, WatchedRunOut
from runtime.engine.live import run_topic
from runtime.models import Event, Run

EVENTS_PER_FRAME = 200


class RunConsumer(GuardedSocket):
    """Frames: {"type": "events", "events": [...], "run": {...}}.

    What is sent is read from the event log, so lost news costs one poll and no event.
    """

    route: ClassVar[str] = "ws/runs/<uuid:run_id>"

    async def connect(self) -> None:
        self.run_id: UUID = self.scope["url_route"]["kwargs"]["run_id"]
        self.topic = run_topic(self.run_id)
        self.seen = self._after()
        self.held_up_by: str | None = None
        await super().connect()

    def workspace_id(self) -> UUID:
        found = Run.objects.filter(pk=self.run_id).values_list("workspace_id", flat=True).first()
        if found is None:
            raise Http404
        return found

    def look(self) -> Found:
        rows = Event.objects.filter(run_id=self.run_id, seq__gt=self.seen).order_by("seq")[:EVENTS_PER_FRAME]
        events = [EventOut.of(event).model_dump(mode="json") for event in rows]
        row = Run.objects.filter(pk=self.run_id).first()
        if row is None:
            raise Http404
        run = WatchedRunOut.of(row).model_dump(mode="json")
        # What holds a run up changes without an event.
        if not events and run["held_up_by"] == self.held_up_by:
            return None, False
        self.held_up_by = run["held_up_by"]
        self.seen = events[-1]["seq"] if events else self.seen
        return {"type": "events", "events": events, "run": run}, len(events) == EVENTS_PER_FRAME

    def _after(self) -> int:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        after = query.get("after", ["0"])[0]
        return int(after) if after.isdecimal() and len(after) < 19 else 0
