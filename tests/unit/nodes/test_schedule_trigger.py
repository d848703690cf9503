"""Started by the clock: which settings fit, what is said of them, and what a run is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runtime.nodes.base import Moment
from runtime.nodes.schedule_trigger import Config
from runtime.timetables import Timetable
from tests.unit.nodes.fakes import (
    STARTED_AT,
    Around,
    example_of,
    fits_output,
    full_problems,
    hinted,
    left,
    ports,
    problems,
    refused,
)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 9 * * 1-5 2026"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"cron": "0 9 * * *", "timezone": "Europe/Nowhere"}, "timezone"),
        ({"cron": "0 9 * * *", "timezone": ""}, "timezone"),
    ],
)
def test_wrong_times_and_zones_are_told_while_drawing(config: dict[str, Any], field: str) -> None:
    assert problems("schedule_trigger", config) == [(field, "invalid_config")]
    assert refused("schedule_trigger", config) == [field]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"every_s": 9}, "every_s"),
        ({"every_s": 500 * 24 * 3600}, "every_s"),
        ({"every_s": 10.5}, "every_s"),
        ({"cron": "0 9 * * *", "missed": "all"}, "missed"),
        ({"cron": "0 9 * * *", "zone": "UTC"}, "zone"),
    ],
)
def test_a_setting_that_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("schedule_trigger", config) == [field]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "Fill in the times, or a span."),
        ({"cron": None, "every_s": None}, "Fill in the times, or a span."),
        ({"cron": "0 9 * * *", "every_s": 60}, "Fill in either the times or a span, not both."),
    ],
)
def test_times_or_a_span_must_be_given_and_not_both(config: dict[str, Any], message: str) -> None:
    assert problems("schedule_trigger", config) == [("cron", "invalid_config")]
    assert full_problems("schedule_trigger", config)[0].message == message
    assert refused("schedule_trigger", config) == [""]


@pytest.mark.parametrize("config", [{"cron": "*/5 8-18 * * *"}, {"every_s": 10}, {"cron": "0 9 L * *"}])
def test_one_of_them_is_enough(config: dict[str, Any]) -> None:
    assert problems("schedule_trigger", config) == []
    assert refused("schedule_trigger", config) == []


def test_missed_times_run_once_unless_the_author_says_otherwise() -> None:
    assert Config(cron="0 9 * * *").missed == "run_once"


def test_it_leaves_by_one_exit_and_cannot_fail() -> None:
    assert ports("schedule_trigger", {"every_s": 60}) == ["out"]


def test_the_zone_is_its_own_or_that_of_the_workspace() -> None:
    now = Moment(STARTED_AT, "Europe/Berlin")

    assert Config(cron="0 9 * * *").timetable(now).zone == "Europe/Berlin"
    assert Config(cron="0 9 * * *", timezone="Asia/Tokyo").timetable(now).zone == "Asia/Tokyo"


def test_a_span_is_counted_from_the_publish() -> None:
    at = datetime(2026, 11, 21, 9, 0, 0, 700_000, tzinfo=UTC)
    timetable = Config(every_s=60).timetable(Moment(at, "UTC"))

    assert timetable == Timetable(zone="UTC", every_s=60, begins_at=at.replace(microsecond=0))
    assert timetable.next_after(at) == at.replace(microsecond=0) + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"cron": "0 9 * * 1-5"},
            "At 09:00 on Monday through Friday. Next: Monday, 23 November 2026, 09:00 (Europe/Berlin).",
        ),
        (
            {"cron": "30 18 * * *", "timezone": "Asia/Tokyo"},
            "At 18:30 every day. Next: Saturday, 21 November 2026, 18:30 (Asia/Tokyo).",
        ),
        ({"every_s": 300}, "Every 5 minutes, counted from the moment of publishing."),
        ({"cron": "61 * * * *"}, None),
        ({}, None),
    ],
)
def test_the_editor_says_in_words_when_it_runs_next(config: dict[str, Any], words: str | None) -> None:
    assert hinted("schedule_trigger", config) == words


@pytest.mark.parametrize(
    ("config", "due_at"),
    [
        ({"cron": "0 9 * * *"}, "2026-11-21T10:00:00+01:00"),
        ({"cron": "0 9 * * *", "timezone": "America/New_York"}, "2026-11-21T04:00:00-05:00"),
        ({"timezone": "Europe/Nowhere"}, "2026-11-21T10:00:00+01:00"),
    ],
)
def test_a_test_run_is_due_now_and_for_the_first_time(config: dict[str, Any], due_at: str) -> None:
    assert example_of("schedule_trigger", config) == {"due_at": due_at, "previous_at": None}


async def test_it_gives_the_time_that_was_due_and_the_one_before() -> None:
    given = {"due_at": "2026-11-21T09:00:00+01:00", "previous_at": "2026-11-20T09:00:00+01:00"}
    leave = await left("schedule_trigger", {"cron": "0 9 * * *"}, Around(trigger=given))

    assert (leave.output, leave.ports) == (given, ("out",))
    assert fits_output("schedule_trigger", {"cron": "0 9 * * *"}, leave)
