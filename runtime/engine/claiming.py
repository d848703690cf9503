"""Taking runs: which are due, whose turn it is, and what a dead host leaves behind.

A run is due when `due_at` has come and no living host holds it. Claims go workspace by workspace in turn.
A death is charged to each run that had a call in flight in that process; a charged run is a suspect, a host
holds at most one suspect at a time, and then its death is charged to that run alone. Three charges, the last
of them alone, park the run for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import Now, RowNumber

from runtime.engine import clock
from runtime.gateways import Gateways
from runtime.models import Attempt, Event, Host, Run, RunStatus

QUARANTINE_AFTER = 3


@dataclass
class Claim:
    """The right to write to a run: host and fence, and the last event number that was read or written."""

    run_id: UUID
    workspace_id: UUID
    host_id: UUID
    fence: int
    event_seq: int
    wakes: int
    is_suspect: bool
    gateways: Gateways


def claim_due(
    host_id: UUID,
    gateways: Gateways,
    *,
    limit: int,
    may_take_suspect: bool,
    only: Iterable[UUID] | None = None,
    held: Mapping[UUID, int],
    per_workspace: int,
) -> list[Claim]:
    """Claim up to `limit` due runs, or those of `only` that are due.

    may_take_suspect   false while the host already holds a suspect
    held               workspace -> how many of its runs the host holds; `per_workspace` are the most
    """
    counts = Counter(held)
    full = [workspace for workspace, count in counts.items() if count >= per_workspace]
    with transaction.atomic():
        due = _due().exclude(workspace_id__in=full)
        if only is not None:
            due = due.filter(pk__in=list(only))
            candidates = list(due.select_for_update(skip_locked=True, of=("self",))[:limit])
        else:
            ids = _in_turn(due, limit)
            candidates = (
                list(due.filter(pk__in=ids).select_for_update(skip_locked=True, of=("self",))) if ids else []
            )
        claims = []
        for run in candidates:
            _charge_death(run)
            if run.charges >= QUARANTINE_AFTER and run.status == RunStatus.NEEDS_ATTENTION:
                continue
            if (run.charges and not may_take_suspect) or counts[run.workspace_id] >= per_workspace:
                continue
            counts[run.workspace_id] += 1
            may_take_suspect = may_take_suspect and not run.charges
            claims.append(_take(run, host_id, gateways))
        return claims


def _due() -> QuerySet[Run]:
    living = Host.objects.filter(pk=OuterRef("host_id"), lease_until__gt=Now())
    # Without a slot, or with a budget used up, it is taken only to be cancelled.
    may_go_on = Q(has_slot=True) & ~Q(attention="budget_exceeded") | Q(cancel_requested_at__isnull=False)
    return Run.objects.filter(Q(due_at__lte=Now()) & (Q(host_id=None) | ~Exists(living)) & may_go_on)


def _in_turn(due: QuerySet[Run], limit: int) -> list[UUID]:
    """The oldest due runs of each workspace, one of each in turn."""
    ranked = (
        due.annotate(turn=Window(RowNumber(), partition_by=F("workspace_id"), order_by=F("due_at").asc()))
        .filter(turn__lte=limit)
        .order_by("turn", "due_at")
        .values_list("pk", flat=True)
    )
    return list(ranked[:limit])


def _take(run: Run, host_id: UUID, gateways: Gateways) -> Claim:
    Run.objects.filter(pk=run.pk).update(host_id=host_id, fence=F("fence") + 1, charges=run.charges)
    if run.charges:
        Host.objects.filter(pk=host_id).update(suspect_run_id=run.pk)
    return Claim(
        run_id=run.pk,
        workspace_id=run.workspace_id,
        host_id=host_id,
        fence=run.fence + 1,
        event_seq=run.event_seq,
        wakes=run.wakes,
        is_suspect=bool(run.charges),
        gateways=gateways,
    )


def _charge_death(run: Run) -> None:
    """Lay the death of the host that held the run to it, if it had a call in flight there."""
    if run.host_id is None:
        return
    dead = Host.objects.filter(pk=run.host_id).first()
    suspect = dead.suspect_run_id if dead else None
    if suspect is not None and suspect != run.pk:
        return
    if not Attempt.objects.filter(run_id=run.pk, ended_at=None).exists():
        return
    run.charges += 1
    if run.charges >= QUARANTINE_AFTER and suspect == run.pk:
        _quarantine(run)


def _quarantine(run: Run) -> None:
    """Park a run that killed its host three times, the last time alone."""
    run.status, run.attention = RunStatus.NEEDS_ATTENTION, "quarantined"
    seq = run.event_seq + 1
    Run.objects.filter(pk=run.pk).update(
        status=run.status,
        attention=run.attention,
        charges=run.charges,
        host_id=None,
        due_at=None,
        fence=F("fence") + 1,
        event_seq=seq,
    )
    Event.objects.create(
        run_id=run.pk, seq=seq, at=clock.now(), type="run.needs_attention", data={"code": "quarantined"}
    )
