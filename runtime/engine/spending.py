"""What workspaces spend on models, and whether their budgets leave room; what follows is in runtime/engine/held_runs.py.

Each step's spending is a row of its own, written with its outcome; hosts add rows up by day in the background. So a
budget counts everything that was recorded, survives any death, and no row is written by two runs. It is looked at
before each call: what is in flight then may still go over it, nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Q, Sum

from runtime.engine import clock, duties
from runtime.errors import BudgetExceeded
from runtime.models import Spend, SpendDay, WorkspaceLimits

DUTY = "spending"
BATCH = 5_000
KEPT_APART_S = 120.0
"""Rates of connections look back over a minute of single rows."""
BUDGETS: Mapping[str, str] = {
    "tokens_per_day": "tokens a day",
    "tokens_per_month": "tokens a month",
    "cost_usd_per_day": "US dollars a day",
    "cost_usd_per_month": "US dollars a month",
}
"""The fields of WorkspaceLimits that are budgets, and what their numbers are."""


@dataclass(frozen=True)
class Used:
    """What a workspace has spent so far on the day and in the month that it is there."""

    tokens_today: int = 0
    tokens_this_month: int = 0
    cost_usd_today: float = 0
    cost_usd_this_month: float = 0

    def of(self, budget: str) -> float:
        """What counts against a field of WorkspaceLimits."""
        name = budget.replace("_per_day", "_today").replace("_per_month", "_this_month")
        return float(getattr(self, name))


def limits_of(workspace_id: UUID) -> WorkspaceLimits:
    """The row, or one that limits nothing."""
    found = WorkspaceLimits.objects.filter(pk=workspace_id).first()
    return found or WorkspaceLimits(workspace_id=workspace_id)


def set_timezone(workspace_id: UUID, timezone: str) -> None:
    """Whose days count from now on; days that are added up already stay as they are."""
    WorkspaceLimits.objects.update_or_create(pk=workspace_id, defaults={"timezone": timezone})


def used(workspace_id: UUID, timezone: str, at: datetime) -> Used:
    """What was recorded, in one statement, so that rows which are being added up meanwhile count once."""
    zone = ZoneInfo(timezone)
    today = at.astimezone(zone).date()
    first = today.replace(day=1)
    is_today = ExpressionWrapper(Q(day=today), output_field=BooleanField())
    is_fresh = ExpressionWrapper(Q(at__gte=_start(today, zone)), output_field=BooleanField())
    days = (
        SpendDay.objects.filter(workspace_id=workspace_id, day__gte=first)
        .annotate(counts_today=is_today)
        .values_list("counts_today", "tokens", "cost_usd")
    )
    rows = (
        Spend.objects.filter(workspace_id=workspace_id, at__gte=_start(first, zone))
        .annotate(counts_today=is_fresh)
        .values_list("counts_today", "tokens", "cost_usd")
    )
    tokens, cost = defaultdict[bool, int](int), defaultdict[bool, float](float)
    for counts_today, row_tokens, row_cost in days.union(rows, all=True):
        tokens[bool(counts_today)] += row_tokens
        cost[bool(counts_today)] += row_cost
    return Used(tokens[True], tokens[True] + tokens[False], cost[True], cost[True] + cost[False])


def check(workspace_id: UUID) -> bool:
    """Before a call of a model: whether there are budgets at all; raises BudgetExceeded naming one that is used up."""
    limits = WorkspaceLimits.objects.filter(pk=workspace_id).first()
    if limits is None:
        return False
    if budget := used_up(limits):
        raise BudgetExceeded(
            f"The workspace has used up its budget of {getattr(limits, budget):,g} {BUDGETS[budget]}. "
            "An admin can raise it under Settings, Budgets; the run then goes on by itself.",
            details={"budget": budget, "limit": getattr(limits, budget), "sent": False},
        )
    return bool(_set_in(limits))


def used_up(limits: WorkspaceLimits) -> str:
    """The name of a budget of a workspace that has no room; "" if all have."""
    wanted = _set_in(limits)
    if not wanted:
        return ""
    so_far = used(limits.workspace_id, limits.timezone, clock.now())
    return next((name for name in wanted if so_far.of(name) >= getattr(limits, name)), "")


def fold(limit: int = BATCH) -> int:
    """Add rows that are no longer needed one by one to their days; returns how many."""
    before = clock.now() - timedelta(seconds=KEPT_APART_S)
    if not Spend.objects.filter(at__lt=before).exists():
        return 0
    with transaction.atomic():
        if not duties.take(DUTY):
            return 0
        rows = list(Spend.objects.filter(at__lt=before).order_by("at")[:limit])
        zones = duties.Zones(row.workspace_id for row in rows)
        sums: dict[tuple[UUID, date], list[float]] = defaultdict(lambda: [0, 0])
        for row in rows:
            day = sums[row.workspace_id, zones.day(row.workspace_id, row.at)]
            day[0] += row.tokens
            day[1] += row.cost_usd
        for (workspace_id, day_is), (tokens, cost) in sums.items():
            _add(workspace_id, day_is, int(tokens), cost)
        Spend.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def since(workspace_id: UUID, connection: str, at: datetime) -> tuple[int, int]:
    """Requests and tokens of a connection's calls that began since a moment in the last two minutes and have ended."""
    rows = Spend.objects.filter(workspace_id=workspace_id, at__gte=at, connection=connection)
    sums: dict[str, Any] = rows.aggregate(requests=Sum("requests"), tokens=Sum("tokens"))
    return sums["requests"] or 0, sums["tokens"] or 0


# --- inside ---------------------------------------------------------------------------------------------


def _set_in(limits: WorkspaceLimits) -> list[str]:
    """The budgets that limit anything."""
    return [name for name in BUDGETS if getattr(limits, name) is not None]


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _add(workspace_id: UUID, day: date, tokens: int, cost_usd: float) -> None:
    rows = SpendDay.objects.filter(workspace_id=workspace_id, day=day)
    if not rows.update(tokens=F("tokens") + tokens, cost_usd=F("cost_usd") + cost_usd):
        SpendDay.objects.create(workspace_id=workspace_id, day=day, tokens=tokens, cost_usd=cost_usd)
