"""Connections that are kept between uses, no more at once than one process may have.

Not psycopg_pool: after a loss of all connections it gives up one after another with a growing pause between them, and while
the database is away it tries again ever more rarely. Here a loss costs nobody more than the time to connect, an outage is told
at once, and whether a kept connection still lives is known without asking the database.
"""

from __future__ import annotations

import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from psycopg import Connection, Error, OperationalError
from psycopg.pq import TransactionStatus

Link = Connection[Any]

KEPT_IDLE_S = 600.0


class Pool:
    """Has what Django expects of a pool. The connection that was used last is given out first."""

    def __init__(self, connect: Callable[[], Link], *, max_size: int, timeout: float) -> None:
        """connect   opens a connection; it commits by itself
        max_size  connections at once
        timeout   s that a caller waits for one to become free
        """
        self._connect = connect
        self._timeout_s = timeout
        self._room = threading.BoundedSemaphore(max_size)
        self._lock = threading.Lock()
        self._free: deque[tuple[float, Link]] = deque()

    def open(self) -> None:
        """Nothing: connections are opened when they are asked for."""

    def getconn(self) -> Link:
        """A connection that lives, for one thread; raises psycopg.OperationalError."""
        if not self._room.acquire(timeout=self._timeout_s):
            raise OperationalError(f"No connection became free within {self._timeout_s:g} s.")
        try:
            link = self._kept() or self._connect()
        except BaseException:
            self._room.release()
            raise
        # Django gives it back to the pool that it names.
        link._pool = self  # type: ignore[assignment]
        return link

    def putconn(self, link: Link) -> None:
        try:
            self._keep(link)
        finally:
            self._room.release()

    def close(self) -> None:
        """Close what is free; what is in use goes on."""
        with self._lock:
            free, self._free = self._free, deque()
        for _, link in free:
            link.close()

    def _kept(self) -> Link | None:
        with self._lock:
            link = self._free.pop()[1] if self._free else None
        if link is None or is_alive(link):
            return link
        # What ended this one has most likely ended the others too, and may not have told of all of them yet.
        link.close()
        self.close()
        return None

    def _keep(self, link: Link) -> None:
        status = link.pgconn.transaction_status
        if status == TransactionStatus.IDLE and link.autocommit:
            now = time.monotonic()
            with self._lock:
                self._free.append((now, link))
                is_idle = now - self._free[0][0] > KEPT_IDLE_S
                idle = self._free.popleft()[1] if is_idle else None
            if idle is not None:
                idle.close()
            return
        link.close()
        if status == TransactionStatus.UNKNOWN:
            # It broke in use.
            self.close()


def is_alive(link: Link) -> bool:
    """Whether the server has not ended it; what it has to say unasked is its farewell, or nothing of weight."""
    looking = select.poll()
    looking.register(link.fileno(), select.POLLIN)
    if not looking.poll(0):
        return True
    try:
        link.execute("")
    except Error:
        return False
    return True
