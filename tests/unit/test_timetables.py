"""Slots of schedules: cron on the wall clock, through the changes of the clocks, and spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runtime.timetables import Timetable, cron_problem, span_in_words

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
# A moment shortly before the clocks change, by zone: an hour forward and back, half an hour, and at midnight.
CHANGES = [
    (BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC)),
    (BERLIN, datetime(2026, 10, 24, 12, tzinfo=UTC)),
    (NEW_YORK, datetime(2026, 3, 7, 12, tzinfo=UTC)),
    (NEW_YORK, datetime(2026, 10, 31, 12, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 2, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 2, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 7, 12, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 10, 31, 12, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 28, 6, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 10, 24, 6, tzinfo=UTC)),
]


def by_cron(cron: str, zone: str = "UTC") -> Timetable:
    return Timetable(zone=zone, cron=cron)


def slots(timetable: Timetable, after: datetime, count: int) -> list[str]:
    """The next slots, written in the timetable's zone, without what they have in common."""
    found: list[str] = []
    moment: datetime | None = after
    while len(found) < count and moment is not None and (moment := timetable.next_after(moment)):
        found.append(timetable.written(moment)[:16] + timetable.written(moment)[19:])
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("30 2 * * *", BERLIN, ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        ("0,30 2 * * *", BERLIN, ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]),
        ("*/20 2 * * *", BERLIN, ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]),
        ("0 2,3 * * *", BERLIN, ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]),
        ("30 2 29 3 *", BERLIN, ["2026-03-29T03:00+02:00", "2027-03-29T02:30+02:00"]),
    ],
)
def test_a_time_that_does_not_exist_comes_once_at_the_next_that_does(
    cron: str, zone: str, expected: list[str]
) -> None:
    assert slots(by_cron(cron, zone), datetime(2026, 3, 28, 12, tzinfo=UTC), 2) == expected


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        (
            "30 2 * * *",
            BERLIN,
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"],
        ),
        (
            "*/30 1 * * *",
            NEW_YORK,
            datetime(2026, 10, 31, 12, tzinfo=UTC),
            ["2026-11-01T01:00-04:00", "2026-11-01T01:30-04:00", "2026-11-02T01:00-05:00"],
        ),
        # Asked in the middle of the hour that comes a second time.
        (
            "30 2 * * *",
            BERLIN,
            datetime(2026, 10, 25, 1, 10, tzinfo=UTC),
            ["2026-10-26T02:30+01:00", "2026-10-27T02:30+01:00"],
        ),
    ],
)
def test_a_time_that_happens_twice_comes_once(
    cron: str, zone: str, after: datetime, expected: list[str]
) -> None:
    assert slots(by_cron(cron, zone), after, len(expected)) == expected


@pytest.mark.parametrize("cron", ["30 * * * *", "30 0-23 * * *", "30 */1 * * *"])
@pytest.mark.parametrize(("zone", "before"), CHANGES[:4])
def test_every_hour_goes_on_through_a_change_of_the_clocks(cron: str, zone: str, before: datetime) -> None:
    timetable = by_cron(cron, zone)
    found = [before + timedelta(minutes=30)]
    while len(found) < 30:
        following = timetable.next_after(found[-1])
        assert following is not None
        found.append(following)
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=1)}


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 0 29 2 *", ["2028-02-29T00:00+00:00", "2032-02-29T00:00+00:00"]),
        ("0 12 31 * *", ["2026-12-31T12:00+00:00", "2027-01-31T12:00+00:00", "2027-03-31T12:00+00:00"]),
        ("0 6 L * *", ["2026-11-30T06:00+00:00", "2026-12-31T06:00+00:00", "2027-01-31T06:00+00:00"]),
        ("0 9 * * MON#1", ["2026-12-07T09:00+00:00", "2027-01-04T09:00+00:00"]),
        ("0 9 * * 1-5", ["2026-11-23T09:00+00:00", "2026-11-24T09:00+00:00"]),
        ("59 23 31 12 *", ["2026-12-31T23:59+00:00", "2027-12-31T23:59+00:00"]),
    ],
)
def test_leap_days_month_ends_and_weekdays(cron: str, expected: list[str]) -> None:
    assert slots(by_cron(cron), datetime(2026, 11, 21, 12, tzinfo=UTC), len(expected)) == expected


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("", "0 parts"),
        ("* * * *", "4 parts"),
        ("* * * * * *", "6 parts"),
        ("61 * * * *", "minute"),
        ("0 25 * * *", "hour"),
        ("0 0 0 * *", "day of month"),
        ("0 0 31 2 *", "day of month"),
        ("0 0 * 13 *", "month"),
        ("0 0 * * 8", "day of week"),
        ("every day at nine o'clock", "minute"),
        ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
    ],
)
def test_a_cron_text_that_cannot_be_used_is_told_with_what_to_write(cron: str, says: str) -> None:
    problem = cron_problem(cron)

    assert problem is not None
    assert says in problem
    assert "0 9 * * 1-5" in problem


@pytest.mark.parametrize("cron", ["0 9 * * 1-5", "*/5 9-17 * * mon-fri", "0 0 29 2 *", "0 0 L,15 1/3 *"])
def test_a_good_cron_text_has_no_problem(cron: str) -> None:
    assert cron_problem(cron) is None


@pytest.mark.parametrize(
    ("timetable", "words"),
    [
        (by_cron("0 9 * * 1-5"), "At 09:00 on Monday through Friday"),
        (Timetable(zone="UTC", every_s=60), "Every minute"),
        (Timetable(zone="UTC", every_s=7200), "Every 2 hours"),
        (Timetable(zone="UTC", every_s=90), "Every 90 seconds"),
    ],
)
def test_a_timetable_says_itself_in_words(timetable: Timetable, words: str) -> None:
    assert timetable.words() == words


def test_a_span_is_counted_from_its_beginning_and_never_at_it() -> None:
    begins_at = datetime(2026, 11, 21, 9, 0, 7, tzinfo=UTC)
    timetable = Timetable(zone=BERLIN, every_s=600, begins_at=begins_at)

    assert timetable.next_after(begins_at) == begins_at + timedelta(minutes=10)
    assert timetable.next_after(begins_at + timedelta(minutes=29)) == begins_at + timedelta(minutes=30)
    assert span_in_words(600) == "10 minutes"


@pytest.mark.parametrize(
    "timetable",
    [
        by_cron("15 4 * * *", NEW_YORK),
        Timetable("UTC", every_s=30, begins_at=datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_timetable_survives_being_stored(timetable: Timetable) -> None:
    assert Timetable.from_spec(timetable.spec()) == timetable
    assert timetable.is_like(Timetable.from_spec(timetable.spec() | {"begins_at": "2020-01-01T00:00:00Z"}))
    assert not timetable.is_like(Timetable.from_spec(timetable.spec() | {"zone": BERLIN}))


# --- against a plain look at every minute ------------------------------------------------------------------


def field(least: int, most: int) -> Any:
    """A part of a cron text: "*", or a list of numbers and ranges."""
    number = st.integers(least, most)
    numbers = st.lists(number, min_size=1, max_size=4, unique=True)
    ranges = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    return st.one_of(st.just("*"), numbers.map(lambda found: ",".join(map(str, found))), ranges)


def meant(part: str, least: int, most: int) -> set[int]:
    if part == "*":
        return set(range(least, most + 1))
    first, dash, last = part.partition("-")
    return set(range(int(first), int(last) + 1)) if dash else {int(one) for one in part.split(",")}


def looked_up(minute: str, hour: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Every slot from `start` on, found by looking at the wall clock each minute."""
    minutes, hours = meant(minute, 0, 59), meant(hour, 0, 23)
    found: set[datetime] = set()
    seen: set[datetime] = set()
    before: datetime | None = None
    moment = start
    while moment < end:
        shown = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        left_out = []
        if before is not None and shown - before > MINUTE:
            left_out = [before + number * MINUTE for number in range(1, (shown - before) // MINUTE)]
        if any(time.hour in hours and time.minute in minutes for time in left_out) and len(hours) < 24:
            found.add(moment)
        if shown.hour in hours and shown.minute in minutes and (len(hours) == 24 or shown not in seen):
            found.add(moment)
        seen.add(shown)
        before, moment = shown, moment + MINUTE
    return sorted(found)


@settings(max_examples=150, deadline=None)
@given(
    change=st.sampled_from(CHANGES),
    minute=field(0, 59),
    hour=field(0, 23),
    offset_s=st.integers(0, 24 * 3600),
)
def test_no_slot_is_lost_or_repeated_when_the_clocks_change(
    change: tuple[str, datetime], minute: str, hour: str, offset_s: int
) -> None:
    zone, before = change
    # Where the clocks move by half an hour, "every hour" has no exact meaning at that moment.
    assume(zone != "Australia/Lord_Howe" or len(meant(hour, 0, 23)) < 24)
    end = before + timedelta(hours=40)
    expected = looked_up(minute, hour, zone, before, end)
    timetable = by_cron(f"{minute} {hour} * * *", zone)

    moment = before + timedelta(seconds=offset_s)
    for slot in (slot for slot in expected if slot > moment):
        following = timetable.next_after(moment)
        assert following == slot, f"after {moment}"
        moment = following
    following = timetable.next_after(moment)
    assert following is None or following >= end


crons = st.tuples(
    field(0, 59), field(0, 23), st.one_of(field(1, 28), st.just("L")), field(1, 12), field(0, 6)
).map(" ".join)
moments = st.integers(0, 3 * 10**15).map(
    lambda number: datetime(1995, 1, 1, tzinfo=UTC) + number * MICROSECOND
)
timetables = st.one_of(
    st.builds(by_cron, crons, st.sampled_from([BERLIN, NEW_YORK, "UTC", "Australia/Lord_Howe"])),
    st.builds(
        Timetable,
        zone=st.just(BERLIN),
        every_s=st.integers(10, 10**7),
        begins_at=moments.map(lambda moment: moment.replace(microsecond=0)),
    ),
)


@settings(max_examples=150, deadline=None)
@given(timetable=timetables, moment=moments)
def test_slots_come_strictly_later_and_in_order(timetable: Timetable, moment: datetime) -> None:
    following = timetable.next_after(moment)
    assert following is not None
    assert moment < following
    assert timetable.next_after(following - MICROSECOND) == following
    then = timetable.next_after(following)
    assert then is not None
    assert following < then
    middle = following + (then - following) / 2
    assert timetable.next_after(middle) == then


@settings(max_examples=150, deadline=None)
@given(timetable=timetables, moment=moments, ahead=st.integers(0, 60), more_s=st.floats(0, 0.999))
def test_the_newest_slot_is_the_last_before_the_next(
    timetable: Timetable, moment: datetime, ahead: int, more_s: float
) -> None:
    first = timetable.next_after(moment)
    assert first is not None
    due = next(islice(_from(timetable, first), ahead, None))
    following = timetable.next_after(due)
    assert following is not None
    until = due + (following - due) * more_s

    assert timetable.newest(first, until) == due


def _from(timetable: Timetable, slot: datetime) -> Any:
    while True:
        yield slot
        following = timetable.next_after(slot)
        assert following is not None
        slot = following


def test_the_newest_slot_after_years_is_found_at_once() -> None:
    long_ago = datetime(1990, 1, 1, tzinfo=UTC)
    until = datetime(2026, 11, 21, 11, 1, 30, tzinfo=UTC)

    assert by_cron("* * * * *").newest(long_ago, until) == until.replace(second=0)
