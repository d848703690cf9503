"""What an admin sets for the whole workspace: how much its runs may spend on models."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from builder.accounts.access import Member
from builder.accounts.actions import on_zone_change
from builder.accounts.models import Workspace
from builder.audit.actions import record
from runtime.engine import clock, held_runs, spending
from runtime.models import WorkspaceLimits


@transaction.atomic
def set_limits(by: Member, changes: Mapping[str, float | None]) -> WorkspaceLimits:
    """Set or take away budgets; runs that one held back go on at once if there is room now."""
    spending.set_timezone(by.workspace.pk, by.workspace.timezone)
    limits = held_runs.set_limits(by.workspace.pk, changes)
    record(
        by,
        "workspace.set_limits",
        workspace_id=by.workspace.pk,
        kind="workspace",
        object_id=by.workspace.pk,
        name=by.workspace.name,
        **changes,
    )
    return limits


def limits_and_use(workspace: Workspace) -> tuple[WorkspaceLimits, spending.Used]:
    """The budgets, and what was spent on this day and in this month."""
    limits = spending.limits_of(workspace.pk)
    limits.timezone = workspace.timezone
    return limits, spending.used(workspace.pk, workspace.timezone, clock.now())


@on_zone_change
def follow_zone(workspace: Workspace) -> None:
    """Days of counts and budgets begin when they begin there."""
    spending.set_timezone(workspace.pk, workspace.timezone)
