"""Large values of steps: kept beside their rows, which name them by what they hold.

A step's row is written with every change of the step, and so it stays small. A value is written once, however many
changes follow and however many steps of the run hold it. Where no value of a run is large, none of this costs a query.

source   docs/decisions/0016-large-values.md
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from runtime.models import Step, StoredValue

MAX_BYTES_IN_ROW = 256 * 1024
COLUMNS = ("input", "output")
"""Of a step: those that may be kept apart."""


def set_apart(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the large values out of rows of steps that are about to be written; the rows of StoredValue to write first."""
    found: dict[tuple[UUID, str], dict[str, Any]] = {}
    for row in rows:
        apart = {}
        for column in COLUMNS:
            content = json.dumps(row[column], ensure_ascii=False, sort_keys=True).encode()
            if len(content) <= MAX_BYTES_IN_ROW:
                continue
            digest = apart[column] = hashlib.sha256(content).hexdigest()
            found[row["run_id"], digest] = {"run_id": row["run_id"], "digest": digest, "value": row[column]}
            row[column] = None
        row["stored"] = apart or None
    return list(found.values())


def steps_of(run_id: UUID) -> list[Step]:
    """The steps of a run in the order in which they began, with their values wherever those are kept."""
    steps = list(Step.objects.filter(run_id=run_id).order_by("position"))
    if any(step.stored for step in steps):
        values = dict(StoredValue.objects.filter(run_id=run_id).values_list("digest", "value"))
        for step in steps:
            for column, digest in (step.stored or {}).items():
                setattr(step, column, values[digest])
            step.stored = None
    return steps


def insert(steps: Sequence[Step]) -> None:
    """New rows of steps, and what they hold."""
    rows = [{name: getattr(step, name) for name in ("run_id", *COLUMNS)} for step in steps]
    _save(set_apart(rows))
    for step, row in zip(steps, rows, strict=True):
        for name in (*COLUMNS, "stored"):
            setattr(step, name, row[name])
    Step.objects.bulk_create(steps)


def with_output(step: Step, output: Any) -> dict[str, Any]:
    """The columns of a row that gets an output apart from the engine, once a large one is stored."""
    row = {"run_id": step.run_id, "input": None, "output": output}
    _save(set_apart([row]))
    return {"output": row["output"], "stored": {**(step.stored or {}), **(row["stored"] or {})} or None}


def _save(values: Sequence[dict[str, Any]]) -> None:
    if values:
        StoredValue.objects.bulk_create((StoredValue(**value) for value in values), ignore_conflicts=True)
