"""Statements of our own where the ORM costs more than the work: prepared on PostgreSQL, and read into models.

Only for what every run does; everything else asks the ORM.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction

Model = type[models.Model]

_writing = Lock()
"""SQLite has one writer. Its own way of waiting sleeps ever longer while others overtake; here whoever waits is next."""


def fetch(statement: str, given: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Every row, as the driver gives it; values of JSON are texts. `%s` stands for each of `given`."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        if connection.vendor == "postgresql":
            return preparing().execute(statement, given).fetchall()
        plain = [value.hex if isinstance(value, UUID) else value for value in given]
        found: list[tuple[Any, ...]] = underlying().execute(statement.replace("%s", "?"), plain).fetchall()
        return found


def preparing() -> psycopg.Cursor[Any]:
    """Not the ORM's cursor: that one writes values into the text, which can then not be prepared."""
    return psycopg.Cursor(connection.connection)


def underlying() -> Any:
    """SQLite's cursor below Django's, which takes many rows at once."""
    return connection.connection.cursor()


UNFLUSHED = "set_config('synchronous_commit', 'off', true)"
"""As a value in a statement that is a transaction by itself: PostgreSQL does not wait for the disk at its end."""


@contextmanager
def in_one_transaction() -> Iterator[sqlite3.Connection]:
    """Around statements of our own on SQLite; within a transaction that is under way they are a part of it.

    The ORM's `atomic` keeps a book that nothing here needs, and it costs more than a statement.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.in_atomic_block:
        with transaction.atomic(), database.wrap_database_errors:
            yield database.connection
        return
    with _writing, database.wrap_database_errors, _transaction(database.connection):
        yield database.connection


@contextmanager
def unless_others_write(lower: sqlite3.Connection) -> Iterator[None]:
    """The same over a connection that waits for nobody; raises sqlite3.OperationalError while another one writes."""
    if not _writing.acquire(blocking=False):
        raise sqlite3.OperationalError("database is locked")
    try:
        with _transaction(lower):
            yield
    finally:
        _writing.release()


@contextmanager
def _transaction(lower: sqlite3.Connection) -> Iterator[None]:
    lower.execute("BEGIN IMMEDIATE")
    try:
        yield
        lower.execute("COMMIT")
    except BaseException:
        lower.rollback()
        raise


@contextmanager
def unflushed() -> Iterator[None]:
    """SQLite does not wait for the disk at the end of a transaction in here; with the next one outside, it does."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    with _writing:
        underlying().execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            underlying().execute("PRAGMA synchronous = FULL")


def columns(model: Model, alias: str, *names: str) -> str:
    """What a statement selects so that `instances` can read it; without names, every column."""
    return ", ".join(f"{alias}.{name}" for name in names or all_columns(model))


def instances(
    rows: Sequence[tuple[Any, ...]], *parts: tuple[Model, Sequence[str]]
) -> Iterator[tuple[Any, ...]]:
    """For each row an instance of each model, from as many values as it has names (none: all), then what is left of it.

    Fields that were not read are read from the database when somebody asks for them.
    """
    readers = [_reader(model, tuple(names) or all_columns(model)) for model, names in parts]
    for row in rows:
        found, start = [], 0
        for read, size in readers:
            found.append(read(row[start : start + size]))
            start += size
        yield (*found, *row[start:])


@lru_cache(maxsize=8)
def all_columns(model: Model) -> tuple[str, ...]:
    return tuple(field.column for field in model._meta.concrete_fields if field.column)


@lru_cache(maxsize=16)
def _reader(model: Model, names: tuple[str, ...]) -> tuple[Callable[[Sequence[Any]], Any], int]:
    fields = {field.column: field for field in model._meta.concrete_fields}
    attributes = [fields[name].attname for name in names]
    converters = [
        (index, convert, column)
        for index, name in enumerate(names)
        for column in (fields[name].get_col(model._meta.db_table),)
        for convert in (
            *connection.ops.get_db_converters(column),
            *column.get_db_converters(connection),
        )
    ]

    def read(row: Sequence[Any]) -> Any:
        values = list(row)
        for index, convert, column in converters:
            values[index] = convert(values[index], column, connection)
        return model.from_db(connection.alias, attributes, values)

    return read, len(names)
