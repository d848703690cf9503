"""However many runs there are, PostgreSQL finds a page of them by an index and never walks the table."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.product import ROOT, manage_all
from tests.support.services import drop_database, fresh_database, require_services

SIZE = 30_000


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Question -> how PostgreSQL answers it."""
    require_services()
    name = f"patchbay_plans_{os.getpid()}"
    folder: Path = tmp_path_factory.mktemp("plans")
    env = {
        "DATABASE_URL": fresh_database(name),
        "PATCHBAY_DATA_DIR": str(folder),
        "PATCHBAY_PASSWORD": "a long password",
    }
    try:
        manage_all(
            ["migrate", "--verbosity", "0"],
            ["create_workspace", "shop"],
            ["add_member", "admin@shop.example", "--workspace", "shop", "--role", "admin"],
            env=env,
        )
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.run_plans", str(SIZE)],
            cwd=ROOT,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return found
    finally:
        drop_database(name)


def test_no_question_walks_the_runs_their_steps_or_their_events(plans: dict[str, str]) -> None:
    assert len(plans) >= 15
    walked = {
        name: plan
        for name, plan in plans.items()
        if any(f"Seq Scan on runtime_{table}" in plan for table in ("run ", "step", "event", "attempt"))
    }
    assert walked == {}


@pytest.mark.parametrize(
    ("question", "index"),
    [
        # Where one workspace has nearly all runs, the newest of all are as good.
        ("first page", "runtime_run_pkey|run_newest"),
        ("deep page", "runtime_run_pkey|run_newest"),
        ("status: failed", "run_by_status"),
        ("rare workflow", "run_by_workflow"),
        ("rare trigger", "run_by_trigger"),
        ("one day", "runtime_run_pkey|run_newest"),
        ("text: an id", "runtime_run_pkey"),
    ],
)
def test_each_filter_has_its_index(plans: dict[str, str], question: str, index: str) -> None:
    assert re.search(f"Scan.* (?:using|on) (?:{index})", plans[question]), plans[question]


def test_counts_are_read_from_counts(plans: dict[str, str]) -> None:
    assert "runtime_runcount" in plans["counts of 30 days, open"]
    # Open runs are counted from an index, and no further than a page shows.
    assert plans["counts of 30 days, open"].count("Limit") >= 5
