"""What a run may use: steps, time on a host, tokens, money and data. Each has a limit also if nobody sets one."""

from __future__ import annotations

import math
from collections.abc import Mapping

from runtime.graph.schema import Budget
from runtime.models import Run

DEFAULTS: Mapping[Budget, float] = {
    "steps": 10_000,
    "active_s": 24 * 3600,
    "tokens": 5_000_000,
    "cost_usd": 100,
    "bytes": 32 * 1024 * 1024,
}


MAX_GRANTS = 32_000
"""What the column holds."""


def used_up(run: Run, limits: Mapping[Budget, float], *, steps: int, active_s: float) -> str:
    """The name of a budget that is used up; "" while the run may go on.

    limits  the workflow's own; each grant of an operator gives the whole of it once more
    """
    over = _over(run, limits, steps=steps, active_s=active_s)
    return next(iter(over), "")


def grants_for_more(run: Run, limits: Mapping[Budget, float]) -> int:
    """How many grants let a run use the whole of each budget that is used up once more, however far it went over it."""
    over = _over(run, limits, steps=run.steps_done, active_s=run.active_ms / 1000)
    return min(max([run.budget_grants + 1, *map(math.ceil, over.values())]), MAX_GRANTS)


def _over(run: Run, limits: Mapping[Budget, float], *, steps: int, active_s: float) -> Mapping[Budget, float]:
    """The budgets that are used up -> how many times over."""
    used: Mapping[Budget, float] = {
        "steps": steps,
        "active_s": active_s,
        "tokens": run.tokens,
        "cost_usd": float(run.cost_usd),
        "bytes": run.state_bytes,
    }
    limit_of = {name: limits.get(name, default) for name, default in DEFAULTS.items()}
    return {
        name: used[name] / limit if limit else MAX_GRANTS
        for name, limit in limit_of.items()
        if used[name] >= limit * (1 + run.budget_grants)
    }
