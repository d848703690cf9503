"""When a schedule is due: by cron in a time zone, or by a fixed span. Pure: the caller says what time it is.

A cron time is one on the wall clock. One that does not exist, because the clocks go forward, comes at the next
moment that does; one that happens twice, because they go back, comes the first time. A schedule for every hour
simply goes on through both: its runs are as far apart as on any other day.

source   five fields as in crontab(5), read by cronsim; besides, `L` is the last day and `MON#2` the second Monday
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

HOURS_A_DAY = 24
_MINUTE = timedelta(minutes=1)
_ANY_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True)
class Timetable:
    """Either `cron`, or `every_s` counted from `begins_at`, a whole second.

    zone   IANA name; for a span it only says how moments are written
    """

    zone: str
    cron: str | None = None
    every_s: int | None = None
    begins_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Timetable:
        """From what `spec` gave."""
        if spec.get("cron") is not None:
            return cls(zone=spec["zone"], cron=spec["cron"])
        begins_at = datetime.fromisoformat(spec["begins_at"])
        return cls(zone=spec["zone"], every_s=spec["every_s"], begins_at=begins_at)

    def spec(self) -> dict[str, Any]:
        """As JSON, for a row."""
        if self.cron is not None:
            return {"zone": self.zone, "cron": self.cron}
        return {"zone": self.zone, "every_s": self.every_s, "begins_at": self.begins_at.isoformat()}

    def is_like(self, other: Timetable) -> bool:
        """Whether both mean the same, wherever a span is counted from."""
        return (self.zone, self.cron, self.every_s) == (other.zone, other.cron, other.every_s)

    def next_after(self, moment: datetime) -> datetime | None:
        """The first slot strictly later than an aware moment, in UTC; None when there is none in 50 years."""
        if self.every_s is not None:
            span = timedelta(seconds=self.every_s)
            return self.begins_at + ((moment - self.begins_at) // span + 1) * span
        if self.cron is None:
            return None
        return _next_by_cron(self.cron, ZoneInfo(self.zone), moment)

    def newest(self, slot: datetime, until: datetime) -> datetime:
        """The last slot that is not later than `until`, given one that is not. Takes few steps for any distance."""
        found, end = slot, until
        while (following := self._due(found, until)) is not None:
            found = following
            middle = found + (end - found) / 2
            later = self._due(middle, until)
            found, end = (later, end) if later is not None else (found, middle)
        return found

    def written(self, slot: datetime) -> str:
        """RFC 3339 text in the timetable's zone."""
        return slot.astimezone(ZoneInfo(self.zone)).isoformat()

    def words(self) -> str:
        """What it says, in words: "At 09:00 on Monday through Friday"."""
        if self.every_s is not None:
            return f"Every {span_in_words(self.every_s)}"
        return str(CronSim(self.cron or "", _ANY_MOMENT).explain())

    def _due(self, after: datetime, until: datetime) -> datetime | None:
        following = self.next_after(after)
        return following if following is not None and following <= until else None


def cron_problem(cron: str) -> str | None:
    """What is wrong with a cron text, as a sentence that says what to write; None if it can be used."""
    shape = 'Write minute, hour, day of the month, month and day of the week, such as "0 9 * * 1-5".'
    if len(cron.split()) != 5:
        return f"This has {len(cron.split())} parts instead of five. {shape}"
    try:
        first = Timetable(zone="UTC", cron=cron).next_after(_ANY_MOMENT)
    except CronSimError as error:
        part = str(error).removeprefix("Bad ").replace("-", " ")
        return f"The {part} cannot be read, or never comes. {shape}"
    return None if first is not None else "No such day ever comes. Choose another one."


def span_in_words(seconds: int) -> str:
    """300 is "5 minutes", 60 is "minute": what follows "every"."""
    for size, word in _UNITS:
        if seconds >= size and seconds % size == 0:
            return word if seconds == size else f"{seconds // size} {word}s"
    return f"{seconds} seconds"


def _next_by_cron(cron: str, zone: ZoneInfo, moment: datetime) -> datetime | None:
    start = moment.astimezone(zone)
    minute, _, *days = cron.split()
    if len(CronSim(cron, _ANY_MOMENT).hours) == HOURS_A_DAY:
        # With "*" for the hour and a time zone, cronsim counts real minutes.
        going_on = CronSim(" ".join([minute, "*", *days]), start)
        return next((slot for time in going_on if (slot := time.astimezone(UTC)) > moment), None)
    # Without a time zone it counts on the wall clock; times of the hour that happens twice may lie behind.
    on_the_wall = CronSim(cron, start.replace(tzinfo=None))
    return next((slot for time in on_the_wall if (slot := _existing(time, zone)) > moment), None)


def _existing(time: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the wall clock first shows this time, or the next one that it ever shows."""
    while True:
        moment = time.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None, fold=0) == time:
            return moment
        time += _MINUTE
