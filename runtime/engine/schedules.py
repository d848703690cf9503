"""Starting what the clock starts: one run per slot, however many hosts sweep.

Due schedules are locked some at a time, their runs are inserted and their slots moved on in one transaction; a key per
slot is the last guard. Slots at whose time no host was there to fire them are missed: their author chose one late run for
the newest, or none. What is late because there was much to do is not missed, and every slot of it gets its run.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from runtime.database_outage import is_outage
from runtime.engine import clock, lease, turns
from runtime.gateways import Gateways, Starter
from runtime.models import Schedule, ScheduledRun, WatchedItem
from runtime.timetables import Timetable

logger = logging.getLogger(__name__)

PER_BATCH = 20
"""In one transaction: SQLite has one writer, and what belongs to runs waits for it meanwhile."""
ON_TIME = timedelta(seconds=60)
"""A slot to which hosts come this late still counts as on time: a worker was restarted, or the database was away."""
TRY_AGAIN_S = 60.0
KEPT_FOR = timedelta(days=30)


@transaction.atomic
def fire_due(gateways: Gateways) -> bool:
    """Start the runs of a batch of what is due; whether there may be more.

    A schedule that fails is tried again later and holds up no other.
    """
    due = turns.due_now(Schedule.Kind.TIMES).filter(slot__isnull=False)
    rows = turns.take_in_turn(due, PER_BATCH)
    if rows:
        _fire(rows, gateways)
    return len(rows) == PER_BATCH


def forget(schedules: QuerySet[Schedule]) -> None:
    """Delete schedules with what is kept of their slots and items."""
    ids = list(schedules.values_list("pk", flat=True))
    ScheduledRun.objects.filter(schedule_id__in=ids).delete()
    WatchedItem.objects.filter(schedule_id__in=ids).delete()
    schedules.delete()


def _fire(rows: Collection[Schedule], gateways: Gateways) -> None:
    at = clock.now()
    began_at = lease.at_work_since(at)
    starters = gateways.triggers.starters({row.workflow_id for row in rows}, "schedule")
    moved = []
    # Starts hold concurrency keys until the end of the batch: in one order, lest two hosts wait crosswise.
    for row in sorted(rows, key=lambda row: (row.workflow_id, row.pk)):
        try:
            with transaction.atomic():
                _pass_slot(row, began_at, starters.get(row.workflow_id))
            moved.append(row)
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception(
                "a schedule could not start its run", extra={"action": "schedule", "schedule_id": str(row.pk)}
            )
            Schedule.objects.filter(pk=row.pk).update(due_at=clock.later(TRY_AGAIN_S))
    Schedule.objects.bulk_update(moved, ["slot", "due_at", "previous_at"])
    ScheduledRun.objects.filter(schedule_id__in=[row.pk for row in moved], slot__lt=at - KEPT_FOR).delete()


def _pass_slot(row: Schedule, began_at: datetime, starter: Starter | None) -> None:
    """Start the run of its slot, unless that was missed and is to be skipped, and move on to the next one.

    began_at   since when hosts are at work
    starter    None where the workflow is gone
    """
    if row.slot is None or row.due_at is None:
        return
    timetable = Timetable.from_spec(row.spec)
    # Judged as of the moment from which a host could look, however long it took until one came to it.
    seen_at = max(row.due_at, began_at)
    slot = timetable.newest(row.slot, seen_at)
    following = timetable.next_after(slot)
    if row.missed == Schedule.Missed.RUN_ONCE or _is_on_time(slot, following, seen_at):
        if starter and _start(row, slot, timetable, starter):
            row.previous_at = slot
    else:
        logger.info(
            "a missed time was skipped",
            extra={"action": "schedule", "schedule_id": str(row.pk), "slot": slot.isoformat()},
        )
    row.slot = row.due_at = following


def _is_on_time(slot: datetime, following: datetime | None, seen_at: datetime) -> bool:
    """Of slots that are close together, one counts as missed when the next one is nearer."""
    return seen_at - slot <= (min(ON_TIME, (following - slot) / 2) if following else ON_TIME)


def _start(row: Schedule, slot: datetime, timetable: Timetable, starter: Starter) -> bool:
    if ScheduledRun.objects.filter(schedule_id=row.pk, slot=slot).exists():
        return False
    previous_at = timetable.written(row.previous_at) if row.previous_at else None
    value = {"due_at": timetable.written(slot), "previous_at": previous_at}
    run_id = starter(row.node, value)
    if run_id is None:
        return False
    ScheduledRun.objects.create(schedule_id=row.pk, slot=slot, run_id=run_id)
    logger.info("a schedule started a run", extra={"action": "schedule", "run_id": str(run_id)})
    return True
