"""Which of what is due is taken next: the oldest of each workspace, one of each in turn."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet, Window
from django.db.models.functions import Now, RowNumber

from runtime.models import Schedule

HOSTS = 16
"""So many find something when they look at the same moment; further ones do at their next look."""


def take_in_turn(
    due: QuerySet[Schedule], limit: int, *, without: Collection[UUID] = frozenset()
) -> list[Schedule]:
    """Up to `limit` of `due`, locked until the caller's transaction ends, in their order.

    What another host has locked is passed over, so that hosts share the work instead of all trying the same.

    without   workspaces that are left out
    """
    ids = list(in_turn(due.exclude(workspace_id__in=without), limit * HOSTS))
    found: dict[UUID, Schedule] = {}
    for begin in range(0, len(ids), limit):
        # Asked again of the row that is locked: somebody may just have moved it on.
        free = due.filter(pk__in=ids[begin : begin + limit]).select_for_update(skip_locked=True)
        found |= {row.pk: row for row in free[: limit - len(found)]}
        if len(found) == limit:
            break
    return [found[each] for each in ids if each in found]


def due_now(kind: Schedule.Kind) -> QuerySet[Schedule]:
    return Schedule.objects.filter(kind=kind, is_paused=False, due_at__lte=Now())


def in_turn(due: QuerySet[Any], limit: int) -> QuerySet[Any, UUID]:
    """The ids of up to `limit` rows that have `workspace_id` and `due_at`, in their order."""
    turn = Window(RowNumber(), partition_by=F("workspace_id"), order_by=F("due_at").asc())
    ranked = due.annotate(turn=turn).filter(turn__lte=limit).order_by("turn", "due_at")
    ids: QuerySet[Any, UUID] = ranked.values_list("pk", flat=True)[:limit]
    return ids
