"""What a server says in its log while it works on a call: bounded, and without the secrets that we gave it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from runtime.gateways import McpServerSettings

MAX_LINES = 100
MAX_TEXT = 1000
MAX_LOGGER = 100
HIDDEN = "•••"
SHORTEST_SECRET = 4
"""Shorter values would tear holes into ordinary words."""


@dataclass(frozen=True)
class LogLine:
    """shared   the server did not say which of several calls it is about"""

    level: str
    logger: str
    text: str
    shared: bool = False


TellLog = Callable[[LogLine], None]


class CallLog:
    """The lines of one call; the last one says that more was left out."""

    def __init__(self, tell: TellLog) -> None:
        self._tell = tell
        self._lines = 0

    def take(self, line: LogLine) -> None:
        self._lines += 1
        if self._lines < MAX_LINES:
            self._tell(line)
        elif self._lines == MAX_LINES:
            self._tell(
                replace(line, level="notice", logger="", text="The server said more, which is left out.")
            )


def read_line(level: str, logger: str | None, data: Any, secrets: Iterable[str]) -> LogLine:
    """A message as it may be kept: secrets hidden first, so that no half of one is left by the cut."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str)
    hidden = _without(text, secrets)
    return LogLine(level, _without(logger or "", secrets)[:MAX_LOGGER], hidden[:MAX_TEXT])


def secrets_of(settings: McpServerSettings) -> list[str]:
    """Whatever of the settings must not be shown: values of headers and of the command's environment."""
    values = [*settings.headers.values(), *settings.env.values()]
    values += [value.partition(" ")[2] for value in settings.headers.values()]
    return [value for value in values if len(value) >= SHORTEST_SECRET]


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(set(secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
        # As it stands inside a text of JSON.
        text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], HIDDEN)
    return text
