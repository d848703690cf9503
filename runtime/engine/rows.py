"""The one statement that each change of a run costs, written by hand: the ORM would build five for it, every time.

PostgreSQL takes the run's new values and the rows of steps, attempts, events and spending as JSON and writes them in a single
statement, so that a change needs one round trip and one commit. SQLite, in this very process, takes rows as they are.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeAlias
from uuid import UUID

from django.db import connection, models, transaction
from pydantic_core import to_json

from runtime.engine import clock, new_runs
from runtime.engine.stored_values import COLUMNS, MAX_BYTES_IN_ROW, set_apart
from runtime.models import Attempt, Event, Run, Spend, Step, StoredValue
from runtime.settings_revisions import SettingsChanged, revision_sql
from runtime.statements import all_columns, fetch, in_one_transaction, preparing

WRITTEN = (
    "status",
    "attention",
    "event_seq",
    "started_at",
    "ended_at",
    "keep_until",
    "tokens",
    "cost_usd",
    "handled_errors",
    "steps_done",
    "state_bytes",
    "active_ms",
    "result",
    "replied_at",
    "error",
)
"""What the host that holds a run knows best; each change writes all of it."""
CONDITIONS = {
    "host_id": "uuid",
    "fence": "bigint",
    "seq_before": "bigint",
    "wakes": "bigint",
    "unless_cancelled": "boolean",
    "if_pausing": "boolean",
    "settings": "bigint",
    "releases": "boolean",
    "due_at": "timestamptz",
    "settles": "boolean",
    "takes": "boolean",
}
"""Whose run it must be, what must not have happened since, and whether the run is taken or given back."""

TABLES = (Step, Attempt, Event, Spend)
CHANGED_LATER: Mapping[type[models.Model], tuple[str, tuple[str, ...]]] = {
    Step: (
        "run_id, path",
        (
            "status",
            "ports",
            "attempts",
            "input",
            "output",
            "stored",
            "error",
            "usage",
            "started_at",
            "ended_at",
        ),
    ),
    # An attempt that was not let through is made later, with the same number.
    Attempt: ("run_id, path, number", ("effect", "fence", "started_at", "ended_at", "error", "usage")),
    StoredValue: ("run_id, digest", ()),
}
"""The tables whose rows are written more than once: their key, and what a later write brings up to date."""

Change: TypeAlias = Mapping[str, Any]
"""A value for `id` and for each of WRITTEN and CONDITIONS."""
Rows: TypeAlias = tuple[Iterable[Any], ...]
"""What is to be written into each of TABLES: objects with the names of its columns."""
Table: TypeAlias = type[models.Model]


@dataclass(frozen=True)
class Written:
    """What a host writes of a run; new is the run itself where it is in no database yet, and is inserted as it is by now."""

    change: Change
    rows: Rows
    new: Run | None = None


def write_all(changes: Sequence[Written]) -> list[bool]:
    """Write each change whose conditions hold, all in one transaction; which of them held.

    A new run is inserted if it is not there yet, and if the settings that it goes by still stand.
    """
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        return _write_postgresql(changes)
    with in_one_transaction() as lower:
        return [write_sqlite(lower, written) for written in changes]


def insert_run(run: Run, event: Event, settings: int | None = None) -> int:
    """A new run, due at once if it has its slot, and its first event; their times are the database's.

    settings  the revision of its workspace's settings that it goes by, where they were read before; else None
    returns   the revision that stands

    raises    SettingsChanged when it is another one: nothing was inserted
    """
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        with connection.wrap_database_errors:
            texts = (_as_json([_values(Run, run)]), _as_json([_values(Event, event)]))
            given = (texts[0], settings, settings, texts[1], run.workspace_id)
            at, revision = preparing().execute(_new_run_statement(), given).fetchone() or (None, 0)
        if at is None:
            raise SettingsChanged(int(revision))
        _begin_at(run, event, at)
        return int(revision)
    _begin_at(run, event, clock.now())
    with in_one_transaction() as lower:
        revision = _revision_sqlite(lower, run)
        if settings not in (None, revision):
            raise SettingsChanged(revision)
        lower.execute(_sqlite_insert(Run), _plain(Run, run))
        lower.execute(_sqlite_insert(Event), _plain(Event, event))
        return revision


def _begin_at(run: Run, event: Event, at: Any) -> None:
    run.created_at = run.progress_at = event.at = at
    run.due_at = at if run.has_slot else None
    run._state.adding = False


def answer_of(run_id: UUID) -> tuple[bool, Any] | None:
    """Once a run has replied or ended: whether it replied, and with what; None before that.

    A run that was removed since has nothing to say any more.
    """
    found = fetch(
        "SELECT replied_at IS NOT NULL, ended_at IS NOT NULL, result FROM runtime_run WHERE id = %s", [run_id]
    )
    if not found:
        return False, None
    ((has_replied, has_ended, result),) = found
    if not (has_replied or has_ended):
        return None
    return bool(has_replied), json.loads(result) if isinstance(result, str) else result


# --- PostgreSQL -------------------------------------------------------------------------------------


def statement_of(written: Written) -> tuple[str, tuple[Any, ...]] | None:
    """The statement that is a transaction by itself, and its values; None where values are to be kept apart.

    Its row is for `held` to read.
    """
    values, apart = _given(written)
    return None if apart else (_statement(is_new=written.new is not None, keeps_apart=False), values)


def held(row: tuple[Any, ...] | None) -> bool:
    """Whether the conditions of a change held, by the row that its statement gave."""
    return row is not None and row[0] == 1


def _write_postgresql(changes: Sequence[Written]) -> list[bool]:
    given = [_given(written) for written in changes]
    keeps_apart = any(apart for _, apart in given)
    values = [(*known, _as_json(apart)) if keeps_apart else known for known, apart in given]
    with connection.wrap_database_errors:
        cursor = preparing()
        if len(changes) == 1:
            statement = _statement(is_new=changes[0].new is not None, keeps_apart=keeps_apart)
            return [held(cursor.execute(statement, values[0]).fetchone())]
        found = [False] * len(changes)
        with transaction.atomic():
            for is_new in (False, True):
                places = [at for at, written in enumerate(changes) if (written.new is not None) is is_new]
                if places:
                    statement = _statement(is_new=is_new, keeps_apart=keeps_apart)
                    cursor.executemany(statement, [values[at] for at in places], returning=True)
                for at in places:
                    found[at] = held(cursor.fetchone())
                    cursor.nextset()
        return found


def _given(written: Written) -> tuple[tuple[Any, ...], list[dict[str, Any]]]:
    """The values of a statement, and those of steps that are kept apart."""
    steps, *others = (
        [_values(table, row) for row in found] for table, found in zip(TABLES, written.rows, strict=True)
    )
    text, apart = _as_json(steps), []
    # All of them together are small, so that each is: no value has to be looked at.
    if _is_large(text) and (apart := set_apart(steps)):
        text = _as_json(steps)
    change, new = written.change, written.new
    run = (
        (_as_json(change), change["id"])
        if new is None
        else (_as_json([_row_of_new(new, change)]), change["settings"])
    )
    return (*run, text, *map(_as_json, others)), apart


def _as_json(value: Any) -> str:
    if value == []:
        return "[]"
    # The standard library takes four times as long for it.
    return to_json(value, fallback=str).decode()


def _is_large(text: str) -> bool:
    return len(text.encode()) > MAX_BYTES_IN_ROW


@lru_cache(maxsize=4)
def _statement(*, is_new: bool, keeps_apart: bool) -> str:
    """The run's own row, and if that is written all others; in the order of the values that `_given` gives."""
    apart = ""
    if keeps_apart:
        apart = (
            f", apart AS ({_insert_from_json(StoredValue)} WHERE EXISTS (SELECT FROM changed)"
            f"{_on_conflict(StoredValue)})"
        )
    # The names are those of this module and of the models.
    return f"""
        WITH changed AS (
            {_insert_new_run() if is_new else _change_run()}
            RETURNING 1
        ), steps AS (
            {_insert_from_json(Step)} WHERE EXISTS (SELECT FROM changed){_on_conflict(Step)}
        ), attempts AS (
            {_insert_from_json(Attempt)} WHERE EXISTS (SELECT FROM changed){_on_conflict(Attempt)}
        ), events AS (
            {_insert_from_json(Event)} WHERE EXISTS (SELECT FROM changed)
        ), spent AS (
            {_insert_from_json(Spend)} WHERE EXISTS (SELECT FROM changed)
        ){apart}
        SELECT count(*) FROM changed"""  # noqa: S608


def _change_run() -> str:
    types = {**CONDITIONS, **{name: _type(Run, name) for name in WRITTEN}}
    given = ", ".join(f"{name} {kind}" for name, kind in types.items())
    written = ", ".join(f"{name} = w.{name}" for name in WRITTEN)
    return f"""UPDATE runtime_run AS r SET {written}, progress_at = now(),
                charges = CASE WHEN w.settles THEN 0 ELSE r.charges END,
                host_id = CASE WHEN w.releases THEN NULL ELSE w.host_id END, fence = w.fence,
                due_at = CASE WHEN w.releases THEN w.due_at ELSE r.due_at END
            FROM json_to_record(%s) AS w ({given})
            WHERE r.id = %s AND r.event_seq = w.seq_before
                AND (w.takes OR r.host_id = w.host_id AND r.fence = w.fence)
                AND (NOT w.takes OR {_untouched("r.", "w.fence")})
                AND (w.wakes IS NULL OR r.wakes = w.wakes)
                AND (NOT w.unless_cancelled OR r.cancel_requested_at IS NULL)
                AND (NOT w.if_pausing OR r.pause_requested_at IS NOT NULL)
                AND (w.settings IS NULL OR w.settings = {revision_sql("r.workspace_id")})"""  # noqa: S608


def _insert_new_run() -> str:
    insert = _insert_from_json(Run, {"progress_at": "now()"})
    # Who accepts it in the usual way after all may have been quicker.
    return f"{insert} WHERE %s = {revision_sql('x.workspace_id')} ON CONFLICT (id) DO NOTHING"


@lru_cache(maxsize=1)
def _new_run_statement() -> str:
    now = {"created_at": "now()", "progress_at": "now()", "due_at": "CASE WHEN has_slot THEN now() END"}
    run, event = _insert_from_json(Run, now), _insert_from_json(Event, {"at": "now()"})
    stands = f"%s::bigint IS NULL OR %s = {revision_sql('x.workspace_id')}"
    return f"""
        WITH run AS ({run} WHERE {stands} RETURNING 1),
            queued AS ({event} WHERE EXISTS (SELECT FROM run) RETURNING at)
        SELECT (SELECT at FROM queued), {revision_sql("%s")}"""  # noqa: S608


def _insert_from_json(table: Table, computed: Mapping[str, str] | None = None) -> str:
    """computed   column -> what it gets instead of the value that is given"""
    names = all_columns(table)
    given = ", ".join(f"{name} {_type(table, name)}" for name in names)
    values = ", ".join((computed or {}).get(name, name) for name in names)
    return (
        f"INSERT INTO {table._meta.db_table} ({', '.join(names)})"  # noqa: S608
        f" SELECT {values} FROM json_to_recordset(%s) AS x ({given})"
    )


def _type(table: Table, name: str) -> str:
    return str(table._meta.get_field(name).db_type(connection))


# --- SQLite -----------------------------------------------------------------------------------------


def write_sqlite(lower: sqlite3.Connection, written: Written) -> bool:
    """Whether its conditions held, and so it is written; within a transaction of this connection."""
    change, new = written.change, written.new
    is_written = _change_sqlite(lower, change) if new is None else _insert_new_sqlite(lower, new, change)
    if is_written:
        for table, found in zip(TABLES, written.rows, strict=True):
            if table is Step:
                _insert_steps_sqlite(lower, found)
            elif values := [_plain(table, row) for row in found]:
                lower.executemany(_sqlite_insert(table), values)
    return is_written


def _insert_new_sqlite(lower: sqlite3.Connection, new: Run, change: Change) -> bool:
    if _revision_sqlite(lower, new) != change["settings"]:
        return False
    row = _row_of_new(new, change)
    insert = _sqlite_insert(Run, progress_at=clock.SQLITE_NOW) + " ON CONFLICT (id) DO NOTHING"
    del row["progress_at"]
    return bool(lower.execute(insert, list(_adapted_row(Run, row).values())).rowcount)


def _revision_sqlite(lower: sqlite3.Connection, run: Run) -> int:
    """Of its workspace's settings."""
    ((revision,),) = lower.execute(f"SELECT {revision_sql('?')}", [run.workspace_id.hex])
    return int(revision)


def _change_sqlite(lower: sqlite3.Connection, change: Change) -> bool:
    conditions = "".join(
        text
        for name, text in (
            ("wakes", " AND wakes = :wakes"),
            ("unless_cancelled", " AND cancel_requested_at IS NULL"),
            ("if_pausing", " AND pause_requested_at IS NOT NULL"),
            ("settings", f" AND :settings = {revision_sql('runtime_run.workspace_id')}"),
        )
        # Zero is the first revision, and no missing wish.
        if change[name] is not None and change[name] is not False
    )
    is_own = _untouched("", ":fence") if change["takes"] else "host_id = :host_id AND fence = :fence"
    also = ", host_id = NULL, due_at = :due_at" if change["releases"] else ", host_id = :host_id"
    also += ", charges = 0" if change["settles"] else ""
    cursor = lower.execute(
        f"UPDATE runtime_run SET {', '.join(f'{name} = :{name}' for name in WRITTEN)}{also},"  # noqa: S608
        f" fence = :fence, progress_at = {clock.SQLITE_NOW}"
        f" WHERE id = :id AND {is_own} AND event_seq = :seq_before{conditions}",
        _adapted_row(Run, change),
    )
    return bool(cursor.rowcount)


def _insert_steps_sqlite(lower: sqlite3.Connection, found: Iterable[Any]) -> None:
    steps = [_values(Step, row) for row in found]
    plain = [_adapted_row(Step, row) for row in steps]
    if any(_is_large(row[column] or "") for row in plain for column in COLUMNS):
        if apart := [_adapted_row(StoredValue, value) for value in set_apart(steps)]:
            lower.executemany(_sqlite_insert(StoredValue), [list(row.values()) for row in apart])
        plain = [_adapted_row(Step, row) for row in steps]
    if plain:
        lower.executemany(_sqlite_insert(Step), [list(row.values()) for row in plain])


@lru_cache(maxsize=8)
def _sqlite_insert(table: Table, **computed: str) -> str:
    """computed   column -> the expression that it gets; of every other one a value is given"""
    names = [name for name in all_columns(table) if name not in computed]
    marks = ", ".join(["?"] * len(names) + list(computed.values()))
    names += computed
    return f"INSERT INTO {table._meta.db_table} ({', '.join(names)}) VALUES ({marks}){_on_conflict(table)}"  # noqa: S608


def _plain(table: Table, row: Any) -> list[Any]:
    """The row's values as SQLite keeps them."""
    return list(_adapted_row(table, _values(table, row)).values())


def _adapted_row(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """As Django's backend for SQLite writes it: ids as 32 hexadecimal digits, times in UTC without saying so."""
    in_json = _json_columns(table)
    return {
        name: _as_json(value) if value is not None and name in in_json else _adapted(value)
        for name, value in values.items()
    }


def _adapted(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).replace(tzinfo=None))
    return value


# --- both -------------------------------------------------------------------------------------------


def _row_of_new(run: Run, change: Change) -> dict[str, Any]:
    """The row of a run that is inserted by the write that this change stands for."""
    written = {name: change[name] for name in WRITTEN}
    # The run itself says that it is held from its beginning.
    held = {"host_id": None, "due_at": change["due_at"]} if change["releases"] else {}
    return _values(Run, run) | written | held


def _untouched(row: str, fence: str) -> str:
    """Of a run that its first write takes: nothing has happened to it since it was accepted."""
    true = "" if connection.vendor == "postgresql" else " = 1"
    return (
        f"{row}host_id IS NULL AND {row}fence = {fence} - {new_runs.FENCE} AND {row}wakes = 0 AND {row}charges = 0"
        f" AND {row}attention = '' AND {row}cancel_requested_at IS NULL AND {row}pause_requested_at IS NULL"
        f" AND {row}has_slot{true} AND {row}due_at IS NOT NULL"
    )


def _values(table: Table, row: Any) -> dict[str, Any]:
    return dict(zip(all_columns(table), _getter(table)(row), strict=True))


@lru_cache(maxsize=8)
def _getter(table: Table) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*all_columns(table))


def _on_conflict(table: Table) -> str:
    """What becomes of a row that is there already; nothing is said where there cannot be one."""
    key, changes = CHANGED_LATER.get(table, ("", ()))
    written = ", ".join(f"{name} = EXCLUDED.{name}" for name in changes)
    then = f"UPDATE SET {written}" if changes else "NOTHING"
    return f" ON CONFLICT ({key}) DO {then}" if key else ""


@lru_cache(maxsize=8)
def _json_columns(table: Table) -> frozenset[str]:
    return frozenset(
        str(field.column) for field in table._meta.concrete_fields if isinstance(field, models.JSONField)
    )
