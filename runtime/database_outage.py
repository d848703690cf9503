"""Telling a database that is away from a request that is wrong: the first goes by, and trying again helps."""

from __future__ import annotations

from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError

READ_ONLY = "25006"
"""PostgreSQL's code for a write while it takes none, as after a failover or while its disk is looked after."""
NO_SUCH_TABLE, NO_SUCH_COLUMN = "42P01", "42703"


def is_outage(error: BaseException) -> bool:
    """Whether the database cannot be reached, takes no writes for the time being, or is about to be migrated."""
    if isinstance(error, InternalError):
        return _code_of(error) == READ_ONLY
    return isinstance(error, (OperationalError, InterfaceError)) or is_unmigrated(error)


def is_unmigrated(error: BaseException) -> bool:
    """Whether a table or a column is not there: this process is of a later release than the database is by now."""
    if isinstance(error, ProgrammingError):
        return _code_of(error) in (NO_SUCH_TABLE, NO_SUCH_COLUMN)
    return isinstance(error, OperationalError) and str(error).startswith(("no such table", "no such column"))


def _code_of(error: BaseException) -> str | None:
    """PostgreSQL's; None on SQLite."""
    code: str | None = getattr(error.__cause__, "sqlstate", None)
    return code
