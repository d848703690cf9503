"""News for whoever watches: a page, a held webhook, an errand's caller. All of it may be lost.

Topics are short texts; a message is a small mapping that says where to look. An answer that somebody waits for is brought
along where it is small, sealed, so that it need not be looked up. Those of answers go to every process over one channel,
because a request that waits for one should not cost Redis a subscription of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.asyncio.connection import Connection

from runtime.engine.redis_line import Line
from runtime.engine.sealing import seal, unseal

PREFIX = "patchbay:"
RECONNECT_AFTER_S = 1.0
QUIET_S = 10.0
"""Who has heard nothing for this time asks whether anybody is there."""
MAX_PENDING = 1000
ANSWER = "answer."
ANSWERS = ""
"""The channel that all answers go over."""
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
        if not await self.has_news(timeout_s):
            return False
        self._news.clear()
        return True

    async def has_news(self, timeout_s: float) -> bool:
        """The same, and the next wait finds it too."""
        try:
            # Without the task that `wait_for` makes.
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
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

    def send(self, channel: str, text: str) -> None:
        """Tell whoever hears the channel, at once and each text by itself; called on an event loop."""
        self._link(asyncio.get_running_loop()).send_text(channel, text)

    async def hear(self, channel: str, handle: Callable[[str], None]) -> None:
        """Call on this event loop, for as long as that runs, with each text that is sent over the channel."""
        await self._link(asyncio.get_running_loop()).hear(channel, handle)

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
        self._to: Connection = Redis.from_url(url).connection_pool.make_connection()  # type: ignore[no-untyped-call]
        self._subscribers: dict[str, set[Subscription]] = defaultdict(set)
        self._handlers: dict[str, Callable[[str], None]] = {}
        self._hears_answers = False
        self._listening: Line | None = None
        self._listened: set[str] = set()
        self._tried = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._sending: Line | None = None
        self._opened_at = -math.inf
        self._connecting: asyncio.Task[None] | None = None
        self._texts: list[tuple[str, str]] = []
        self._gathered: dict[str, str] = {}
        self._timer: asyncio.TimerHandle | None = None

    # --- sending --------------------------------------------------------------------------------

    def send(self, topic: str, news: Mapping[str, Any]) -> None:
        if topic.startswith(ANSWER):
            sealed = seal(news, about=topic) or seal({}, about=topic)
            self.send_text(ANSWERS, f"{topic} {sealed}")
        elif len(self._gathered) < MAX_PENDING:
            self._gathered[topic] = json.dumps(news, default=str)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._send_gathered)

    def send_text(self, channel: str, text: str) -> None:
        if self._sending is not None:
            self._sending.send("PUBLISH", PREFIX + channel, text)
            if not self._sending.is_lost:
                return
            self._sending = None
        if len(self._texts) < MAX_PENDING:
            self._texts.append((channel, text))
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())

    def _send_gathered(self) -> None:
        self._timer = None
        gathered, self._gathered = self._gathered, {}
        for topic, text in gathered.items():
            self.send_text(topic, text)

    async def _connect(self) -> None:
        """Connect, and send what has waited for that; while Redis is away it is forgotten."""
        # One that is refused right after it was opened is not opened anew for each message.
        await asyncio.sleep(self._opened_at + RECONNECT_AFTER_S - time.monotonic())
        self._opened_at = time.monotonic()
        try:
            self._sending = await Line.open(self._to, _ignore)
        except (OSError, TimeoutError):
            await asyncio.sleep(RECONNECT_AFTER_S)
        self._connecting = None
        texts, self._texts = self._texts, []
        if self._sending is not None:
            for channel, text in texts:
                self.send_text(channel, text)

    # --- listening ------------------------------------------------------------------------------

    async def add(self, topic: str, subscription: Subscription) -> None:
        self._subscribers[topic].add(subscription)
        is_answer = topic.startswith(ANSWER)
        if not (is_answer and self._hears_answers):
            self._hears_answers = self._hears_answers or is_answer
            await self._listen()

    def remove(self, topic: str, subscription: Subscription) -> None:
        self._subscribers[topic].discard(subscription)
        if not self._subscribers[topic]:
            del self._subscribers[topic]
            if not topic.startswith(ANSWER):
                self._listen_as_wanted()

    async def hear(self, channel: str, handle: Callable[[str], None]) -> None:
        self._handlers[channel] = handle
        await self._listen()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        lines = [line for line in (self._sending, self._listening) if line is not None]
        tasks = [task for task in (self._connecting, self._reader) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *(line.finish() for line in lines), return_exceptions=True)

    async def _listen(self) -> None:
        """Listen to what is wanted; the first time that waits until Redis was reached, or was not."""
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        await self._tried.wait()
        self._listen_as_wanted()

    def _listen_as_wanted(self) -> None:
        """Bring what Redis sends in line with who listens."""
        if self._listening is None:
            return
        wanted = {topic for topic in self._subscribers if not topic.startswith(ANSWER)}
        wanted |= {ANSWERS} if self._hears_answers else set()
        wanted |= self._handlers.keys()
        if missing := wanted - self._listened:
            self._listening.send("SUBSCRIBE", *(PREFIX + channel for channel in missing))
        if gone := self._listened - wanted:
            self._listening.send("UNSUBSCRIBE", *(PREFIX + channel for channel in gone))
        self._listened = wanted

    async def _read(self) -> None:
        """Listen for ever, over one line after the other."""
        while True:
            try:
                self._listening = await Line.open(self._to, self._take)
                self._listened = set()
                self._listen_as_wanted()
                self._tried.set()
                await self._listening.hold(QUIET_S)
            except (OSError, TimeoutError):
                pass  # until it is back, who waits looks every now and then
            finally:
                self._listening = None
                self._tried.set()
            await asyncio.sleep(RECONNECT_AFTER_S)

    def _take(self, message: Any) -> None:
        """Wake subscribers; a confirmed subscription wakes too, for what came before it."""
        if not isinstance(message, list) or message[0] not in {b"message", b"subscribe"}:
            return
        is_text = message[0] == b"message"
        channel = message[1].decode(errors="replace").removeprefix(PREFIX)
        text = message[2].decode(errors="replace") if is_text else ""
        if channel in self._handlers:
            if is_text:
                self._handlers[channel](text)
        elif channel == ANSWERS:
            self._hear_answer(text)
        else:
            self._wake(channel)

    def _hear_answer(self, text: str) -> None:
        """One that was made up wakes nobody: who has handed a run over takes its answer for a sign that it is stored."""
        topic, _, sealed = text.partition(" ")
        if topic in self._subscribers and (told := unseal(sealed, about=topic)) is not None:
            self._wake(topic, told)

    def _wake(self, topic: str, told: Mapping[str, Any] | None = None) -> None:
        for subscription in self._subscribers.get(topic, ()):
            subscription.wake(told)


def _ignore(reply: Any) -> None:
    """How many have heard it."""
