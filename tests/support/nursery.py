"""Run hosts as processes that are there at once: forked from one that has loaded the product and holds nothing yet.

`python -m tests.support.nursery`: a line "FAULT LOG" on its input starts a host with that fault armed ("-" for none)
and prints its process id; "DEAD PID" prints how the process ended, or "alive".
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.support.product import ROOT, eventually


class Nursery:
    """`start(fault)` gives a host; `ended(pid)` says how it ended, if it has."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.log = folder / "hosts.log"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.nursery"],
            cwd=ROOT,
            env={**os.environ, **env, "DJANGO_SETTINGS_MODULE": "builder.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def start(self, fault: str = "") -> int:
        return int(self._ask(f"{fault or '-'} {self.log}"))

    def ended(self, pid: int) -> bool:
        return self._ask(f"DEAD {pid}") != "alive"

    def kill(self, pid: int) -> None:
        if not self.ended(pid):
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: self.ended(pid), what="the host's end")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        return self._process.stdout.readline().strip()


def _host(fault: str, log: str) -> None:
    """In the child: a host until the process is killed."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from django.conf import settings

    from runtime.engine.process import start_host

    settings.FAULT = "" if fault == "-" else fault
    start_host()
    threading.Event().wait()


def main() -> None:
    import django

    django.setup()
    import runtime.engine.host  # noqa: F401  loaded once, for every child

    ended: set[int] = set()
    for line in sys.stdin:
        word, argument = line.split()
        if word == "DEAD":
            pid = int(argument)
            if pid not in ended and os.waitpid(pid, os.WNOHANG) != (0, 0):
                ended.add(pid)
            print("ended" if pid in ended else "alive", flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _host(word, argument)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
