"""Starting what the clock starts: one run per slot, however many hosts sweep.

A due schedule is locked, its run is inserted and its slot moved on in one transaction; a key per slot is the last
guard. Slots that nobody was there to fire are missed: their author chose one late run for the newest, or none.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from runtime.database_outage import is_outage
from runtime.engine import clock
from runtime.gateways import Gateways
from runtime.models import Schedule, ScheduledRun, WatchedItem
from runtime.timetables import Timetable

logger = logging.getLogger(__name__)

PER_SWEEP = 50
ON_TIME = timedelta(seconds=60)
"""A slot fired this late still counts as on time: a worker was restarted, or the database was busy."""
TRY_AGAIN_S = 60.0
KEPT_FOR = timedelta(days=30)


def fire_due(gateways: Gateways) -> None:
    """Start the runs of what is due; a schedule that fails is tried again later and holds up no other."""
    for schedule_id in list(_due().order_by("due_at").values_list("pk", flat=True)[:PER_SWEEP]):
        try:
            _fire(schedule_id, gateways)
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception(
                "a schedule could not start its run",
                extra={"action": "schedule", "schedule_id": str(schedule_id)},
            )
            Schedule.objects.filter(pk=schedule_id).update(due_at=clock.later(TRY_AGAIN_S))


def forget(schedules: QuerySet[Schedule]) -> None:
    """Delete schedules with what is kept of their slots and items."""
    ids = list(schedules.values_list("pk", flat=True))
    ScheduledRun.objects.filter(schedule_id__in=ids).delete()
    WatchedItem.objects.filter(schedule_id__in=ids).delete()
    schedules.delete()


def _due() -> QuerySet[Schedule]:
    times = Schedule.objects.filter(kind=Schedule.Kind.TIMES, is_paused=False)
    return times.filter(due_at__lte=Now(), slot__isnull=False)


@transaction.atomic
def _fire(schedule_id: UUID, gateways: Gateways) -> None:
    row = _due().filter(pk=schedule_id).select_for_update(skip_locked=True).first()
    if row is None or row.slot is None:
        return
    at, timetable = clock.now(), Timetable.from_spec(row.spec)
    slot, following = timetable.newest(row.slot, at), timetable.next_after(at)
    if row.missed == Schedule.Missed.RUN_ONCE or _is_on_time(slot, following, at):
        if _start(row, slot, timetable, gateways):
            row.previous_at = slot
        ScheduledRun.objects.filter(schedule_id=row.pk, slot__lt=at - KEPT_FOR).delete()
    row.slot = row.due_at = following
    row.save(update_fields=["slot", "due_at", "previous_at"])


def _is_on_time(slot: datetime, following: datetime | None, at: datetime) -> bool:
    """Of slots that are close together, one counts as missed when the next one is nearer."""
    return at - slot <= (min(ON_TIME, (following - slot) / 2) if following else ON_TIME)


def _start(row: Schedule, slot: datetime, timetable: Timetable, gateways: Gateways) -> bool:
    if ScheduledRun.objects.filter(schedule_id=row.pk, slot=slot).exists():
        return False
    previous_at = timetable.written(row.previous_at) if row.previous_at else None
    value = {"due_at": timetable.written(slot), "previous_at": previous_at}
    run_id = gateways.triggers.start_due(row.workflow_id, row.node, value, "schedule")
    if run_id is None:
        return False
    ScheduledRun.objects.create(schedule_id=row.pk, slot=slot, run_id=run_id)
    logger.info("a schedule started a run", extra={"action": "schedule", "run_id": str(run_id)})
    return True
