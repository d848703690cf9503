"""A server that keeps failing is left alone, tried once after a pause, and used again when that works."""

from __future__ import annotations

from runtime.mcp.breaker import FIRST_PAUSE_S, MAX_PAUSE_S, Breaker


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def broken(clock: Clock, times: int, *, connecting: bool = True) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(times):
        breaker.failed(connecting=connecting)
    return breaker


def test_a_few_failures_are_forgiven() -> None:
    assert broken(Clock(), 2).rest_s() == 0
    assert broken(Clock(), 4, connecting=False).rest_s() == 0


def test_more_in_a_row_open_it() -> None:
    assert broken(Clock(), 3).rest_s() == FIRST_PAUSE_S
    assert broken(Clock(), 5, connecting=False).rest_s() == FIRST_PAUSE_S


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = broken(Clock(), 2)
    breaker.succeeded()
    breaker.failed(connecting=True)
    assert breaker.rest_s() == 0


def test_after_the_pause_one_call_tries_and_the_others_wait() -> None:
    clock = Clock()
    breaker = broken(clock, 3)
    clock.now += FIRST_PAUSE_S

    assert breaker.rest_s() == 0
    assert breaker.rest_s() > 0
    breaker.succeeded()
    assert [breaker.rest_s(), breaker.rest_s()] == [0, 0]


def test_a_failed_probe_makes_the_pause_longer_up_to_a_bound() -> None:
    clock = Clock()
    breaker = broken(clock, 3)
    pauses = []
    for _ in range(5):
        clock.now += MAX_PAUSE_S
        assert breaker.rest_s() == 0
        breaker.failed(connecting=False)
        pauses.append(breaker.rest_s())

    assert pauses == [8, 16, 30, 30, 30]


def test_a_probe_that_was_given_up_leaves_the_way_free() -> None:
    clock = Clock()
    breaker = broken(clock, 3)
    clock.now += FIRST_PAUSE_S
    assert breaker.rest_s() == 0
    breaker.gave_up()

    assert breaker.rest_s() == 0
