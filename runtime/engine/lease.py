"""The lease of a host: 12 s by the database's clock, renewed every 4 s from a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections, transaction
from django.db.models import Min

from runtime.engine import clock
from runtime.models import Host, Run

logger = logging.getLogger(__name__)

LEASE_S = 12.0
RENEW_EVERY_S = LEASE_S / 3
TRY_AGAIN_S = 1.0
"""After the database did not answer: it may be back before the lease runs out."""
SAFETY_S = 1.0
"""The host counts its lease this much shorter than the database does."""
OLD_AFTER_S = 3600.0
STUCK_EXIT = 70
"""The exit code of a process whose loop does not answer, after its lease was lost."""


class Lease:
    """Taken once, kept by a thread; `now()` and `is_lost()` may be asked from any thread."""

    def __init__(self, host_id: UUID, name: str) -> None:
        self._id = host_id
        self._name = name
        self._deadline = 0.0
        self._base = (datetime.now(UTC), time.monotonic())
        self._stopped = threading.Event()

    def take(self) -> None:
        """Write the host's row; raises DatabaseError while there are no tables."""
        before = time.monotonic()
        at = clock.now()
        with transaction.atomic():
            Host.objects.update_or_create(
                pk=self._id,
                defaults={
                    "name": self._name,
                    "started_at": at,
                    "lease_until": at + timedelta(seconds=LEASE_S),
                    "progress_at": at,
                    "suspect_run_id": None,
                },
            )
            _forget_old(at)
        self._base = (at, before)
        self._deadline = before + LEASE_S - SAFETY_S

    def keep(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[], None]) -> None:
        """Renew in the background for as long as the loop answers; what kept a lease before this one ends."""
        self._stopped.set()
        self._stopped = threading.Event()
        arguments = (loop, on_lost, self._stopped)
        threading.Thread(target=self._keep, args=arguments, name="host-lease", daemon=True).start()

    def now(self) -> datetime:
        """The database's time: as it was at the last renewal, plus what has passed here since."""
        at, base = self._base
        return at + timedelta(seconds=time.monotonic() - base)

    def is_lost(self) -> bool:
        return time.monotonic() >= self._deadline

    def stop(self) -> None:
        self._stopped.set()

    def give_up(self) -> None:
        """Take the host's row away; what it still holds may be claimed at once."""
        self._stopped.set()
        Run.objects.filter(host_id=self._id).update(host_id=None)
        Host.objects.filter(pk=self._id).delete()

    def _keep(
        self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[], None], stopped: threading.Event
    ) -> None:
        _use_own_connection()
        pause = RENEW_EVERY_S
        while not stopped.wait(pause):
            if self._loop_ticks(loop):
                pause = RENEW_EVERY_S if self._is_renewed() else TRY_AGAIN_S
            if self.is_lost() and not stopped.is_set():
                loop.call_soon_threadsafe(on_lost)
                self._end_if_stuck(loop, stopped)
                break
        connection.close()

    def _is_renewed(self) -> bool:
        try:
            self._renew()
        except Error as error:
            connection.close()
            logger.warning(
                "the lease could not be renewed", extra={"action": "lease", "error": str(error)[:200]}
            )
            return False
        return True

    def _end_if_stuck(self, loop: asyncio.AbstractEventLoop, stopped: threading.Event) -> None:
        """A step that never lets go of the loop has stopped all work here, draining too: only a new process helps."""
        if self._loop_ticks(loop) or stopped.is_set():
            return
        logger.critical("the loop is stuck, the worker ends", extra={"action": "lease", "host": self._name})
        os._exit(STUCK_EXIT)

    def _loop_ticks(self, loop: asyncio.AbstractEventLoop) -> bool:
        ticked = threading.Event()
        loop.call_soon_threadsafe(ticked.set)
        return ticked.wait(RENEW_EVERY_S)

    def _renew(self) -> None:
        before = time.monotonic()
        at = clock.now()
        # A lease that has run out by the database's clock is not renewed: its runs may be claimed already.
        renewed = Host.objects.filter(pk=self._id, lease_until__gt=at).update(
            lease_until=at + timedelta(seconds=LEASE_S), progress_at=at
        )
        if renewed:
            self._base = (at, before)
            self._deadline = before + LEASE_S - SAFETY_S
        else:
            self._deadline = 0.0


def _use_own_connection() -> None:
    """This thread's is not of the process's pool from here on: the lease is not to wait until others are done."""
    own = connection.copy()
    own.settings_dict["OPTIONS"].pop("pool", None)
    connections[DEFAULT_DB_ALIAS] = own


def clear_suspect(host_id: UUID) -> None:
    Host.objects.filter(pk=host_id).update(suspect_run_id=None)


def at_work_since(at: datetime) -> datetime:
    """Since when there has been a host: the start of the oldest that lives; `at` where none does."""
    living = Host.objects.filter(lease_until__gt=at)
    oldest: datetime | None = living.aggregate(oldest=Min("started_at"))["oldest"]
    return min(oldest or at, at)


def _forget_old(at: datetime) -> None:
    """Rows of hosts that are long dead and hold nothing."""
    held = Run.objects.filter(host_id__isnull=False).values("host_id")
    Host.objects.filter(lease_until__lt=at - timedelta(seconds=OLD_AFTER_S)).exclude(pk__in=held).delete()
