"""What a sweep would find, asked in one statement: a host with nothing to do asks nothing else."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from runtime.engine import claiming, clock
from runtime.models import Errand, Host, Run, Schedule
from runtime.statements import fetch


class Found(NamedTuple):
    """Whether there is anything of the kind.

    runs        due, allowed to go on and held by no living host, but for those that were accepted a moment ago
    held        runs that belong to the host by their rows
    schedules   whose time has come
    watches     that are to be looked at
    errands     that wait
    """

    runs: bool
    held: bool
    schedules: bool
    watches: bool
    errands: bool


def look(host_id: UUID) -> Found:
    """What there is for a host to do."""
    (row,) = fetch(_statement(), [host_id])
    return Found(*map(bool, row))


@lru_cache(maxsize=1)
def _statement() -> str:
    run, host, schedule, errand = (model._meta.db_table for model in (Run, Host, Schedule, Errand))
    is_paused = "is_paused" if connection.vendor == "postgresql" else "is_paused = 1"
    due = f"due_at <= {clock.now_sql()}"
    now, before = clock.now_sql(), clock.earlier_sql(claiming.NEW_S)
    living = f"SELECT 1 FROM {host} h WHERE h.id = {run}.host_id AND h.lease_until > {now}"  # noqa: S608
    free = f"(host_id IS NULL OR NOT EXISTS ({living}))"
    asked = (
        f"{run} WHERE {due} AND {free} AND {claiming.may_go_on_sql()} AND NOT (fence = 0 AND created_at > {before})",
        f"{run} WHERE host_id = %s",
        f"{schedule} WHERE kind = '{Schedule.Kind.TIMES}' AND NOT {is_paused} AND {due} AND slot IS NOT NULL",
        f"{schedule} WHERE kind = '{Schedule.Kind.WATCH}' AND NOT {is_paused} AND {due}",
        f"{errand} WHERE status = '{Errand.Status.QUEUED}' AND expires_at > {now}",
    )
    return f"SELECT {', '.join(f'EXISTS (SELECT 1 FROM {text})' for text in asked)}"  # noqa: S608
