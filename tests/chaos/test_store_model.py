"""R8: whatever two hosts and the world do in whatever order, one writes at a time and everything happens once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.figures import SEED, Figures, beyond_daily, sized
from tests.support.product import ROOT
from tests.support.services import drop_database, fresh_database, require_services

EXAMPLES, STEPS = sized((30, 30), (200, 30), (5000, 50))
SEEDED_EXAMPLES = 600
"""At most: it stops at the first violation."""

pytestmark = pytest.mark.timeout(sized(120, 600, 7200))


@pytest.mark.parametrize("vendor", ["SQLite", "PostgreSQL"])
def test_no_order_of_what_may_happen_breaks_a_rule(vendor: str, tmp_path: Path, figures: Figures) -> None:
    done = explored(tmp_path, EXAMPLES, STEPS, vendor=vendor)
    told = f"{EXAMPLES} x {STEPS} steps"
    figures.note("R8", f"violations on {vendor}", f"0 in {told}", f"{done.returncode}", done.returncode == 0)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    figures.check()


@beyond_daily
@pytest.mark.parametrize(
    ("left_out", "violation"),
    [
        ("owner", "a stale host wrote"),
        ("untouched", "a stale host wrote"),
        ("sequence", "runtime_event_pkey"),
        ("settings", "an intent went by settings of before"),
    ],
)
def test_the_model_finds_a_condition_that_somebody_left_out(
    left_out: str, violation: str, tmp_path: Path, figures: Figures
) -> None:
    done = explored(tmp_path, SEEDED_EXAMPLES, STEPS, left_out)
    is_found = done.returncode != 0 and violation in done.stderr
    figures.note(
        "R8",
        f"seeded bug: no condition of the {left_out}",
        "found",
        "found" if is_found else "not found",
        is_found,
    )
    figures.check()


def explored(
    folder: Path, examples: int, steps: int, *left_out: str, vendor: str = "PostgreSQL"
) -> subprocess.CompletedProcess[str]:
    """What the model found in a database of its own."""
    name, url = f"patchbay_test_{os.getpid()}_model", ""
    if vendor == "PostgreSQL":
        require_services()
        url = fresh_database(name)
    arguments = [sys.executable, "-m", "tests.chaos.store_model", str(examples), str(steps), str(SEED)]
    env = {**os.environ, "DATABASE_URL": url, "PATCHBAY_DATA_DIR": str(folder)}
    try:
        return subprocess.run(
            [*arguments, *left_out], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
    finally:
        if url:
            drop_database(name)
