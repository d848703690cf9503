"""Questions to people in the middle of a call, over a connection that is held meanwhile.

They are waits like any other, written with the next checkpoint; what is here is only the call's own way to hear of the
answer. When the host dies, its successor closes them, and the call's outcome is judged by its effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from runtime.engine.state import RunState
from runtime.nodes.base import Park

Answer = Mapping[str, Any] | None


class Questions:
    """Those of one drive; `wake` makes it look again and write."""

    def __init__(self, state: RunState, wake: Callable[[], None]) -> None:
        self._state = state
        self._wake = wake
        self._open: dict[str, asyncio.Future[Answer]] = {}
        self._closed = False

    async def ask(self, path: str, question: Park, at: datetime) -> Answer:
        """The answer, or None when nobody gives one in time, or the call is not waited for any more."""
        is_of_use = path in self._state.in_flight and self._state.goes_on(path)
        if self._closed or not is_of_use or path in self._open:
            return None
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[path] = answer
        self._state.ask(path, question, at)
        self._wake()
        return await answer

    def settle(self, path: str, answer: Answer, at: datetime) -> bool:
        """Tell a call the answer, or that there is none; false where no call waits for one."""
        waiting = self._open.pop(path, None)
        if waiting is None:
            return False
        self._state.go_on(path, at)
        if not waiting.done():
            waiting.set_result(answer)
        return True

    def withdraw(self, path: str, at: datetime) -> None:
        """The call has ended by itself: nobody waits for the answer any more."""
        waiting = self._open.pop(path, None)
        if waiting is None:
            return
        if path in self._state.waits:
            self._state.wake(path, at, "closed")
        if not waiting.done():
            waiting.set_result(None)

    def drop_closed(self) -> None:
        """Let calls go on whose question was closed from elsewhere, with the iteration or run around it."""
        for path in [path for path in self._open if path not in self._state.waits]:
            waiting = self._open.pop(path)
            if not waiting.done():
                waiting.set_result(None)

    def close(self, at: datetime) -> None:
        """The host stops: calls come to an end without their answers."""
        self._closed = True
        for path in list(self._open):
            if path in self._state.waits:
                self._state.wake(path, at, "closed")
            self.settle(path, None, at)
