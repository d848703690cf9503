"""R8: whatever two hosts and the world do in whatever order, one writes at a time and everything happens once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.figures import SEED, Figures, sized
from tests.support.product import ROOT
from tests.support.services import drop_database, fresh_database, require_services

EXAMPLES, STEPS = sized((30, 30), (200, 30), (5000, 50))

pytestmark = pytest.mark.timeout(sized(120, 300, 7200))


@pytest.mark.parametrize("vendor", ["SQLite", "PostgreSQL"])
def test_no_order_of_what_may_happen_breaks_a_rule(vendor: str, tmp_path: Path, figures: Figures) -> None:
    name, url = f"patchbay_test_{os.getpid()}_model", ""
    if vendor == "PostgreSQL":
        require_services()
        url = fresh_database(name)
    arguments = [sys.executable, "-m", "tests.chaos.store_model", str(EXAMPLES), str(STEPS), str(SEED)]
    env = {**os.environ, "DATABASE_URL": url, "PATCHBAY_DATA_DIR": str(tmp_path)}
    try:
        done = subprocess.run(arguments, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    finally:
        if url:
            drop_database(name)
    told = f"{EXAMPLES} x {STEPS} steps"
    figures.note("R8", f"violations on {vendor}", f"0 in {told}", f"{done.returncode}", done.returncode == 0)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    figures.check()
