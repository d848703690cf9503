"""Watches follow what is live, as schedules do: written at publish, held while the workflow is paused or archived."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from builder.accounts.access import Member
from builder.audit.actions import record
from builder.http.errors import Conflict
from builder.triggers.schedules import drop_unwanted
from builder.workflows.actions import on_publish
from builder.workflows.models import Workflow
from builder.workflows.trigger_addresses import state_source
from runtime.engine import clock
from runtime.graph.schema import Graph
from runtime.models import Schedule, WatchedItem
from runtime.nodes.watch_trigger import NODE, Config
from runtime.watching import Watch


@on_publish
def write_watches(workflow: Workflow, graph: Graph) -> None:
    """One for each watch of the live version; one that finds the same items as before keeps what it has seen."""
    drop_unwanted(workflow, graph)
    rows = Schedule.objects.filter(workflow_id=workflow.pk, kind=Schedule.Kind.WATCH)
    known = {row.node: row for row in rows.select_for_update()}
    for node in graph.nodes:
        if node.type != NODE.name or node.settings.disabled:
            continue
        row = known.get(node.id) or Schedule(
            workspace_id=workflow.workspace_id,
            workflow_id=workflow.pk,
            node=node.id,
            kind=Schedule.Kind.WATCH,
            missed=Schedule.Missed.SKIP,
        )
        _write(row, Config.model_validate(node.config).watch(), is_paused=workflow.is_paused)


@state_source
def watches_of(workflow: Workflow) -> dict[str, dict[str, Any]]:
    """Node id -> how its watch is, as `WatchOut` shows it."""
    rows = Schedule.objects.filter(workflow_id=workflow.pk, kind=Schedule.Kind.WATCH)
    return {
        row.node: {
            "looked_at": row.looked_at,
            "next_at": None if row.is_paused else row.due_at,
            "failures": row.failures,
            "error": row.error,
            "remembered": WatchedItem.objects.filter(schedule_id=row.pk).count(),
        }
        for row in rows
    }


@transaction.atomic
def look_now(by: Member, workflow: Workflow, node: str) -> None:
    """Let a watch be due; raises Conflict while the workflow is paused."""
    if workflow.is_paused:
        raise Conflict("workflow_paused", "This workflow is paused; resume it to let it look.")
    rows = Schedule.objects.filter(workflow_id=workflow.pk, node=node, kind=Schedule.Kind.WATCH)
    # A look that is under way is overtaken by the new one, and writes nothing more.
    rows.update(due_at=clock.now())
    record(
        by,
        "workflow.look",
        workspace_id=workflow.workspace_id,
        kind="workflow",
        object_id=workflow.pk,
        name=workflow.name,
        node=node,
    )


def _write(row: Schedule, watch: Watch, *, is_paused: bool) -> None:
    before = Watch.from_spec(row.spec) if row.spec else None
    if before is None or not before.finds_like(watch):
        # Another question has other answers: it begins anew, and a look that is under way counts for nothing.
        WatchedItem.objects.filter(schedule_id=row.pk).delete()
        row.fence, row.looked_at = row.fence + 1, None
    if row.looked_at is None or before is None or before.every_s != watch.every_s or row.failures:
        row.due_at = clock.now()
        row.failures, row.error = 0, None
    row.spec, row.is_paused = watch.spec(), is_paused
    row.save()
