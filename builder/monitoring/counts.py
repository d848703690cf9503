"""How runs went, in numbers: from counts that hosts keep, never by counting runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from builder.accounts.access import Member
from runtime.engine import clock, duties, run_counts
from runtime.engine.run_counts import OPEN_COUNTED_TO, DayCount
from runtime.models import ENDED

DAYS = 30
MAX_DAYS = 400


@dataclass(frozen=True)
class Overview:
    """days   every day of the span, oldest first, those without a run too
    open   status -> how many runs are in it now, up to OPEN_COUNTED_TO + 1
    """

    days: list[DayCount]
    open: dict[str, int]

    def ended(self, status: str) -> int:
        return sum(day.runs.get(status, 0) for day in self.days)

    @property
    def total(self) -> int:
        return sum(day.total for day in self.days)

    @property
    def failed_share(self) -> float | None:
        return self.ended("failed") / self.total if self.total else None

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """Status and number in words, only where there are runs."""
        opened = [(name, shown(number)) for name, number in self.open.items()]
        ended = [(str(name), f"{self.ended(name):,}") for name in ENDED if self.ended(name)]
        return opened + ended


def overview(member: Member, *, days: int = DAYS, workflow_id: UUID | None = None) -> Overview:
    """The last days of the workspace or of one workflow of it, today included."""
    workspace_id = member.workspace.pk
    today = duties.today(workspace_id, clock.now())
    first = today - timedelta(days=days - 1)
    found = {row.day: row for row in run_counts.by_day(workspace_id, first, workflow_id=workflow_id)}
    spans = [first + timedelta(days=number) for number in range(days)]
    return Overview(
        [found.get(day) or DayCount(day) for day in spans],
        run_counts.open_now(workspace_id, workflow_id=workflow_id),
    )


def shown(number: int) -> str:
    """Beyond what is counted: `1,000+`."""
    return f"{OPEN_COUNTED_TO:,}+" if number > OPEN_COUNTED_TO else f"{number:,}"


@dataclass(frozen=True)
class Bar:
    """One day of the chart, in its units: 100 high."""

    day: date
    x: int
    total: int
    failed: int
    height: float
    failed_height: float
    median_ms: float | None

    @property
    def top(self) -> float:
        return 100 - self.height

    @property
    def failed_top(self) -> float:
        return 100 - self.failed_height


BAR_WIDTH = 10


def bars(days: list[DayCount]) -> list[Bar]:
    """The days as a chart; a day with any run is seen, however few they were."""
    highest = max((day.total for day in days), default=0) or 1
    return [_bar(day, number * BAR_WIDTH, highest) for number, day in enumerate(days)]


def _bar(day: DayCount, x: int, highest: int) -> Bar:
    failed = day.runs.get("failed", 0)
    return Bar(
        day.day, x, day.total, failed, _height(day.total, highest), _height(failed, highest), day.median_ms
    )


def _height(number: int, highest: int) -> float:
    return round(max(100 * number / highest, 3.0), 1) if number else 0.0
