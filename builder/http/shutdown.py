"""When the server is asked to stop, requests that wait for a run are answered with what is known of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from runtime.engine.waiting import stop_waiting

Handler = Callable[[int, FrameType | None], Any]


class AnswersHeldRequests:
    """An application whose server would otherwise wait for each held request when it stops, or break them off."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._hears = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._hears:
            # Only now: servers take the signals after they have loaded the application.
            self._hears = True
            _hear_of_signals()
        await self._application(scope, receive, send)


def _hear_of_signals() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, _after_telling(handler))


def _after_telling(handler: Handler) -> Handler:
    def handle(number: int, frame: FrameType | None) -> None:
        stop_waiting()
        handler(number, frame)

    return handle
