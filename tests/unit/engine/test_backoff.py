"""How often and how soon a failed call is tried again."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from runtime.engine.backoff import MAX_DELAY_S, attempts_allowed, delay_before
from runtime.errors import NodeFailure
from runtime.graph.schema import Retry


def after(retry_after_s: Any) -> NodeFailure:
    return NodeFailure("Busy.", details={"retry_after_s": retry_after_s})


@pytest.mark.parametrize(
    ("retry", "effect", "allowed"),
    [
        (None, "none", 3),
        (None, "idempotent", 3),
        (None, "once", 1),
        (Retry(attempts=5), "none", 5),
        (Retry(attempts=2), "once", 2),
        (Retry(attempts=1), "none", 1),
    ],
)
def test_what_is_harmless_to_repeat_is_tried_three_times_unless_the_author_says_otherwise(
    retry: Retry | None, effect: str, allowed: int
) -> None:
    assert attempts_allowed(retry, effect) == allowed


@pytest.mark.parametrize(
    ("retry", "delays"),
    [
        (None, [1, 2, 4, 8]),
        (Retry(first_delay_s=0.5, factor=3), [0.5, 1.5, 4.5]),
        (Retry(first_delay_s=10, factor=1), [10, 10, 10]),
        (Retry(first_delay_s=0), [0, 0]),
        (Retry(first_delay_s=1800, factor=10), [1800, 3600, 3600]),
    ],
)
def test_each_pause_is_a_multiple_of_the_one_before_up_to_an_hour(
    retry: Retry | None, delays: list[float]
) -> None:
    error = NodeFailure("Down.")
    found = [delay_before(attempt, retry, error) for attempt in range(2, 2 + len(delays))]

    assert found == [timedelta(seconds=delay) for delay in delays]


def test_the_longest_plan_that_a_graph_may_hold_can_be_computed() -> None:
    steepest = Retry(attempts=20, first_delay_s=3600, factor=10)

    assert delay_before(20, steepest, NodeFailure("Down.")) == timedelta(seconds=MAX_DELAY_S)


@pytest.mark.parametrize("attempt", [0, 1, 2])
def test_no_pause_is_shorter_than_the_first(attempt: int) -> None:
    assert delay_before(attempt, None, NodeFailure("Down.")) == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (30, 30),
        (2.5, 2.5),
        (0, 1),
        (-5, 1),
        (86_400, 3600),
        pytest.param(10**400, 3600, id="a number of 401 digits"),
        (math.inf, 3600),
        (math.nan, 1),
        ("30", 1),
        (None, 1),
    ],
)
def test_a_provider_that_names_a_pause_is_obeyed_within_reason(asked: Any, seconds: float) -> None:
    assert delay_before(2, None, after(asked)) == timedelta(seconds=seconds)


def test_a_provider_cannot_shorten_the_pause_of_the_plan() -> None:
    assert delay_before(4, None, after(1)) == timedelta(seconds=4)
