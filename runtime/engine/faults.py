"""Named places where a test makes the engine fail, armed by `PATCHBAY_FAULT=after_intent:kill`; else they do nothing.

A stage is a write of a run, named after the most that it holds (the outcome of a call, an intent, a wait, or nothing but
progress), or a call, news being read, a cancel being carried out, news being told; or the write of what a watch has seen. A fault strikes once in a process.
With a third part, `before_call:kill:poison`, it strikes at calls of steps whose path this is, and nowhere else.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NoReturn

from django.db import OperationalError

logger = logging.getLogger(__name__)

STAGES = ("intent", "call", "record", "advance", "wait", "resume", "cancel", "publish", "watch")
POINTS = tuple(f"{when}_{stage}" for stage in STAGES for when in ("before", "after"))

EATEN_BYTES, EATEN_EVERY_S = 8 * 1024 * 1024, 0.02


class InjectedFault(Exception):
    """What nobody foresaw."""


def _raise() -> NoReturn:
    raise InjectedFault


def _lose_database() -> NoReturn:
    raise OperationalError("the database went away")


def _spin() -> NoReturn:
    while True:
        pass


def _eat() -> NoReturn:
    held = []
    while True:
        held.append(b"x" * EATEN_BYTES)
        time.sleep(EATEN_EVERY_S)


WAYS: dict[str, Callable[[], None]] = {
    "exit": lambda: os._exit(70),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "spin": _spin,
    "eat": _eat,
    "exception": _raise,
    "database": _lose_database,
}

_NONE = nullcontext()

_armed: tuple[str, str, str] | None = None


def arm(text: str) -> None:
    """Arm one point, "" for none; raises ValueError naming the choices."""
    global _armed
    point, way, path = [*text.split(":"), "", ""][:3]
    if text and (point not in POINTS or way not in WAYS):
        raise ValueError(
            f"PATCHBAY_FAULT is {text!r}; write one of {', '.join(POINTS)}, a colon, and one of {', '.join(WAYS)}."
        )
    _armed = (point, way, path) if text else None


def around(stage: str, path: str = "") -> AbstractContextManager[None]:
    """The points before and after what a stage does; the one after is left out when the stage itself fails."""
    return _NONE if _armed is None else _around(stage, path)


@contextmanager
def _around(stage: str, path: str) -> Iterator[None]:
    _reach(f"before_{stage}", path)
    yield
    _reach(f"after_{stage}", path)


def _reach(point: str, path: str) -> None:
    global _armed
    if _armed is None or _armed[0] != point or _armed[2] not in ("", path):
        return
    way, _armed = _armed[1], None
    logger.warning("fault reached", extra={"action": "fault", "point": point, "way": way})
    WAYS[way]()
