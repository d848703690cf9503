"""What a run may use, and what an operator's word adds to it."""

from __future__ import annotations

import pytest

from runtime.engine.budgets import grants_for_more, used_up
from runtime.models import Run


@pytest.mark.parametrize("tokens", [30, 31, 60, 110, 3_000])
def test_a_grant_gives_the_whole_budget_once_more_however_far_the_run_went_over_it(tokens: int) -> None:
    run, limits = Run(tokens=tokens), {"tokens": 30}
    assert used_up(run, limits, steps=0, active_s=0) == "tokens"

    run.budget_grants = grants_for_more(run, limits)

    assert used_up(run, limits, steps=0, active_s=0) == ""
    run.tokens += 29
    assert used_up(run, limits, steps=0, active_s=0) == ""
    run.tokens += 60
    assert used_up(run, limits, steps=0, active_s=0) == "tokens"


def test_a_value_that_is_many_times_too_large_is_granted_too() -> None:
    run = Run(state_bytes=1_800_000)
    run.budget_grants = grants_for_more(run, {"bytes": 1_000})
    assert used_up(run, {"bytes": 1_000}, steps=0, active_s=0) == ""
