"""Counts of ended runs per workspace, day, workflow and status, so that no page ever counts runs.

A run that ends is uncounted. Hosts add such runs up a batch at a time, in a transaction that adds to the counts and
marks the runs: each is counted once, however many hosts there are and wherever one dies, and stays counted when
retention removes it. The run's own transaction touches no row that others write.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, QuerySet, Sum

from runtime.engine import duties
from runtime.models import ENDED, Run, RunCount, RunStatus

DUTY = "run_counts"
BATCH = 2_000
STEPS_PER_DOUBLING = 2
"""A median is off by less than a fifth."""
LONGEST_STEP = 90
ALL_WORKFLOWS = UUID(int=0)
OPEN_COUNTED_TO = 1_000
"""Nobody needs to know whether 40,000 or 41,000 runs are queued, and finding out would read them all."""
OPEN = tuple(status for status in RunStatus if status not in ENDED)

Key = tuple[UUID, UUID, date, bool, str, int]
FIELDS = ("workspace_id", "workflow_id", "version", "status", "created_at", "started_at", "ended_at")


@dataclass
class DayCount:
    """The runs of a day: how many ended in which status, and the typical time of those that succeeded."""

    day: date
    runs: dict[str, int] = field(default_factory=dict)
    median_ms: float | None = None

    @property
    def total(self) -> int:
        return sum(self.runs.values())


def fold(limit: int = BATCH, *, patient: bool = False) -> int:
    """Add up to `limit` ended runs to the counts; returns how many.

    patient   wait while another host does it, instead of leaving it to that one
    """
    if not _uncounted().exists():
        return 0
    with transaction.atomic():
        if patient:
            duties.wait_for(DUTY)
        elif not duties.take(DUTY):
            return 0
        rows = list(_uncounted().values_list("pk", *FIELDS)[:limit])
        _add(_counted(row[1:] for row in rows))
        Run.objects.filter(pk__in=[row[0] for row in rows]).update(uncounted=False)
    return len(rows)


def recount(first_day: date | None = None) -> int:
    """Count the kept runs anew, of all days on which one ended or from a day on; returns how many were counted.

    Days before keep what they have. Of a day from which retention has removed runs only those are counted that are left.
    """
    with transaction.atomic():
        duties.wait_for(DUTY)
        _uncounted().update(uncounted=False)
        counts = _all_counted()
        first = first_day or min((key[2] for key in counts), default=None)
        if first is None:
            return 0
        kept = {key: number for key, number in counts.items() if key[2] >= first}
        RunCount.objects.filter(day__gte=first).delete()
        RunCount.objects.bulk_create((_row(key, number) for key, number in kept.items()), batch_size=BATCH)
    return sum(number for key, number in kept.items() if key[1] == ALL_WORKFLOWS)


def by_day(workspace_id: UUID, first: date, *, workflow_id: UUID | None = None) -> list[DayCount]:
    """The days since `first` on which a run ended, oldest first; tests of drafts do not count."""
    rows = RunCount.objects.filter(
        workspace_id=workspace_id, workflow_id=workflow_id or ALL_WORKFLOWS, day__gte=first, is_test=False
    )
    days: dict[date, DayCount] = {}
    took: dict[date, Counter[int]] = {}
    sums = rows.values_list("day", "status", "took").annotate(number=Sum("runs")).order_by("day")
    for day, status, step, number in sums:
        count = days.setdefault(day, DayCount(day))
        count.runs[status] = count.runs.get(status, 0) + number
        if status == RunStatus.SUCCEEDED:
            took.setdefault(day, Counter())[step] += number
    for day, steps in took.items():
        days[day].median_ms = median(steps)
    return list(days.values())


def open_now(workspace_id: UUID, *, workflow_id: UUID | None = None) -> dict[str, int]:
    """How many runs are in each status that is no end, counted up to OPEN_COUNTED_TO + 1; only those there are."""
    rows = Run.objects.filter(workspace_id=workspace_id)
    if workflow_id is not None:
        rows = rows.filter(workflow_id=workflow_id)
    found = {
        str(status): rows.filter(status=status).order_by("-pk")[: OPEN_COUNTED_TO + 1].count()
        for status in OPEN
    }
    return {status: number for status, number in found.items() if number}


def median(steps: Mapping[int, int]) -> float | None:
    """The middle of times that are known by their steps only, in milliseconds."""
    left = sum(steps.values()) / 2
    for step in sorted(steps):
        left -= steps[step]
        if left <= 0:
            return round(math.exp2(step / STEPS_PER_DOUBLING), 1)
    return None


def step_of(milliseconds: float) -> int:
    """Where a time stands on the scale that has so many steps for each doubling."""
    return min(round(math.log2(max(milliseconds, 1)) * STEPS_PER_DOUBLING), LONGEST_STEP)


# --- inside ---------------------------------------------------------------------------------------------


def _uncounted() -> QuerySet[Run]:
    return Run.objects.filter(uncounted=True, ended_at__isnull=False)


def _counted(rows: Iterable[tuple[Any, ...]]) -> Counter[Key]:
    """Counts of rows of FIELDS."""
    counts: Counter[Key] = Counter()
    zones: dict[UUID, duties.Zones] = {}
    for workspace_id, workflow_id, version, status, created_at, started_at, ended_at in rows:
        if workspace_id not in zones:
            zones[workspace_id] = duties.Zones([workspace_id])
        day = zones[workspace_id].day(workspace_id, ended_at)
        took = step_of(_milliseconds(started_at or created_at, ended_at))
        for counted in (workflow_id, ALL_WORKFLOWS):
            counts[workspace_id, counted, day, version is None, status, took] += 1
    return counts


def _all_counted() -> Mapping[Key, int]:
    """The same of every run that has ended; PostgreSQL adds them up where they are."""
    if connection.vendor != "postgresql":
        rows = Run.objects.filter(ended_at__isnull=False).values_list(*FIELDS)
        return _counted(rows.iterator(chunk_size=BATCH))
    counts: Counter[Key] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT r.workspace_id, r.workflow_id,
                (r.ended_at AT TIME ZONE coalesce(l.timezone, 'UTC'))::date AS day, r.version IS NULL, r.status,
                least(%s, round(%s * ln(greatest(1, 1000 * extract(epoch FROM
                    r.ended_at - coalesce(r.started_at, r.created_at))::float8)) / ln(2::float8)))::int AS took,
                count(*)
            FROM runtime_run r LEFT JOIN runtime_workspacelimits l ON l.workspace_id = r.workspace_id
            WHERE r.ended_at IS NOT NULL
            GROUP BY 1, 2, 3, 4, 5, 6""",
            [LONGEST_STEP, STEPS_PER_DOUBLING],
        )
        for workspace_id, workflow_id, day, is_test, status, took, number in cursor.fetchall():
            for counted in (workflow_id, ALL_WORKFLOWS):
                counts[workspace_id, counted, day, is_test, status, took] += number
    return counts


def _milliseconds(began: datetime, ended: datetime) -> float:
    return (ended - began).total_seconds() * 1000


def _add(counts: Mapping[Key, int]) -> None:
    for key, number in counts.items():
        named = _named(key)
        if not RunCount.objects.filter(**named).update(runs=F("runs") + number):
            RunCount.objects.create(**named, runs=number)


def _row(key: Key, number: int) -> RunCount:
    return RunCount(**_named(key), runs=number)


def _named(key: Key) -> dict[str, Any]:
    names = ("workspace_id", "workflow_id", "day", "is_test", "status", "took")
    return dict(zip(names, key, strict=True))
