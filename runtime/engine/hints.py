"""Hints to hosts: "look at this run". They go out after the commit, off the request path, and may all be lost.

In one process with a host the hint goes straight to it. Otherwise a publisher thread sends it to the broker,
behind a breaker: while the broker is away nothing waits for it, and the hosts' sweep finds the work. A new run that its first
write may insert goes straight to a host in either case, see presence.py.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from runtime.engine.new_runs import Begun, BegunHere, NewRun

logger = logging.getLogger(__name__)

MAX_PENDING = 10_000
MAX_TOGETHER = 200
REST_AFTER_FAILURE_S = 5.0


@dataclass(frozen=True)
class Hint:
    """A run that may be due, with its row if it is new; without a run, an errand waits."""

    run_id: UUID | None = None
    new: NewRun | None = None


class LocalHost(Protocol):
    def offer(self, run_id: UUID) -> None: ...

    def offer_new(self, new: NewRun) -> None: ...

    def begin(self, new: NewRun) -> Future[bool]: ...

    def offer_errand(self) -> None: ...


class OtherHosts(Protocol):
    def begin(self, new: NewRun) -> Begun | None: ...


class _Publisher:
    """Sends hints to the broker from one thread, so that a slow broker costs no request anything."""

    def __init__(self, send: Callable[[list[Hint]], None]) -> None:
        self._send = send
        self._queue: queue.Queue[Hint] = queue.Queue(MAX_PENDING)
        self._open_until = 0.0
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
        self._thread.start()

    def put(self, what: Hint) -> None:
        if time.monotonic() < self._open_until:
            return
        if self._queue.qsize() >= MAX_TOGETHER:
            # While the broker is slow, rows would only take memory: they are read by whoever takes their runs.
            what = Hint(what.run_id)
        try:
            self._queue.put_nowait(what)
        except queue.Full:
            return

    def _run(self) -> None:
        while True:
            what = [self._queue.get(), *self._pending()]
            try:
                self._send(what)
            except Exception as error:
                self._open_until = time.monotonic() + REST_AFTER_FAILURE_S
                logger.warning(
                    "the broker does not take hints; workers find the work by themselves",
                    extra={"action": "hint", "error": type(error).__name__},
                )
                self._forget_pending()

    def _forget_pending(self) -> None:
        while self._pending():
            continue

    def _pending(self) -> list[Hint]:
        """What has come in the meantime, so that it goes with the next message."""
        found: list[Hint] = []
        while len(found) < MAX_TOGETHER:
            try:
                found.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return found


_local: LocalHost | None = None
_others: OtherHosts | None = None
_publisher: _Publisher | None = None
_lock = threading.Lock()


def use_local_host(host: LocalHost | None) -> None:
    """From here on hints go straight to a host in this process."""
    global _local
    _local = host


def use_broker(send: Callable[[list[Hint]], None]) -> None:
    """From here on hints go to the broker."""
    global _publisher
    with _lock:
        _publisher = _Publisher(send)


def use_other_hosts(hosts: OtherHosts) -> None:
    """From here on new runs may be begun by hosts of other processes."""
    global _others
    _others = hosts


def offer_run(run_id: UUID) -> None:
    if _local is not None:
        _local.offer(run_id)
    elif _publisher is not None:
        _publisher.put(Hint(run_id))


def offer_new_run(new: NewRun) -> None:
    """Of a run that was committed a moment ago."""
    if _local is not None:
        _local.offer_new(new)
    elif _publisher is not None:
        _publisher.put(Hint(new.run.pk, new))


def begin(new: NewRun) -> Begun | None:
    """Have a host begin a run that its first write inserts, that of this process if there is one; None where none can."""
    if _local is not None:
        return BegunHere(_local.begin(new))
    return _others.begin(new) if _others is not None else None


def offer_errand() -> None:
    if _local is not None:
        _local.offer_errand()
    elif _publisher is not None:
        _publisher.put(Hint())
