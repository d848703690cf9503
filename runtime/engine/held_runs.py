"""Runs that a budget of the workspace holds back, and when they go on."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from runtime.engine import commands, spending
from runtime.engine.wait_kinds import BUDGET
from runtime.models import Run, RunStatus, Wait, WorkspaceLimits


def set_limits(workspace_id: UUID, changes: Mapping[str, float | None]) -> WorkspaceLimits:
    """Set budgets (None: no limit), and let runs go on that those held back which have room now."""
    limits, _ = WorkspaceLimits.objects.update_or_create(pk=workspace_id, defaults=dict(changes))
    release(workspace_id)
    return limits


def release(workspace_id: UUID) -> int:
    """Let the runs of a workspace go on that a budget held back, if none is used up; returns how many."""
    limits = spending.limits_of(workspace_id)
    if spending.used_up(limits):
        return 0
    parked = Run.objects.filter(
        workspace_id=workspace_id, status=RunStatus.NEEDS_ATTENTION, attention="budget_exceeded"
    )
    held = [run_id for run_id in parked.values_list("pk", flat=True) if is_held(run_id)]
    for run_id in held:
        with transaction.atomic():
            run = Run.objects.select_for_update().get(pk=run_id)
            if run.status == RunStatus.NEEDS_ATTENTION and run.attention == "budget_exceeded":
                commands.resume_run(run_id)
    return len(held)


def release_all() -> int:
    """The same for every workspace with a budget: a day or a month may have begun."""
    return sum(release(pk) for pk in WorkspaceLimits.objects.values_list("pk", flat=True))


def is_held(run_id: UUID) -> bool:
    """Whether it is a budget of the workspace that holds a parked run back, not one of its own."""
    return Wait.objects.filter(run_id=run_id, kind=BUDGET, closed_at=None).exists()
