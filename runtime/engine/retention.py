"""Removing old runs, a batch at a time, so that nothing else is held up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from runtime.engine import clock
from runtime.identifiers import first_id_of
from runtime.models import (
    ENDED,
    Attempt,
    ConcurrencyKey,
    Event,
    Run,
    RunStatus,
    ScheduledRun,
    Signal,
    Step,
    StoredValue,
    Wait,
)

PARTS: Sequence[type[Step | StoredValue | Attempt | Event | Wait]] = (Step, StoredValue, Attempt, Event, Wait)
SIGNALS_KEPT_FOR = timedelta(days=30)


def oldest_ended(days: int, limit: int) -> list[UUID]:
    """Ended runs that are counted and were begun before so many days, or whose workflow keeps them for a shorter time;
    not those that another one started and waited for, as long as it is there and has not succeeded.

    days   0: only those whose workflow says for how long
    """
    at = clock.now()
    old = Q(keep_until__lt=at)
    if days:
        old |= Q(pk__lt=first_id_of(at - timedelta(days=days)), keep_until=None)
    rows = Run.objects.filter(old, status__in=ENDED, uncounted=False).exclude(is_kept_for_parent())
    return list(rows.order_by("pk").values_list("pk", flat=True)[:limit])


def is_kept_for_parent() -> Q:
    """What a retry of another run would go on with: without it, calls that were made would be made again."""
    waited_for = Run.objects.filter(pk=OuterRef("parent_id")).exclude(status=RunStatus.SUCCEEDED)
    return Q(parent_id__isnull=False) & ~Q(parent_key="") & Q(Exists(waited_for))


def delete_in_batches(rows: QuerySet[Any], batch: int) -> int:
    """Delete them, so many in a transaction; returns how many."""
    count, model = 0, rows.model
    while ids := list(rows.values_list("pk", flat=True)[:batch]):
        count += model._default_manager.filter(pk__in=ids).delete()[0]
    return count


@transaction.atomic
def remove(run_ids: Sequence[UUID]) -> None:
    """The runs and all that belongs to them; an open run above or beside them is not touched."""
    forget_signals(run_ids)
    for part in PARTS:
        part.objects.filter(run_id__in=run_ids).delete()
    Run.objects.filter(pk__in=run_ids, status__in=ENDED).delete()


def forget_signals(run_ids: Sequence[UUID]) -> None:
    """What was sent to runs whose waits are about to be deleted: what people answered, and what other runs gave."""
    Signal.objects.filter(key__in=Wait.objects.filter(run_id__in=run_ids).values("key")).delete()


@transaction.atomic
def remove_leftovers(at: datetime) -> None:
    """Signals of long ago that no open wait is to hear, receipts of slots, and keys that no open run has."""
    before = at - SIGNALS_KEPT_FOR
    is_open = Wait.objects.filter(key=OuterRef("key"), closed_at=None)
    Signal.objects.filter(~Exists(is_open), sent_at__lt=before).delete()
    ScheduledRun.objects.filter(slot__lt=before).delete()
    held = Run.objects.exclude(slot_key="").filter(ended_at=None).values("slot_key")
    ConcurrencyKey.objects.exclude(key__in=held).delete()
