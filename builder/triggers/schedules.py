"""Schedules follow what is live: written at publish, held while the workflow is paused or archived."""

from __future__ import annotations

from django.db.models.functions import Now

from builder.accounts.actions import on_zone_change
from builder.accounts.models import Workspace
from builder.workflows.actions import on_publish, on_switch
from builder.workflows.describe import moment_of
from builder.workflows.models import Workflow
from runtime.engine import schedules
from runtime.graph.schema import Graph, parse_graph
from runtime.models import Schedule
from runtime.nodes import watch_trigger
from runtime.nodes.base import Moment
from runtime.nodes.schedule_trigger import NODE, Config
from runtime.timetables import Timetable

TYPES = {Schedule.Kind.TIMES: NODE.name, Schedule.Kind.WATCH: watch_trigger.NODE.name}


@on_publish
def write_schedules(workflow: Workflow, graph: Graph) -> None:
    """One for each schedule of the live version; one whose times stay as they were loses and repeats nothing."""
    drop_unwanted(workflow, graph)
    rows = Schedule.objects.filter(workflow_id=workflow.pk, kind=Schedule.Kind.TIMES)
    known = {row.node: row for row in rows.select_for_update()}
    now = moment_of(graph, workflow.workspace)
    for node in graph.nodes:
        if node.type != NODE.name or node.settings.disabled:
            continue
        row = known.get(node.id) or Schedule(
            workspace_id=workflow.workspace_id, workflow_id=workflow.pk, node=node.id
        )
        _write(row, Config.model_validate(node.config), now, is_paused=workflow.is_paused)


def drop_unwanted(workflow: Workflow, graph: Graph) -> None:
    """Forget what no trigger of the live version is about any more, or another kind of trigger by now."""
    rows = Schedule.objects.filter(workflow_id=workflow.pk)
    for kind, node_type in TYPES.items():
        wanted = [node.id for node in graph.nodes if node.type == node_type and not node.settings.disabled]
        schedules.forget(rows.filter(kind=kind).exclude(node__in=wanted))


@on_switch
def follow_switch(workflow: Workflow) -> None:
    """Times that pass while it is held are missed: at the resume they are treated as their author chose."""
    rows = Schedule.objects.filter(workflow_id=workflow.pk)
    rows.update(is_paused=workflow.is_paused)
    if not workflow.is_paused:
        # Nobody could look before: what is overdue is no backlog of the hosts.
        rows.filter(due_at__lt=Now()).update(due_at=Now())


@on_zone_change
def follow_zone(workspace: Workspace) -> None:
    """Schedules that name no zone of their own go by the workspace's."""
    scheduled = Schedule.objects.filter(workspace_id=workspace.pk).values("workflow_id")
    rows = Workflow.objects.filter(pk__in=scheduled).select_related("workspace", "live_version__graph")
    for workflow in rows:
        if workflow.live_version is not None:
            write_schedules(workflow, parse_graph(workflow.live_version.graph.document))


def _write(row: Schedule, config: Config, now: Moment, *, is_paused: bool) -> None:
    timetable = config.timetable(now)
    if not (row.spec and Timetable.from_spec(row.spec).is_like(timetable)):
        row.spec = timetable.spec()
        row.slot = row.due_at = timetable.next_after(now.at)
    row.missed, row.is_paused = config.missed, is_paused
    row.save()
