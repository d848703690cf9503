"""Taking runs: which are due, whose turn it is, and what a dead host leaves behind.

A run is due when `due_at` has come and no living host holds it. Claims go workspace by workspace in turn.
A death is charged to each run that the process held, whether it made a call or worked in memory; a run with two charges
is a suspect, a host holds at most one suspect at a time, and then its death is charged to that run alone. Three charges, the last
of them alone, park the run for a person. One charge makes no suspect: a killed machine charges a hundred runs at
once, and if each had to be driven alone they would wait for each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from runtime.engine import clock, new_runs, turns
from runtime.engine.new_runs import NewRun
from runtime.gateways import Gateways
from runtime.models import ENGINE_LEVEL, Event, Graph, Host, Run, RunStatus
from runtime.settings_revisions import revision_of_row, revision_sql
from runtime.statements import UNFLUSHED, columns, fetch, instances, unflushed

HELD_BACK = ("quarantined", "budget_exceeded")
"""What a run that needs attention does not leave before somebody resumes it."""
SUSPECT_AFTER = 2
QUARANTINE_AFTER = 3
NEW_S = 0.25
"""Within this time a new run has been taken by the host that a hint told of it."""
SUSPECTS_TRIED = 8
"""Another host may hold the oldest of them."""


@dataclass
class Claim:
    """The right to write to a run: host and fence, and the last event number that was read or written.

    settings      the revision of the workspace's settings that calls go by
    is_taken      false as long as nothing but this claim says so: the first write takes the run, if it is as it was accepted
    is_inserted   false as long as the run is known to nobody else: the first write inserts it, if it begins before
                  insert_until, by this process's monotonic clock
    """

    run_id: UUID
    workspace_id: UUID
    host_id: UUID
    fence: int
    event_seq: int
    wakes: int
    is_suspect: bool
    settings: int
    gateways: Gateways
    is_taken: bool = True
    is_inserted: bool = True
    insert_until: float = math.inf


def claim_new(new: NewRun, host_id: UUID, gateways: Gateways) -> Claim:
    """The claim that the first write makes true; the row says from here on what it will say then."""
    run = new.run
    run.host_id, run.fence = host_id, run.fence + new_runs.FENCE
    claim = _claim(run, host_id, gateways, new.settings, fence=run.fence)
    claim.is_taken, claim.is_inserted = False, new.is_inserted
    claim.insert_until = new.made_at + new_runs.INSERTED_WITHIN_S
    return claim


def claim_due(
    host_id: UUID,
    gateways: Gateways,
    *,
    limit: int,
    may_take_suspect: bool,
    held: Mapping[UUID, int],
    per_workspace: int,
    begun: Sequence[UUID] = (),
    leaves_new: bool = False,
) -> list[Claim]:
    """Claim up to `limit` due runs.

    may_take_suspect   false while the host already holds a suspect
    held               workspace -> how many of its runs the host holds; `per_workspace` are the most
    begun              runs that the host is about to take by a first write
    leaves_new         leave alone what was accepted a moment ago, since the host that was told is about to take it
    """
    counts = Counter(held)
    full = [workspace for workspace, count in counts.items() if count >= per_workspace]
    with transaction.atomic():
        due = due_runs().exclude(_is_beyond()).exclude(workspace_id__in=full).exclude(pk__in=begun)
        if leaves_new:
            due = due.exclude(fence=0, created_at__gt=clock.later(-NEW_S))
        ids = _in_turn(due, limit, may_take_suspect)
        found = due.filter(pk__in=ids).annotate(settings_revision=revision_of_row())
        candidates = found.select_for_update(skip_locked=True, of=("self",)) if ids else []
        claims: list[Claim] = []
        for run in candidates:
            is_charged = _charge_death(run)
            if is_charged and run.attention == "quarantined":
                continue
            is_suspect = run.charges >= SUSPECT_AFTER
            is_refused = (is_suspect and not may_take_suspect) or counts[run.workspace_id] >= per_workspace
            if is_refused or len(claims) == limit:
                if is_charged:
                    _set_aside(run)
                continue
            counts[run.workspace_id] += 1
            may_take_suspect = may_take_suspect and not is_suspect
            claims.append(_take(run, host_id, gateways, is_suspect))
    return claims


def claim_free(host_id: UUID, gateways: Gateways, ids: Iterable[UUID]) -> list[tuple[Claim, Run]]:
    """Those of `ids` that are due, belong to no host and have done no harm, in one statement, with their rows.

    It does not wait for the disk: a claim that a crash of the database takes back is one under which nothing was written,
    since what is written waits for the disk, and takes with it what came before.
    """
    wanted = list(ids)
    if connection.vendor == "postgresql":
        found = fetch(_free_statement("= ANY(%s)"), [host_id, wanted])
    else:
        marks = ", ".join(["%s"] * len(wanted))
        with unflushed():
            found = fetch(_free_statement(f"IN ({marks})"), [host_id, *wanted])
    return [
        (_claim(run, host_id, gateways, settings, fence=run.fence), run)
        for run, settings, *_ in instances(found, (Run, ()))
    ]


def _free_statement(is_wanted: str) -> str:
    is_postgresql = connection.vendor == "postgresql"
    # Rows that somebody else is about to change are left to the sweep: nobody waits for anybody here.
    locked = "FOR UPDATE SKIP LOCKED" if is_postgresql else ""
    unwaited = f", {UNFLUSHED}" if is_postgresql else ""
    return f"""
        UPDATE runtime_run SET host_id = %s, fence = fence + 1 WHERE id IN (
            SELECT id FROM runtime_run WHERE id {is_wanted} AND due_at <= {clock.now_sql()} AND host_id IS NULL
                AND charges = 0 AND {may_go_on_sql()} {locked}
        ) RETURNING {columns(Run, "runtime_run")}, {revision_sql("runtime_run.workspace_id")}{unwaited}"""  # noqa: S608


def due_runs() -> QuerySet[Run]:
    """Those that a host may take now, whether or not it has room and knows enough."""
    living = Host.objects.filter(pk=OuterRef("host_id"), lease_until__gt=Now())
    # Without a slot, or held back, it is taken only to be cancelled.
    may_go_on = Q(has_slot=True) & ~Q(attention__in=HELD_BACK) | Q(cancel_requested_at__isnull=False)
    return Run.objects.filter(Q(due_at__lte=Now()) & (Q(host_id=None) | ~Exists(living)) & may_go_on)


def _is_beyond() -> Exists:
    """Whether a run is of a graph that a later release froze: it is left to hosts of that one."""
    return Exists(Graph.objects.filter(pk=OuterRef("graph_id"), engine_level__gt=ENGINE_LEVEL))


def may_go_on_sql() -> str:
    """What `due_runs` and `_is_beyond` say of the run itself and of its graph, as SQL."""
    run, graph = Run._meta.db_table, Graph._meta.db_table
    has_slot = "has_slot" if connection.vendor == "postgresql" else "has_slot = 1"
    held_back = ", ".join(f"'{attention}'" for attention in HELD_BACK)
    beyond = f"SELECT 1 FROM {graph} g WHERE g.digest = {run}.graph_id AND g.engine_level > {ENGINE_LEVEL}"  # noqa: S608
    may_go_on = f"({has_slot} AND attention NOT IN ({held_back}) OR cancel_requested_at IS NOT NULL)"
    return f"{may_go_on} AND NOT EXISTS ({beyond})"


def _in_turn(due: QuerySet[Run], limit: int, may_take_suspect: bool) -> list[UUID]:
    """The oldest due runs of each workspace, one of each in turn; suspects apart, so that they crowd out nobody."""
    ranked = turns.in_turn(due.filter(charges__lt=SUSPECT_AFTER), limit)
    suspects = due.filter(charges__gte=SUSPECT_AFTER).order_by("due_at").values_list("pk", flat=True)
    return [*ranked, *(suspects[:SUSPECTS_TRIED] if may_take_suspect else [])]


def _take(run: Any, host_id: UUID, gateways: Gateways, is_suspect: bool) -> Claim:
    Run.objects.filter(pk=run.pk).update(host_id=host_id, fence=F("fence") + 1, charges=run.charges)
    if is_suspect:
        Host.objects.filter(pk=host_id).update(suspect_run_id=run.pk)
    settings: int = run.settings_revision
    return _claim(run, host_id, gateways, settings, fence=run.fence + 1, is_suspect=is_suspect)


def _claim(
    run: Run, host_id: UUID, gateways: Gateways, settings: int, *, fence: int, is_suspect: bool = False
) -> Claim:
    return Claim(
        run_id=run.pk,
        workspace_id=run.workspace_id,
        host_id=host_id,
        fence=fence,
        event_seq=run.event_seq,
        wakes=run.wakes,
        is_suspect=is_suspect,
        settings=settings,
        gateways=gateways,
    )


def _set_aside(run: Run) -> None:
    """Keep what was charged to a run that nobody takes now, and take it from the dead host for good."""
    Run.objects.filter(pk=run.pk).update(host_id=None, fence=F("fence") + 1, charges=run.charges)


def _charge_death(run: Run) -> bool:
    """Lay the death of the host that held the run to it: what waits for something is held by nobody."""
    if run.host_id is None:
        return False
    dead = Host.objects.filter(pk=run.host_id).first()
    suspect = dead.suspect_run_id if dead else None
    if suspect is not None and suspect != run.pk:
        return False
    run.charges += 1
    # A cancelled run makes no call any more, so that nothing speaks against ending it.
    if run.charges >= QUARANTINE_AFTER and suspect == run.pk and run.cancel_requested_at is None:
        _quarantine(run)
    return True


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
