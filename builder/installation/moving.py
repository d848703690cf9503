"""Moving what an installation in one process keeps in SQLite to PostgreSQL: every row, or none.

The file is read under the lock of its writer and left as it is. PostgreSQL is stricter about lengths and characters: what
it does not take is named with its table, and nothing is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DatabaseError, connection, connections, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now

from builder.environment import database
from builder.http.encryption import SecretUnreadable, keyed_hash
from builder.llm_connections.models import ModelConnection
from builder.mcp_servers.models import McpServer
from builder.triggers.models import Address
from runtime.models import Host

OLD = "embedded"
MADE_BY_MIGRATIONS = {"auth", "contenttypes"}
"""Apps whose rows each database makes for itself; nothing here refers to them."""
FETCHED_AT_ONCE = 1_000
TELL_EVERY = 50_000
WHERE = re.compile(r"line (\d+), column (\w+)")

Model = type[models.Model]


class CannotMove(Exception):
    """What stands in the way, and what to do about it; nothing was changed."""


def move_from(file: Path, tell: Callable[[str], None]) -> dict[str, int]:
    """Copy every row into the empty database of the settings, in one transaction.

    tell      gets a line of progress now and then
    returns   table -> rows
    raises    CannotMove
    """
    if connection.vendor != "postgresql":
        raise CannotMove("DATABASE_URL names no PostgreSQL. Set it to the database to move to.")
    if not file.is_file():
        raise CannotMove(f"There is no {file}. Say where the data directory of the installation is.")
    with _opened(file):
        if MigrationExecutor(connections[OLD]).migration_plan(_newest()):
            raise CannotMove(
                "The file is of an earlier release. Start that installation once with this one, stop it, and try again."
            )
        call_command("migrate", interactive=False, verbosity=0)
        with transaction.atomic(using=OLD), transaction.atomic():
            _refuse_while_used()
            _refuse_other_keys()
            _refuse_unless_empty()
            copied = {model._meta.db_table: _copy(model, tell) for model in _models()}
            _go_on_counting()
            return copied


@contextmanager
def _opened(file: Path) -> Iterator[None]:
    connections.databases[OLD] = {
        **connections.databases["default"],
        **database(f"sqlite:///{file}", file.parent),
    }
    try:
        yield
    finally:
        connections[OLD].close()
        del connections[OLD]
        del connections.databases[OLD]


def _newest() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = MigrationExecutor(connection).loader.graph.leaf_nodes()
    return found


def _models() -> list[Model]:
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.app_label not in MADE_BY_MIGRATIONS
    ]


def _refuse_while_used() -> None:
    if Host.objects.using(OLD).filter(lease_until__gt=Now()).exists():
        raise CannotMove(
            "The installation still runs, or was killed some seconds ago. Stop it, wait a quarter of a minute, and try again."
        )


def _refuse_other_keys() -> None:
    """What is stored encrypted must open there as it did here."""
    try:
        for address in Address.objects.using(OLD):
            if keyed_hash(address.token) != address.token_hash:
                raise CannotMove(
                    "SECRET_KEY is another than the installation's own. Give the command that one."
                )
        for model in ModelConnection.objects.using(OLD):
            _ = model.api_key
        for server in McpServer.objects.using(OLD):
            _ = server.secret
    except SecretUnreadable as error:
        raise CannotMove(
            f"PATCHBAY_ENCRYPTION_KEYS is not what the installation went by: {error}. Give the command its keys."
        ) from error


def _refuse_unless_empty() -> None:
    for model in _models():
        if model._base_manager.exists():
            raise CannotMove(
                f"The database is not empty: there are rows in {model._meta.db_table}. Move to a new one."
            )


def _copy(model: Model, tell: Callable[[str], None]) -> int:
    fields = model._meta.concrete_fields
    table, names = model._meta.db_table, ", ".join(f'"{field.column}"' for field in fields)
    count = 0
    try:
        with (
            connections[OLD].cursor() as old,
            connection.wrap_database_errors,
            connection.cursor() as new,
            new.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
        ):
            old.execute(f"SELECT {names} FROM {table}")  # noqa: S608
            for row in _read(old, fields):
                copy.write_row(row)
                count += 1
                if count % TELL_EVERY == 0:
                    tell(f"{table}: {count:,} rows")
    except DatabaseError as error:
        raise CannotMove(_refusal(table, error)) from error
    return count


def _read(cursor: Any, fields: Sequence[models.Field[Any, Any]]) -> Iterator[list[Any]]:
    converters = [_converter(field) for field in fields]
    while rows := cursor.fetchmany(FETCHED_AT_ONCE):
        for row in rows:
            yield [convert(value) for convert, value in zip(converters, row, strict=True)]


def _converter(field: models.Field[Any, Any]) -> Callable[[Any], Any]:
    """From a value as SQLite keeps it to one that PostgreSQL is given; JSON stays the text that it is in both."""
    if isinstance(field, models.JSONField):
        return lambda value: value
    old = connections[OLD]
    column = field.get_col(field.model._meta.db_table)
    steps: Iterable[Any] = [*old.ops.get_db_converters(column), *column.get_db_converters(old)]

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, old)
        return field.get_db_prep_save(value, connection)

    return convert


def _refusal(table: str, error: DatabaseError) -> str:
    """Without the value itself, which is nobody's business here."""
    diagnosis = getattr(error.__cause__, "diag", None)
    where = WHERE.search(getattr(diagnosis, "context", None) or "")
    place = f"{table}, row {where[1]}, column {where[2]}" if where else table
    reason = getattr(diagnosis, "message_primary", None) or type(error).__name__
    return f"PostgreSQL does not take {place}: {reason}. Nothing was moved; mend or remove it in the installation."


def _go_on_counting() -> None:
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), _models()):
            cursor.execute(statement)
