"""Hosts that tell of themselves, and processes without one that hand a new run to a host which has room, over Redis.

The host inserts the run with its first write; until then it is known to nobody. All messages may be lost: whoever has handed a run
over inserts it then. They are sealed: nobody else can read a run's input, or have one begun.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import Error as AnyDatabaseError
from django.db.models.functions import Now

from runtime.database_outage import is_outage
from runtime.engine.live import RedisLiveUpdates, Subscription, answer_topic
from runtime.engine.new_runs import BEGUN_WITHIN_S, NewRun, run_of
from runtime.engine.sealing import seal, unseal
from runtime.engine.waiting import InDatabase
from runtime.models import Host, Run

HOSTS = "hosts"
HEARD_WITHIN_S = 3.0
"""Hosts tell of themselves with each sweep; one that has not for so long may be gone."""
FORGOTTEN_AFTER_S = 60.0
LOOK_AFTER_S = 0.25
"""Who has heard nothing of a run that was handed over for this time looks whether it was inserted."""
TOLD_AFTER_S = 0.1
"""A run that was inserted so long ago and has not been answered yet is told of, so that nobody need look."""
SPARE_ROOM = 8
"""For what other processes hand over at the same moment."""
BEGUN, REFUSED = {"begun": True}, {"begun": False}


def channel_of(host_id: UUID) -> str:
    return f"host.{host_id.hex}"


class Presence:
    """A host as others know it; lives on its loop."""

    def __init__(
        self, live: RedisLiveUpdates, host_id: UUID, begin: Callable[[NewRun], Future[bool]]
    ) -> None:
        self._live = live
        self._id = host_id
        self._begin = begin
        self._untold: dict[UUID, asyncio.TimerHandle] = {}

    async def listen(self) -> None:
        """Begin what is handed over, from here on."""
        await self._live.hear(channel_of(self._id), self._take)

    def tell(self, room: int) -> None:
        """Say that the host is there, and how many runs it would take."""
        self._live.send(HOSTS, seal([self._id.hex, room, time.monotonic()], about=HOSTS))

    def _take(self, text: str) -> None:
        found = unseal(text, about=channel_of(self._id))
        if found is None:
            return
        made_at, settings, values = found
        run = run_of(values)
        if run is None:
            self._refuse(UUID(values["id"]))
            return
        new = NewRun(run, settings, is_inserted=False, made_at=made_at)
        self._begin(new).add_done_callback(partial(self._tell_sender, run.pk))

    def answered(self, run_id: UUID) -> None:
        """Its answer was told, which says that it was begun, too."""
        if timer := self._untold.pop(run_id, None):
            timer.cancel()

    def _tell_sender(self, run_id: UUID, begun: Future[bool]) -> None:
        if begun.exception() is not None or not begun.result():
            self._refuse(run_id)
        else:
            loop = asyncio.get_running_loop()
            self._untold[run_id] = loop.call_later(TOLD_AFTER_S, self._tell_begun, run_id)

    def _tell_begun(self, run_id: UUID) -> None:
        self._untold.pop(run_id, None)
        self._live.publish(answer_topic(run_id), BEGUN)

    def _refuse(self, run_id: UUID) -> None:
        self._live.publish(answer_topic(run_id), REFUSED)


class HandedOver:
    """A run on its way to a host: who has handed it over hears its answer, that it was begun, a refusal, or nothing."""

    def __init__(self, run_id: UUID, distrust: Callable[[], object]) -> None:
        self._run_id = run_id
        self._distrust = distrust
        self._until = time.monotonic() + BEGUN_WITHIN_S
        self._is_refused = False

    @property
    def may_come(self) -> bool:
        return not self._is_refused and time.monotonic() < self._until

    async def is_inserted(self, news: Subscription, in_database: InDatabase) -> bool:
        while not await news.has_news(LOOK_AFTER_S):
            try:
                is_there = bool(await in_database(Run.objects.filter(pk=self._run_id).exists))
            except AnyDatabaseError as error:
                # As long as the host may still insert it, nobody can be told that it was not accepted.
                if is_outage(error) and self.may_come:
                    continue
                raise
            if not is_there:
                self._distrust()
            return is_there
        self._is_refused = news.told == REFUSED
        if news.told in (BEGUN, REFUSED):
            await news.wait(0)
        return not self._is_refused


@dataclass
class _Heard:
    """What a host has told last; made_at: by its own clock, heard_at: by this process's; is_ours: it is one of this database."""

    room: int
    made_at: float
    heard_at: float
    is_ours: bool = False

    @property
    def has_room(self) -> bool:
        return self.is_ours and self.room > SPARE_ROOM and time.monotonic() - self.heard_at < HEARD_WITHIN_S


class KnownHosts:
    """The living hosts of this database, as far as they told of themselves."""

    def __init__(self, live: RedisLiveUpdates) -> None:
        self._live = live
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_database: InDatabase
        self._heard: dict[UUID, _Heard] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, in_database: InDatabase) -> None:
        """Hear of hosts from here on, on the event loop that is running."""
        if self._loop is None:
            self._loop, self._in_database = asyncio.get_running_loop(), in_database
            self._keep(self._live.hear(HOSTS, self._hear))

    def begin(self, new: NewRun) -> HandedOver | None:
        """Hand a run over that is in no database yet, from any thread; None where no host has room for it, or it is too large."""
        fit = [(host_id, heard) for host_id, heard in list(self._heard.items()) if heard.has_room]
        if not fit or self._loop is None:
            return None
        random.shuffle(fit)
        host_id, heard = max(fit, key=lambda one: one[1].room)
        # Not later than it was, by the host's clock: what was heard had left there before it came here.
        made_at = heard.made_at + time.monotonic() - heard.heard_at
        text = seal([made_at, new.settings, new.values()], about=channel_of(host_id))
        if not text:
            return None
        heard.room -= 1
        self._loop.call_soon_threadsafe(self._live.send, channel_of(host_id), text)
        return HandedOver(new.run.pk, partial(self._heard.pop, host_id, None))

    def _hear(self, text: str) -> None:
        told = unseal(text, about=HOSTS)
        if told is None:
            return
        host_id, now = UUID(hex=told[0]), time.monotonic()
        before = self._heard.get(host_id)
        heard = self._heard[host_id] = _Heard(told[1], told[2], now, before is not None and before.is_ours)
        if before is None:
            for other, last in list(self._heard.items()):
                if now - last.heard_at > FORGOTTEN_AFTER_S:
                    self._heard.pop(other, None)
        if not heard.is_ours:
            self._keep(self._look_up(host_id))

    async def _look_up(self, host_id: UUID) -> None:
        """Redis may be shared by several installations: a host of this one has its row here."""
        with suppress(AnyDatabaseError):
            living = Host.objects.filter(pk=host_id, lease_until__gt=Now())
            if await self._in_database(living.exists) and host_id in self._heard:
                self._heard[host_id].is_ours = True

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
