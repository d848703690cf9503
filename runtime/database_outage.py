"""Telling a database that is away from a request that is wrong: the first goes by, and trying again helps."""

from __future__ import annotations

from django.db import InterfaceError, InternalError, OperationalError

READ_ONLY = "25006"
"""PostgreSQL's code for a write while it takes none, as after a failover or while its disk is looked after."""


def is_outage(error: BaseException) -> bool:
    """Whether the database cannot be reached or takes no writes for the time being."""
    if isinstance(error, InternalError):
        return getattr(error.__cause__, "sqlstate", None) == READ_ONLY
    return isinstance(error, (OperationalError, InterfaceError))
