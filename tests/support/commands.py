"""Management commands in a process that is kept: to start one takes longer than most commands do."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parents[2]
KEPT = 3
"""So many installations of one test process are asked for commands at about the same time."""


class Commands:
    """A process that runs management commands for one installation, one after another."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.commands"],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "builder.settings", **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *commands: list[str]) -> str:
        """What they printed; the first that fails is the last, and fails the test."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        with self._lock:
            asked.write(json.dumps(commands) + "\n")
            asked.flush()
            try:
                answer = answers.readline()
            except BaseException:
                # Whoever asks next would get the answer that comes late.
                self._process.kill()
                raise
        assert answer, f"the process of commands ended with {self._process.wait(10)}"
        said = json.loads(answer)
        assert not said["failure"], said["failure"]
        return str(said["printed"]).strip()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._process.communicate(timeout=20)


_kept: dict[frozenset[tuple[str, str]], Commands] = {}


def commands_for(env: Mapping[str, str]) -> Commands:
    """The process that runs commands in this environment."""
    key = frozenset(env.items())
    found = _kept.pop(key, None)
    if found is None or not found.is_running:
        found = Commands(env)
    # The one that was asked last is the last to go.
    _kept[key] = found
    if len(_kept) > KEPT:
        _kept.pop(next(iter(_kept))).close()
    return found


def end_commands() -> None:
    """End every process that this one has kept."""
    while _kept:
        _kept.popitem()[1].close()


def _serve() -> None:
    """Run the commands of each line, until there is no further one."""
    import django
    from django.core.management import call_command
    from django.db import connections

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    django.setup()
    for line in sys.stdin:
        printed, complained, failure = io.StringIO(), io.StringIO(), ""
        try:
            with redirect_stdout(printed), redirect_stderr(complained):
                for command in json.loads(line):
                    call_command(*command)
        except (Exception, SystemExit):
            failure = complained.getvalue() + traceback.format_exc()
        for connection in connections.all():
            connection.close()
            if connection.vendor == "postgresql":
                connection.close_pool()
        answers.write(json.dumps({"printed": printed.getvalue(), "failure": failure}) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
