"""When the server is asked to stop, requests that wait for a run are answered with what is known of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from runtime.engine.waiting import stop_waiting


def answer_held_requests_at_the_end() -> None:
    """Hear of the signals that the server handles by now; a server would otherwise wait for each of them, or break them off."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, _after_telling(handler))


def _after_telling(
    handler: Callable[[int, FrameType | None], Any],
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        stop_waiting()
        handler(number, frame)

    return handle
