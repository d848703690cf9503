"""Helper processes of the demo: started with the product, ended with it, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

_PR_SET_PDEATHSIG = 1
GRACE_S = 3.0
TERMINAL_POLL_S = 1.0


def free_port() -> int:
    """A port of this machine that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end_with_parent(kind: int = signal.SIGTERM) -> None:
    """Be told by a signal when the process that started this one is gone (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, kind, 0, 0, 0)


def end_with_terminal(stop: Callable[[], None]) -> None:
    """Call `stop` when the terminal that this process was started from is closed.

    A shell tells its jobs by SIGHUP, but a terminal whose first process is something else tells nobody else.
    """

    def watch() -> None:
        while _has_terminal():
            time.sleep(TERMINAL_POLL_S)
        stop()

    if _has_terminal():
        threading.Thread(target=watch, name="terminal-watch", daemon=True).start()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


class Children:
    """Modules of `examples/` running as processes of their own."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, module: str, *arguments: str) -> None:
        log = Path(settings.DATA_DIR) / f"{module}.log"
        environment = {**os.environ, "PYTHONPATH": str(settings.BASE_DIR)}
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  our own module, no shell
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
                preexec_fn=lambda: end_with_parent(signal.SIGKILL),
            )
        self._processes.append(process)

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
