"""Runs in monthly partitions, on PostgreSQL: turning the tables into them, keeping months ahead, dropping old ones.

The four tables are cut at the same ids: a UUIDv7 begins with its time, so that a month is a range of ids. What there
was before the tables were cut stays one partition, as it is: nothing is copied. The last one takes whatever comes
after the months that were made ahead, so that no insert ever fails for want of a partition.

source   docs/decisions/0013-partitions.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q
from django.db.utils import OperationalError

from runtime.engine import clock, duties
from runtime.engine.retention import forget_signals, is_kept_for_parent
from runtime.identifiers import first_id_of
from runtime.models import Run, StoredValue, Wait

KEYS: Mapping[str, str] = {
    "runtime_run": "id",
    "runtime_step": "run_id",
    "runtime_attempt": "run_id",
    "runtime_event": "run_id",
}
"""Table -> the column it is cut by. Runs come first: what is gone from there is not looked for in the others."""
BESIDE = (Wait, StoredValue)
"""What belongs to runs and is not cut: few rows of it are left when a month is old."""
BATCH = 1000
MONTHS_AHEAD = 3
LOCK_TIMEOUT_S = 3
DUTY = "partitions"
NAME = re.compile(r"before|rest|p\d{4}_\d{2}")
BOUNDS = re.compile(r"FROM \((?:'([0-9a-f-]+)'|MINVALUE)\) TO \((?:'([0-9a-f-]+)'|MAXVALUE)\)")
FIRST, LAST = UUID(int=0), UUID(int=(1 << 128) - 1)


@dataclass(frozen=True)
class Part:
    """A range of runs, in all four tables.

    name    before, p2026_12 or rest
    first   the smallest id that it may hold
    end     the smallest id that it may not hold
    """

    name: str
    first: UUID
    end: UUID

    def table(self, parent: str) -> str:
        return f"{parent}_{self.name}"


def can_partition() -> bool:
    return connection.vendor == "postgresql"


def is_partitioned() -> bool:
    if not can_partition():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_partitioned_table WHERE partrelid = 'runtime_run'::regclass")
        return cursor.fetchone() is not None


def parts() -> list[Part]:
    """The partitions, oldest first; empty while the tables are whole."""
    if not is_partitioned():
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i "
            "JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = 'runtime_run'::regclass AND NOT i.inhdetachpending"
        )
        found = [_part(name, bounds) for name, bounds in cursor.fetchall()]
    return sorted(found, key=lambda part: part.first)


def sizes() -> dict[str, int]:
    """Bytes of each partition, its indexes and all four tables included."""
    with connection.cursor() as cursor:
        found = {}
        for part in parts():
            cursor.execute(
                "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name",
                [[part.table(parent) for parent in KEYS]],
            )
            found[part.name] = int(cursor.fetchone()[0])
    return found


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time cuts the tables or drops parts of them; the next one waits, and goes by what it then finds."""
    if not can_partition():
        yield
        return
    # Of the session, since none of it is one transaction; it goes with a process that dies.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [DUTY])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [DUTY])


def convert() -> None:
    """Turn the tables into partitioned ones while work goes on; they are locked for moments only.

    raises   OperationalError when others held the tables for too long: nothing has changed then
    """
    end = _first_boundary()
    for table, key in KEYS.items():
        _prove(table, key, end)
    with _short_locks() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(KEYS)} IN ACCESS EXCLUSIVE MODE")
        for table, key in KEYS.items():
            _cut(cursor, table, key, end)
        _make_months(cursor, end, _month_after(clock.now(), MONTHS_AHEAD))


def keep_ahead() -> int:
    """Make the partitions of the months to come; returns how many."""
    last = next((part for part in parts() if part.name == "rest"), None)
    until = _month_after(clock.now(), MONTHS_AHEAD)
    if last is None or last.first >= first_id_of(until):
        return 0
    try:
        with _short_locks() as cursor:
            if not duties.take(DUTY):
                return 0
            for table in KEYS:
                cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {last.table(table)}")
                cursor.execute(f"ALTER TABLE {last.table(table)} RENAME TO {table}_left")
            made = _make_months(cursor, last.first, until)
            for table in KEYS:
                # Ids of the future, from a machine whose clock was ahead.
                cursor.execute(f"INSERT INTO {table} SELECT * FROM {table}_left")  # noqa: S608  our own names
                cursor.execute(f"DROP TABLE {table}_left")
    except OperationalError:
        # Somebody holds the tables, a backup perhaps; there are months left to try again.
        return 0
    return made


def droppable(days: int) -> Iterator[Part]:
    """The partitions of runs that were all begun before so many days and are all over, counted, and not kept longer;
    oldest first, each judged when those before it have been dropped, since a run is kept for one that waited for it."""
    at = clock.now()
    before = first_id_of(at - timedelta(days=days))
    is_open = Q(ended_at=None) | Q(uncounted=True) | Q(keep_until__gte=at)
    for part in parts():
        runs = Run.objects.filter(pk__gte=part.first, pk__lt=part.end)
        # With one that waited for it in the same part it goes.
        kept = is_kept_for_parent() & ~Q(parent_id__gte=part.first, parent_id__lt=part.end)
        if part.end <= before and not (runs.filter(is_open).exists() or runs.filter(kept).exists()):
            yield part


def drop(part: Part) -> None:
    """Give back the space of a partition at once; reading and writing elsewhere goes on."""
    for beside in BESIDE:
        rows = beside.objects.filter(run_id__gte=part.first, run_id__lt=part.end)
        while runs := list(rows.values_list("run_id", flat=True).order_by("run_id")[:BATCH]):
            if beside is Wait:
                forget_signals(runs)
            rows.filter(run_id__lte=runs[-1]).delete()
    for table in KEYS:
        _take_out(table, part.name)


def finish_drops() -> None:
    """Take up what a command that was broken off has left: parts of runs that are gone already."""
    if not is_partitioned():
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.relname, c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "JOIN pg_class p ON p.oid = i.inhparent WHERE i.inhdetachpending AND p.relname = ANY(%s)",
            [list(KEYS)],
        )
        for table, child in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {child} FINALIZE")
    runs = _children("runtime_run")
    for table in KEYS:
        for name in _children(table) - runs:
            _take_out(table, name)
        for name in _detached(table):
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE {table}_{name}")


# --- inside ---------------------------------------------------------------------------------------------


def _part(table: str, bounds: str) -> Part:
    found = BOUNDS.search(bounds)
    if found is None:
        raise ValueError(f"{table} has bounds that are not ours: {bounds}")
    first, end = found.groups()
    return Part(
        table.removeprefix("runtime_run_"), UUID(first) if first else FIRST, UUID(end) if end else LAST
    )


def _children(table: str) -> set[str]:
    """The names of a table's partitions, without the table's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = %s::regclass",
            [table],
        )
        return {name.removeprefix(f"{table}_") for (name,) in cursor.fetchall()}


def _detached(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition "
            "AND starts_with(relname, %s) AND pg_table_is_visible(oid)",
            [f"{table}_"],
        )
        names = [name.removeprefix(f"{table}_") for (name,) in cursor.fetchall()]
    return [name for name in names if NAME.fullmatch(name)]


def _take_out(table: str, name: str) -> None:
    """Outside any transaction, as PostgreSQL wants it: others go on reading and writing meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {table}_{name} CONCURRENTLY")
        cursor.execute(f"DROP TABLE {table}_{name}")


@contextmanager
def _short_locks() -> Iterator[CursorWrapper]:
    """A transaction that gives up rather than let everybody wait behind it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
        yield cursor


def _month_after(at: datetime, months: int) -> datetime:
    """The beginning of the month so many months after that of a moment."""
    number = at.year * 12 + at.month - 1 + months
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _first_boundary() -> UUID:
    """Where what there is ends: a month's beginning that no run has reached, nor will while the tables are cut."""
    newest = Run.objects.order_by("-pk").values_list("pk", flat=True).first()
    at = clock.now() + timedelta(days=1)
    if newest is not None:
        at = max(at, datetime.fromtimestamp((newest.int >> 80) / 1000, UTC))
    return first_id_of(_month_after(at, 1))


def _prove(table: str, key: str, end: UUID) -> None:
    """Let PostgreSQL see that every row lies before a boundary, while others write, so that cutting needs no scan."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_bounds")
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_bounds CHECK ({key} < '{end}') NOT VALID")
        cursor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_bounds")


def _cut(cursor: CursorWrapper, table: str, key: str, end: UUID) -> None:
    """The table becomes the first partition of one with its name, constraints and indexes."""
    before = f"{table}_before"
    cursor.execute(
        "SELECT i.relname, pg_get_indexdef(i.oid), pg_get_constraintdef(c.oid) FROM pg_index x "
        "JOIN pg_class i ON i.oid = x.indexrelid LEFT JOIN pg_constraint c ON c.conindid = i.oid "
        "WHERE x.indrelid = %s::regclass",
        [table],
    )
    indexes = cursor.fetchall()
    cursor.execute(f"ALTER TABLE {table} RENAME TO {before}")
    for name, _, _ in indexes:
        cursor.execute(f'ALTER INDEX "{name}" RENAME TO "{name}_before"')
    cursor.execute(
        f"CREATE TABLE {table} (LIKE {before} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) "
        f"PARTITION BY RANGE ({key})"
    )
    cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_bounds")
    for name, definition, constraint in indexes:
        # Under the names that migrations know; those of the old table are found to fit and become parts of them.
        cursor.execute(
            f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {constraint}' if constraint else definition
        )
    cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ('{end}')")
    cursor.execute(f"ALTER TABLE {before} DROP CONSTRAINT {table}_bounds")


def _make_months(cursor: CursorWrapper, first: UUID, until: datetime) -> int:
    """A partition for each month from a boundary on, and one for all that comes after them."""
    at = datetime.fromtimestamp((first.int >> 80) / 1000, UTC)
    made = 0
    while at < until:
        following = _month_after(at, 1)
        for table in KEYS:
            _make(cursor, table, f"p{at:%Y_%m}", f"'{first_id_of(at)}'", f"'{first_id_of(following)}'")
        at, made = following, made + 1
    for table in KEYS:
        _make(cursor, table, "rest", f"'{first_id_of(at)}'", "MAXVALUE")
    return made


def _make(cursor: CursorWrapper, table: str, name: str, first: str, end: str) -> None:
    cursor.execute(f"CREATE TABLE {table}_{name} PARTITION OF {table} FOR VALUES FROM ({first}) TO ({end})")
