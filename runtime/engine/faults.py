"""Named places where a test makes the engine fail, armed by `PATCHBAY_FAULT=after_intent:kill`; else they do nothing.

A stage is a write of a run, named after the most that it holds (the outcome of a call, an intent, a wait, or nothing but
progress), or a call, news being read, a cancel being carried out, news being told. A fault strikes once.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from django.db import OperationalError

logger = logging.getLogger(__name__)

STAGES = ("intent", "call", "record", "advance", "wait", "resume", "cancel", "publish")
POINTS = tuple(f"{when}_{stage}" for stage in STAGES for when in ("before", "after"))


class InjectedFault(Exception):
    """What nobody foresaw."""


def _raise() -> NoReturn:
    raise InjectedFault


def _lose_database() -> NoReturn:
    raise OperationalError("the database went away")


WAYS: dict[str, Callable[[], None]] = {
    "exit": lambda: os._exit(70),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exception": _raise,
    "database": _lose_database,
}

_armed: tuple[str, str] | None = None


def arm(text: str) -> None:
    """Arm one point, "" for none; raises ValueError naming the choices."""
    global _armed
    point, _, way = text.partition(":")
    if text and (point not in POINTS or way not in WAYS):
        raise ValueError(
            f"PATCHBAY_FAULT is {text!r}; write one of {', '.join(POINTS)}, a colon, and one of {', '.join(WAYS)}."
        )
    _armed = (point, way) if text else None


@contextmanager
def around(stage: str) -> Iterator[None]:
    """The points before and after what a stage does; the one after is left out when the stage itself fails."""
    if _armed is None:
        yield
        return
    _reach(f"before_{stage}")
    yield
    _reach(f"after_{stage}")


def _reach(point: str) -> None:
    global _armed
    if _armed is None or _armed[0] != point:
        return
    way, _armed = _armed[1], None
    logger.warning("fault reached", extra={"action": "fault", "point": point, "way": way})
    WAYS[way]()
