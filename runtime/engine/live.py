"""News for whoever watches: a page, a held webhook, an errand's caller. All of it may be lost.

Topics are short texts; a message is a small mapping that says where to look. An answer that somebody waits for is brought
along where it is small, sealed, so that it need not be looked up. Those of answers go to every process over one channel,
because a request that waits for one should not cost Redis a subscription of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runtime.engine.sealing import seal, unseal

PREFIX = "patchbay:"
CONNECT_TIMEOUT_S = 2.0
SEND_TIMEOUT_S = 2.0
RECONNECT_AFTER_S = 1.0
QUIET_S = 10.0
"""Who has heard nothing for this time asks whether anybody is there."""
ANSWERS_WITHIN_S = 5.0
MAX_PENDING = 1000
ANSWER = "answer."
GATHER_S = 0.04
"""News of one topic within this time is told once, the latest; answers are told at once."""


def run_topic(run_id: UUID | str) -> str:
    known = run_id if isinstance(run_id, UUID) else UUID(run_id)
    return f"run.{known.hex}"


def answer_topic(run_id: UUID) -> str:
    """For whoever waits until a run has replied or ended, and for nothing before that; its news is {"answer": (…)}."""
    return f"{ANSWER}{run_id.hex}"


class Subscription:
    """Wakes its owner when news has come since it last asked; `told` is the latest, where it was brought along."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self.told: Mapping[str, Any] | None = None

    def wake(self, told: Mapping[str, Any] | None = None) -> None:
        self.told = told
        self._news.set()

    async def wait(self, timeout_s: float) -> bool:
        """True when there was news within the time."""
        try:
            # Without the task that `wait_for` makes.
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True


class LiveUpdates(Protocol):
    def publish(self, topic: str, news: Mapping[str, Any]) -> None:
        """Tell subscribers; never raises, never waits."""
        ...

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[Subscription]:
        """Listen from here on."""
        ...

    async def close(self) -> None:
        """Let go of what the running event loop holds."""
        ...


class EmbeddedLiveUpdates:
    """Within one process: host and web live on different loops, so news crosses by `call_soon_threadsafe`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: dict[str, set[tuple[asyncio.AbstractEventLoop, Subscription]]] = defaultdict(set)

    def publish(self, topic: str, news: Mapping[str, Any]) -> None:
        self.reach(topic, news)

    def reach(self, topic: str, news: Mapping[str, Any]) -> bool:
        """Publish; whether anybody in this process listens."""
        with self._lock:
            subscribers = list(self._subscribers.get(topic, ()))
        for loop, subscription in subscribers:
            with contextlib.suppress(RuntimeError):  # the subscriber's loop has just closed
                loop.call_soon_threadsafe(subscription.wake, news)
        return bool(subscribers)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Subscription]:
        entry = (asyncio.get_running_loop(), Subscription())
        with self._lock:
            self._subscribers[topic].add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._subscribers[topic].discard(entry)
                if not self._subscribers[topic]:
                    del self._subscribers[topic]

    async def close(self) -> None:
        """Nothing is held."""


class RedisLiveUpdates:
    """Between processes, by Redis publish and subscribe; each event loop has one connection of its own for each.

    An answer that is waited for in this very process goes there straight.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._here = EmbeddedLiveUpdates()
        self._links: WeakKeyDictionary[asyncio.AbstractEventLoop, _Link] = WeakKeyDictionary()

    def publish(self, topic: str, news: Mapping[str, Any]) -> None:
        # Whoever waits for the same answer in another process too finds it by looking.
        if topic.startswith(ANSWER) and self._here.reach(topic, news):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._link(loop).send(topic, news)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[Subscription]:
        async with self._here.subscribe(topic) as subscription:
            link = self._link(asyncio.get_running_loop())
            await link.add(topic, subscription)
            try:
                yield subscription
            finally:
                link.remove(topic, subscription)

    async def close(self) -> None:
        link = self._links.pop(asyncio.get_running_loop(), None)
        if link is not None:
            await link.close()

    def _link(self, loop: asyncio.AbstractEventLoop) -> _Link:
        link = self._links.get(loop)
        if link is None:
            link = self._links[loop] = _Link(self._url)
        return link


class _Link:
    """One event loop's way to Redis. While Redis is away nothing is sent, and subscribers poll."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=CONNECT_TIMEOUT_S, socket_keepalive=True)
        self._listening = self._redis.pubsub()
        self._listened: set[str] = set()
        self._subscribers: dict[str, set[Subscription]] = defaultdict(set)
        self._order = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._pending: set[asyncio.Task[None]] = set()
        self._unsent: dict[str, str] = {}
        self._is_sending = False
        self._timer: asyncio.TimerHandle | None = None

    def send(self, topic: str, news: Mapping[str, Any]) -> None:
        if len(self._unsent) >= MAX_PENDING:
            return
        if topic.startswith(ANSWER):
            self._unsent[topic] = f"{topic} {seal(news, about=topic)}"
            self._send_unsent()
            return
        self._unsent[topic] = json.dumps(news, default=str)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._send_unsent)

    def _send_unsent(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._unsent and not self._is_sending:
            self._is_sending = True
            self._keep(asyncio.create_task(self._send_all()))

    async def _send_all(self) -> None:
        try:
            while self._unsent:
                unsent, self._unsent = self._unsent, {}
                pipeline = self._redis.pipeline(transaction=False)
                for topic, text in unsent.items():
                    pipeline.publish(PREFIX if topic.startswith(ANSWER) else PREFIX + topic, text)
                await self._bounded(pipeline.execute())
        finally:
            # Not by whether the task is done: what came between its last look and that would lie there.
            self._is_sending = False

    async def add(self, topic: str, subscription: Subscription) -> None:
        self._subscribers[topic].add(subscription)
        if self._reader is None or not topic.startswith(ANSWER):
            await self._bounded(self._listen_as_wanted())

    def remove(self, topic: str, subscription: Subscription) -> None:
        self._subscribers[topic].discard(subscription)
        if not self._subscribers[topic]:
            del self._subscribers[topic]
            if not topic.startswith(ANSWER):
                self._do(self._listen_as_wanted())

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        tasks = [*self._pending, *([self._reader] if self._reader else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._bounded(self._listening.aclose())  # type: ignore[no-untyped-call]
        await self._bounded(self._redis.aclose())

    def _do(self, what: Awaitable[Any]) -> None:
        self._keep(asyncio.create_task(self._bounded(what)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _bounded(self, what: Awaitable[Any]) -> None:
        with contextlib.suppress(RedisError, OSError, TimeoutError):  # lost news costs its reader one poll
            await asyncio.wait_for(what, SEND_TIMEOUT_S)

    async def _listen_as_wanted(self) -> None:
        """Bring what Redis sends in line with who listens; one change at a time, so that none overtakes another."""
        async with self._order:
            # The channel of answers also keeps the connection listening between subscriptions.
            own = (topic for topic in self._subscribers if not topic.startswith(ANSWER))
            wanted = {PREFIX, *(PREFIX + topic for topic in own)}
            if missing := wanted - self._listened:
                await self._listening.subscribe(*missing)
                self._listened |= missing
            if gone := self._listened - wanted:
                await self._listening.unsubscribe(*gone)
                self._listened -= gone
            if self._reader is None:
                self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Wake subscribers for ever; a confirmed subscription wakes too, for what came before it."""
        while True:
            try:
                async for message in self._messages():
                    channel = message["channel"].decode(errors="replace").removeprefix(PREFIX)
                    if channel and message["type"] in {"message", "subscribe"}:
                        self._wake(channel)
                    elif message["type"] == "message":
                        topic, _, sealed = message["data"].decode(errors="replace").partition(" ")
                        self._wake(topic, sealed)
            except (RedisError, OSError, TimeoutError):
                await self._bounded(self._listening.aclose())  # type: ignore[no-untyped-call]
                self._listening, self._listened = self._redis.pubsub(), set()
            await asyncio.sleep(RECONNECT_AFTER_S)
            await self._bounded(self._listen_as_wanted())

    async def _messages(self) -> AsyncIterator[dict[str, Any]]:
        """What is said, until nothing is subscribed; raises when Redis is asked whether it is there and says nothing."""
        was_asked = False
        while self._listening.subscribed:
            message = await self._listening.get_message(timeout=ANSWERS_WITHIN_S if was_asked else QUIET_S)
            if message is not None:
                was_asked = False
                if message["type"] != "pong":
                    yield message
            elif was_asked:
                # A line that was cut off in silence would be listened to for ever.
                raise RedisError("Redis does not answer on the connection that news come over.")
            else:
                await asyncio.wait_for(self._listening.ping(), SEND_TIMEOUT_S)
                was_asked = True

    def _wake(self, topic: str, sealed: str = "") -> None:
        if subscribers := self._subscribers.get(topic):
            told = unseal(sealed, about=topic) if sealed else None
            for subscription in subscribers:
                subscription.wake(told)
