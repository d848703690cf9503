"""Concurrency keys: how many runs of one key may go on at once, counted in the database under a lock of the key.

A run with a key holds one of its slots from its admission to its end, also while it waits. What happens to a run
that finds none is the author's choice: it queues and is admitted, oldest first, when another one ends; it replaces
those before it; or its start is refused. Runs of drafts are tests and count for nobody.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from runtime.engine import clock
from runtime.engine.levels import names_before_steps
from runtime.engine.loading import frozen_graph
from runtime.errors import ConcurrencyFull, ExpressionError
from runtime.graph.schema import Concurrency
from runtime.graph.templates import parse_template
from runtime.models import ENDED, ConcurrencyKey, Run

REPLACED = "A newer run of the same key has replaced this one."
UNLIMITED = 1_000_000
_LOCK = (
    f"INSERT INTO {ConcurrencyKey._meta.db_table} (key) VALUES (%s)"  # noqa: S608
    " ON CONFLICT (key) DO UPDATE SET key = excluded.key"
)


def are_limited(run: Run) -> bool:
    """Whether the run has a key at all, so that it needs a slot."""
    return run.version is not None and frozen_graph(run.graph_id).settings.concurrency is not None


def take(run: Run) -> tuple[list[Run], list[Run]]:
    """Give a run that is about to be inserted its key and, if there is room, a slot of it.

    returns  the runs that it replaces, to be cancelled; those before it that its limit has room for
    raises   ConcurrencyFull where the start is to be refused
    """
    settings = frozen_graph(run.graph_id).settings.concurrency
    if settings is None or run.version is None:
        return [], []
    run.created_at = clock.now()
    run.slot_key, run.slot_limit = _key(run, settings), settings.limit
    lock(run)
    admitted = _admit(run.slot_key, settings.limit)
    return _replaced(run, settings), admitted


def _replaced(run: Run, settings: Concurrency) -> list[Run]:
    """Give the run its slot, or say whose it gets; raises as take."""
    holders = list(_open(run.slot_key).order_by("pk"))
    has_room = sum(holder.has_slot for holder in holders) < settings.limit
    # A step that starts a workflow has nobody to refuse it to: the run waits for its turn.
    if has_room or settings.when_full == "queue" or (settings.when_full == "refuse" and run.parent_id):
        run.has_slot = has_room
        return []
    if settings.when_full == "refuse":
        raise ConcurrencyFull(
            f"As many runs of this workflow as may go on at once ({settings.limit}) go on already. "
            "Try again when one of them has ended.",
            details={"limit": settings.limit},
        )
    run.has_slot = False
    queued = [holder for holder in holders if not holder.has_slot]
    running = [holder for holder in holders if holder.has_slot]
    return queued + running[: len(running) - settings.limit + 1]


def lock(run: Run) -> None:
    """Hold the run's key until the transaction ends; before its row is written, so that two cannot wait crosswise.

    One statement, since a key that was found may be removed as a leftover before it is locked.
    """
    if run.slot_key:
        _lock(run.slot_key)


def _lock(key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [key])


def pass_on(run: Run) -> list[Run]:
    """A run has ended, or a paused one without a slot goes on: admit those that there is room for; in the transaction
    that writes it. Those that are paused are passed over."""
    if not run.slot_key:
        return []
    # The limit that holds by now, also for those that came before it was changed.
    limit = _open(run.slot_key).order_by("-pk").values_list("slot_limit", flat=True).first() or 0
    return _admit(run.slot_key, limit)


def set_limit(workflow_id: UUID, limit: int | None) -> list[Run]:
    """A version with another limit is live: it holds for those that wait, too; None for one without. Those that it admits."""
    waiting = Run.objects.filter(workflow_id=workflow_id, has_slot=False, ended_at=None).exclude(slot_key="")
    admitted = []
    # In one order, so that two who hold several do not wait crosswise.
    for key in sorted(set(waiting.values_list("slot_key", flat=True))):
        _lock(key)
        _open(key).update(slot_limit=limit or UNLIMITED)
        while more := _admit(key, limit or UNLIMITED):
            admitted += more
    return admitted


def _admit(key: str, limit: int) -> list[Run]:
    """Give slots to those that wait longest, as far as there is room, a hundred at most."""
    held = _open(key).filter(has_slot=True).count()
    admitted: list[Run] = []
    may_go_on = {"has_slot": False, "cancel_requested_at": None, "pause_requested_at": None}
    for waiting in _open(key).filter(**may_go_on).order_by("pk")[:100]:
        if held >= limit:
            break
        # Somebody may pause it at this moment.
        if Run.objects.filter(pk=waiting.pk, **may_go_on).update(has_slot=True, due_at=clock.later(0)):
            held += 1
            admitted.append(waiting)
    return admitted


def _open(key: str) -> QuerySet[Run]:
    return Run.objects.filter(slot_key=key).exclude(status__in=ENDED)


def _key(run: Run, settings: Concurrency) -> str:
    """One that cannot be computed is the key of all runs for which it cannot."""
    try:
        value = parse_template(settings.key).render(names_before_steps(run))
    except ExpressionError:
        value = None
    return hashlib.blake2s(f"{run.workflow_id}/{_in_order(value)!r}".encode(), digest_size=16).hexdigest()


def _in_order(value: Any) -> Any:
    """The value with its maps in the order of their names: in another order they are the same."""
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_in_order(item) for item in value]
    return value
