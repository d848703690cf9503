"""What a wrong or unlucky command line gets: one sentence that says what to change, and exit code 1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.product import ROOT, Embedded, free_port


def refused(folder: Path, *command: str, **env: str) -> str:
    """What a command says that fails."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "", "PATCHBAY_DATA_DIR": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("options", [("--days", "99999999"), ("--days", "-1"), ("--batch", "0")])
def test_old_runs_are_removed_within_bounds_that_the_refusal_names(
    tmp_path: Path, options: tuple[str, str]
) -> None:
    said = refused(tmp_path, "remove_old_runs", *options)
    assert said == "CommandError: --days is from 0 to 36500, --batch from 1 to 100000.\n"


@pytest.mark.parametrize("number", ["0", "-3", "many"])
def test_a_worker_that_could_take_nothing_does_not_start(tmp_path: Path, number: str) -> None:
    said = refused(tmp_path, "check", PATCHBAY_WORKSPACE_RUNS=number)
    assert f"PATCHBAY_WORKSPACE_RUNS is '{number}'; write a whole number" in said.splitlines()[-1]


@pytest.mark.parametrize("command", [("create_workspace", "shop"), ("migrate",), ("seed_demo",)])
def test_a_database_that_is_away_is_told_in_a_sentence(tmp_path: Path, command: tuple[str, ...]) -> None:
    away = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    said = refused(tmp_path, *command, DATABASE_URL=away)
    assert "CommandError: The database " in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_folder_is_served_by_one_process(product: Embedded) -> None:
    folder = Path(product.env["PATCHBAY_DATA_DIR"])
    said = refused(folder, "serve", PORT=str(free_port()))
    assert said.startswith(f"CommandError: An installation runs in {folder} already. ")
