"""A run that was just accepted, or is about to be, on its way to a host that begins it without reading it back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Field

from runtime.engine.sealing import seal, unseal
from runtime.models import Run
from runtime.statements import all_columns

FENCE = 2
"""How far the fence of a first write goes. A claim goes 1: whoever claims the run meanwhile, be it the same host by a sweep
that was long under way, can be told from who began it on the word of a hint."""

INSERTED_WITHIN_S = 4.0
"""A host inserts no run later than this after it was made: whoever waits for that has gone another way by then."""


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
        return cls(_run([getattr(run, field.attname) for field in _fields()]), settings)

    def sealed(self) -> str:
        """As a text for another process of this installation; empty when it is too large."""
        values = {field.column: getattr(self.run, field.attname) for field in _fields()}
        return seal([self.settings, values], about=_about(self.run.pk))


def opened(text: str, run_id: UUID) -> NewRun | None:
    """What was sealed of this run; None when it was not sealed by this installation or release."""
    found = unseal(text, about=_about(run_id))
    if found is None:
        return None
    revision, values = found
    if values.keys() != set(all_columns(Run)):
        return None
    return NewRun(_run([_read(field, values[field.column]) for field in _fields()]), revision)


def _run(values: list[Any]) -> Run:
    return Run.from_db(DEFAULT_DB_ALIAS, [field.attname for field in _fields()], values)


def _read(field: Field[Any, Any], value: Any) -> Any:
    return None if value is None else field.to_python(value)


def _about(run_id: UUID) -> str:
    return f"run:{run_id.hex}"


@lru_cache(maxsize=1)
def _fields() -> list[Field[Any, Any]]:
    return [field for field in Run._meta.concrete_fields if field.column]
