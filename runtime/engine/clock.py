"""The database's clock: leases, due times and sweeps are judged by it alone, never by a machine's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now
from django.utils.dateparse import parse_datetime
from django.utils.timezone import make_aware

SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
"""With as many digits as stored times have: they are compared as texts, and a run is due at the moment it begins."""


def now_sql() -> str:
    """The database's time, as statements of our own say it."""
    return "now()" if connection.vendor == "postgresql" else SQLITE_NOW


def earlier_sql(seconds: float) -> str:
    """The same, so many seconds ago."""
    if connection.vendor == "postgresql":
        return f"now() - interval '{seconds} seconds'"
    return SQLITE_NOW.replace("'now'", f"'now', '-{seconds} seconds'")


def now() -> datetime:
    """The database's time as an aware datetime; one query."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            value: datetime = cursor.fetchone()[0]
            return value
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SQLITE_NOW}")
        parsed = parse_datetime(cursor.fetchone()[0])
    if parsed is None:  # pragma: no cover - SQLite's format is fixed
        raise ValueError("the database gave no time")
    return make_aware(parsed)


def later(seconds: float) -> ExpressionWrapper[Any]:
    """An expression for the database's time plus `seconds`."""
    delta: Any = Now() + timedelta(seconds=seconds)
    return ExpressionWrapper(delta, output_field=DateTimeField())
