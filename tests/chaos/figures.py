"""What a family of chaos tests measured, beside what was promised.

`CHAOS_SIZE` chooses how much is done: "daily" (in `make test`), "P" (each change) or "N" (nightly). `CHAOS_SEED` repeats
a run's choices, and `CHAOS_REPORT` names a file that the figures are added to, one JSON object a line.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import pytest

SIZE = os.environ.get("CHAOS_SIZE", "daily")
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
DAILY_PATIENCE = 3
REPORT = os.environ.get("CHAOS_REPORT", "")
Value = TypeVar("Value")

beyond_daily = pytest.mark.skipif(SIZE == "daily", reason="a part of `make chaos`")
nightly = pytest.mark.skipif(SIZE != "N", reason="a part of `make chaos CHAOS_SIZE=N`")


def sized(daily: Value, p: Value, n: Value) -> Value:
    """The value for the size that was asked for."""
    return {"daily": daily, "P": p, "N": n}[SIZE]


@dataclass(frozen=True)
class Figure:
    id: str
    name: str
    target: str
    measured: str
    holds: bool
    size: str = SIZE
    seed: int = SEED


class Figures:
    """Of one test; `check` fails with everything that does not hold, and with the command that repeats it."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.noted: list[Figure] = []
        self._node = request.node
        self.seed = SEED
        self.chance = random.Random(f"{SEED}/{request.node.name}")

    def at_most(self, figure: str, name: str, bound: float, measured: float, unit: str = "") -> None:
        """A time is judged at three times its target in the daily part, which shares the machine with all other tests."""
        limit = bound * DAILY_PATIENCE if SIZE == "daily" and unit == " s" else bound
        shown = f"{measured:.1f}" if isinstance(measured, float) else str(measured)
        target = f"≤ {bound:g}" if bound else "0"
        self.note(figure, name, f"{target}{unit}", f"{shown}{unit}", measured <= limit)

    def note(self, figure: str, name: str, target: str, measured: str, holds: bool) -> None:
        self.noted.append(Figure(figure, name, target, measured, holds))

    def check(self) -> None:
        for figure in self.noted:
            told = f"{figure.measured} (target {figure.target})"
            self._node.user_properties.append((f"{figure.id} {figure.name}", told))
        if REPORT:
            with Path(REPORT).open("a") as report:
                report.writelines(json.dumps(asdict(figure)) + "\n" for figure in self.noted)
        missed = [
            f"{figure.id} {figure.name}: {figure.measured}, wanted {figure.target}"
            for figure in self.noted
            if not figure.holds
        ]
        command = f"CHAOS_SIZE={SIZE} CHAOS_SEED={SEED} .venv/bin/python -m pytest {self._node.nodeid!r}"
        assert not missed, "\n".join([*missed, f"Again: {command}"])
