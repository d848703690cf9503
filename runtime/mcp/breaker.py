"""Leaves a server alone that keeps failing: open after failures in a row, half-open after a pause, closed by a success."""

from __future__ import annotations

import time
from collections.abc import Callable

CONNECTS_FORGIVEN, CALLS_FORGIVEN = 2, 4
FIRST_PAUSE_S, MAX_PAUSE_S = 4.0, 30.0
PROBE_LIMIT_S = 60.0
"""A probe whose end nobody told, because its caller vanished, holds the others up no longer."""


class Breaker:
    """Of one server and revision of its settings, on one host.

    A connection that does not come about counts at once for more than a call that fails over one: after three of the
    former or five of the latter in a row nothing is tried for a while; then one call tries, and the others wait for it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.connects_failed = 0
        self.calls_failed = 0
        self._until = 0.0
        self._pause_s = 0.0
        self._probing_since: float | None = None

    @property
    def failures(self) -> int:
        return max(self.connects_failed, self.calls_failed)

    @property
    def is_open(self) -> bool:
        return self._pause_s > 0

    @property
    def touched(self) -> float:
        """When it last forbade anything, for forgetting breakers that nobody needs."""
        return self._until

    def rest_s(self) -> float:
        """Seconds to wait before anything may be tried; 0 lets the caller try, alone if the breaker is half-open."""
        if not self.is_open:
            return 0.0
        now = self._clock()
        if now < self._until:
            return self._until - now
        if self._probing_since is not None and now - self._probing_since < PROBE_LIMIT_S:
            return 1.0
        self._probing_since = now
        return 0.0

    def succeeded(self) -> None:
        """A call was answered, whatever the answer says."""
        self.connects_failed = self.calls_failed = 0
        self._pause_s, self._probing_since = 0.0, None

    def failed(self, *, connecting: bool) -> None:
        if connecting:
            self.connects_failed += 1
        else:
            self.calls_failed += 1
        was_probe, self._probing_since = self._probing_since is not None, None
        too_many = self.connects_failed > CONNECTS_FORGIVEN or self.calls_failed > CALLS_FORGIVEN
        if was_probe or too_many:
            self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), MAX_PAUSE_S)
            self._until = self._clock() + self._pause_s

    def gave_up(self) -> None:
        """The caller went away without an answer: another one may try."""
        self._probing_since = None
