"""How often the settings that runs go by were changed, counted by the database itself, for each workspace.

Whoever read settings under a revision may go on using them for as long as the revision is the same, without asking again.
Triggers count, so that no way of changing a setting can be forgotten. They are laid anew after each migration, because a
table that SQLite rebuilds loses them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from runtime.models import SettingsRevision

TABLE = SettingsRevision._meta.db_table
PREFIX = "settings_"


class SettingsChanged(Exception):
    """What goes by settings of an earlier revision was not written."""

    def __init__(self, revision: int) -> None:
        """revision   the one that stands"""
        super().__init__(revision)
        self.revision = revision


@dataclass(frozen=True)
class Watched:
    """A table whose rows are settings.

    workspace   SQL for the workspace of a row, which it calls {row}
    besides     columns that are no settings
    """

    model: type[models.Model]
    workspace: str
    besides: frozenset[str]

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    def changed(self, differs: str) -> str:
        """Whether a setting of a row is another than before."""
        columns = [str(field.column) for field in self.model._meta.concrete_fields if field.column]
        settings = (column for column in columns if column not in self.besides)
        return " OR ".join(f'OLD."{column}" {differs} NEW."{column}"' for column in settings)


_watched: dict[str, Watched] = {}


def count_changes_of(
    model: type[models.Model], *, workspace: str = "{row}.workspace_id", besides: Collection[str] = ()
) -> None:
    """From the next migration on, changes of this model's rows are changes of their workspace's settings."""
    _watched[model._meta.db_table] = Watched(model, workspace, frozenset(besides))


def revision_sql(workspace: str) -> str:
    """The revision of a workspace's settings as an expression; `workspace` is SQL too."""
    return f"COALESCE((SELECT revision FROM {TABLE} WHERE workspace_id = {workspace}), 0)"  # noqa: S608


def revision_of_row() -> Coalesce:
    """The same for the ORM, for a row with `workspace_id`."""
    rows = SettingsRevision.objects.filter(workspace_id=OuterRef("workspace_id"))
    return Coalesce(Subquery(rows.values("revision")), 0, output_field=BigIntegerField())


def lay_triggers(using: str = "default", **_: Any) -> None:
    """After a migration: lay the triggers that are missing, and take away those of before; idempotent."""
    connection = connections[using]
    present = set(connection.introspection.table_names())
    if TABLE not in present:
        return
    for watched in _watched.values():
        if watched.table in present:
            _lay(connection, watched)


def _lay(connection: BaseDatabaseWrapper, watched: Watched) -> None:
    make = _on_postgresql if connection.vendor == "postgresql" else _on_sqlite
    wanted = {}
    for event in ("INSERT", "UPDATE", "DELETE"):
        body = make(watched, event, "{name}")
        digest = hashlib.sha256("".join(body).encode()).hexdigest()[:8]
        name = f"{PREFIX}{watched.table}_{event.lower()}_{digest}"
        wanted[name] = [statement.replace("{name}", name) for statement in body]
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        there = _names(connection, cursor, watched.table)
        for name in there - wanted.keys():
            is_postgresql = connection.vendor == "postgresql"
            cursor.execute(f"DROP FUNCTION {name}() CASCADE" if is_postgresql else f"DROP TRIGGER {name}")
        for name in wanted.keys() - there:
            for statement in wanted[name]:
                cursor.execute(statement)


def _names(connection: BaseDatabaseWrapper, cursor: Any, table: str) -> set[str]:
    if connection.vendor == "postgresql":
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass", [table])
    else:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
    return {name for (name,) in cursor.fetchall() if name.startswith(PREFIX)}


def _on_postgresql(watched: Watched, event: str, name: str) -> list[str]:
    row = "OLD" if event == "DELETE" else "NEW"
    only_if = f"WHEN ({watched.changed('IS DISTINCT FROM')})" if event == "UPDATE" else ""
    # At the commit, when no other lock is waited for any more: two that change several rows do not block each other.
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" {_count(watched, row)}; RETURN NULL; END $$",
        f"CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON {watched.table} DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW {only_if} EXECUTE FUNCTION {name}()",
    ]


def _on_sqlite(watched: Watched, event: str, name: str) -> list[str]:
    row = "OLD" if event == "DELETE" else "NEW"
    only_if = f"WHEN {watched.changed('IS NOT')}" if event == "UPDATE" else ""
    return [
        f"CREATE TRIGGER {name} AFTER {event} ON {watched.table} {only_if} BEGIN {_count(watched, row)}; END"
    ]


def _count(watched: Watched, row: str) -> str:
    workspace = watched.workspace.format(row=row)
    # A row whose workspace is gone already is nobody's setting.
    return (
        f"INSERT INTO {TABLE} (workspace_id, revision) SELECT found.id, 1"  # noqa: S608
        f" FROM (SELECT {workspace} AS id) AS found WHERE found.id IS NOT NULL"
        f" ON CONFLICT (workspace_id) DO UPDATE SET revision = {TABLE}.revision + 1"
    )
