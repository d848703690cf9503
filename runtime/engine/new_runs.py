"""A run that was just accepted, or is about to be, on its way to a host that begins it without reading it back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Field

from runtime.engine.live import Subscription
from runtime.engine.sealing import seal, unseal
from runtime.engine.waiting import InDatabase
from runtime.models import Run
from runtime.statements import all_columns

FENCE = 2
"""How far the fence of a first write goes. A claim goes 1: whoever claims the run meanwhile, be it the same host by a sweep
that was long under way, can be told from who began it on the word of a hint."""

INSERTED_WITHIN_S = 4.0
"""A host inserts no run later than this after it was made: whoever waits for that has gone another way by then."""
BEGUN_WITHIN_S = INSERTED_WITHIN_S + 1.0


class Begun(Protocol):
    """A run that some host begins before anybody else can know of it."""

    async def is_inserted(self, news: Subscription, in_database: InDatabase) -> bool:
        """Whether the host has inserted it, as soon as that is known; it may raise what the database raises there.

        news          of the run's answer
        in_database   for a look there
        """
        ...

    @property
    def may_come(self) -> bool:
        """Whether the host may insert it yet, where it had not."""
        ...


class BegunHere:
    """By the host of this process, which tells."""

    def __init__(self, told: Future[bool]) -> None:
        self._told = told

    async def is_inserted(self, news: Subscription, in_database: InDatabase) -> bool:
        try:
            async with asyncio.timeout(BEGUN_WITHIN_S):
                return await asyncio.wrap_future(self._told)
        except TimeoutError:
            return False

    @property
    def may_come(self) -> bool:
        return False


@dataclass(frozen=True)
class NewRun:
    """run: its row as it was committed; settings: the revision of its workspace's settings at that time

    is_inserted   false of a run that is in no database yet: its first write inserts it
    made_at       by this process's monotonic clock
    """

    run: Run
    settings: int
    is_inserted: bool = True
    made_at: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, run: Run, settings: int) -> NewRun:
        """With a copy of the run: whoever executes it changes it."""
        return cls(_run([getattr(run, field.attname) for _, field in _columns()]), settings)

    def sealed(self) -> str:
        """As a text for another process of this installation; empty when it is too large."""
        return seal([self.settings, self.values()], about=_about(self.run.pk))

    def values(self) -> dict[str, Any]:
        """Column -> value of the run's row."""
        return {column: getattr(self.run, field.attname) for column, field in _columns()}


def opened(text: str, run_id: UUID) -> NewRun | None:
    """What was sealed of this run; None when it was not sealed by this installation or release."""
    found = unseal(text, about=_about(run_id))
    if found is None:
        return None
    revision, values = found
    run = run_of(values)
    return NewRun(run, revision) if run else None


def run_of(values: Mapping[str, Any]) -> Run | None:
    """A run from its row's values, read from JSON; None when they are those of another release."""
    if values.keys() != set(all_columns(Run)):
        return None
    return _run([_read(field, values[column]) for column, field in _columns()])


def _run(values: list[Any]) -> Run:
    return Run.from_db(DEFAULT_DB_ALIAS, [field.attname for _, field in _columns()], values)


def _read(field: Field[Any, Any], value: Any) -> Any:
    return None if value is None else field.to_python(value)


def _about(run_id: UUID) -> str:
    return f"run:{run_id.hex}"


@lru_cache(maxsize=1)
def _columns() -> list[tuple[str, Field[Any, Any]]]:
    return [(field.column, field) for field in Run._meta.concrete_fields if field.column]
