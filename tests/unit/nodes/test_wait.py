"""A span or a moment: when the wait ends, and what is said of it afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runtime.errors import NodeFailure
from runtime.nodes.base import Park, Waited
from tests.unit.nodes.fakes import (
    STARTED_AT,
    Around,
    fits_output,
    ports,
    problems,
    refused,
    resumed,
    run_step,
)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"for_s": -1}, "for_s"),
        ({"for_s": 401 * 24 * 3600}, "for_s"),
        ({"for_s": "a while"}, "for_s"),
        ({"until": "tomorrow"}, "until"),
        ({"until": "2026-11-21T10:00:00"}, "until"),
        ({"until": "9999-12-31T23:59:59-12:00"}, "until"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "until"),
        ({"for_s": 5, "untill": "2026-11-21T10:00:00Z"}, "untill"),
    ],
)
def test_a_time_that_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("wait", config) == [field]


@pytest.mark.parametrize("config", [{}, {"for_s": None}, {"for_s": 60, "until": "2026-11-21T10:00:00Z"}])
def test_a_span_or_a_moment_must_be_given_and_not_both(config: dict[str, Any]) -> None:
    assert refused("wait", config) == [""]
    assert problems("wait", config) == [("for_s", "invalid_config")]


@pytest.mark.parametrize(
    "config", [{"for_s": 0}, {"for_s": "{{ trigger.s }}"}, {"until": "2026-11-21T10:00:00Z"}]
)
def test_one_of_them_is_enough_while_drawing(config: dict[str, Any]) -> None:
    assert problems("wait", config) == []


async def test_a_wait_for_nothing_says_what_is_missing_without_naming_a_field() -> None:
    with pytest.raises(NodeFailure) as caught:
        await run_step("wait", {"for_s": "{{ null }}"})

    assert caught.value.code == "invalid_config"
    assert caught.value.message.startswith("The settings do not fit: ")


def test_it_leaves_by_one_exit() -> None:
    assert ports("wait", {"for_s": 60}) == ["out", "error"]


@pytest.mark.parametrize(
    ("config", "due_at"),
    [
        ({"for_s": 90}, STARTED_AT + timedelta(seconds=90)),
        ({"for_s": 0}, STARTED_AT),
        ({"for_s": 0.25}, STARTED_AT + timedelta(milliseconds=250)),
        ({"for_s": "{{ trigger.minutes * 60 }}"}, STARTED_AT + timedelta(minutes=5)),
        ({"for_s": 400 * 24 * 3600}, STARTED_AT + timedelta(days=400)),
        ({"until": "2026-12-24T18:00:00+01:00"}, datetime(2026, 12, 24, 17, tzinfo=UTC)),
        ({"until": "{{ trigger.day }}"}, datetime(2027, 1, 1, tzinfo=UTC)),
        ({"until": "2020-01-01T00:00:00Z"}, datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
async def test_the_wait_ends_at_that_moment(config: dict[str, Any], due_at: datetime) -> None:
    around = Around(scope={"trigger": {"minutes": 5, "day": "2027-01-01T00:00:00Z"}})

    assert await run_step("wait", config, around) == Park("time", due_at=due_at)


def test_afterwards_it_says_how_long_it_was() -> None:
    waited = Waited(None, STARTED_AT, STARTED_AT + timedelta(seconds=61.23456), {})
    leave = resumed("wait", {"for_s": 60}, waited)

    assert (leave.output, leave.ports) == ({"waited_s": 61.235}, ("out",))
    assert fits_output("wait", {"for_s": 60}, leave)
