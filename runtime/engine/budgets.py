"""What a run may use: steps, time on a host, tokens, money and data. Each has a limit also if nobody sets one."""

from __future__ import annotations

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


def used_up(run: Run, limits: Mapping[Budget, float], *, steps: int, active_s: float) -> str:
    """The name of a budget that is used up; "" while the run may go on.

    limits  the workflow's own; each grant of an operator gives the whole of it once more
    """
    used: Mapping[Budget, float] = {
        "steps": steps,
        "active_s": active_s,
        "tokens": run.tokens,
        "cost_usd": run.cost_usd,
        "bytes": run.state_bytes,
    }
    for name, default in DEFAULTS.items():
        if used[name] >= limits.get(name, default) * (1 + run.budget_grants):
            return name
    return ""
