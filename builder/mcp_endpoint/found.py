"""Things of the caller's workspace by the names that a tool or an address gives them; a foreign one is a missing one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from builder.accounts.access import Member
from builder.inbox.models import InboxItem
from builder.inbox.queries import items_for
from builder.mcp_endpoint.calling import handle_of
from builder.mcp_endpoint.failures import ToolFailed
from builder.mcp_endpoint.offered import offered_tools
from builder.mcp_endpoint.shapes import (
    InboxItemView,
    RunBrief,
    RunView,
    StepBrief,
    StepView,
    TriggerView,
    WorkflowBrief,
    WorkflowView,
)
from builder.monitoring.queries import steps_of
from builder.workflows.actions import current_graph
from builder.workflows.known import WorkspaceKnown
from builder.workflows.models import Version, Workflow
from builder.workflows.queries import workflows
from runtime.models import Graph, Run
from runtime.nodes.catalogue import NODE_TYPES


def workflow_named(member: Member, slug: str) -> Workflow:
    rows = workflows().select_related("live_version__graph")
    workflow = rows.filter(workspace=member.workspace, slug=slug).first()
    if workflow is None:
        text = (
            f'There is no workflow "{slug}" in this workspace. Ask list_workflows for those that there are.'
        )
        raise ToolFailed("WORKFLOW_NOT_FOUND", text)
    return workflow


def version_of(workflow: Workflow, number: int) -> Version:
    version = workflow.versions.select_related("graph").filter(number=number).first()
    if version is None:
        raise ToolFailed("VERSION_NOT_FOUND", f'"{workflow.slug}" has no version {number}.')
    return version


def run_with_id(member: Member, run_id: UUID) -> Run:
    run = Run.objects.filter(workspace_id=member.workspace.pk, pk=run_id).first()
    if run is None:
        text = f'There is no run "{run_id}" in this workspace. Ask list_runs for those that there are.'
        raise ToolFailed("RUN_NOT_FOUND", text)
    return run


def item_with_id(member: Member, item_id: UUID) -> InboxItem:
    item = items_for(member).filter(pk=item_id).first()
    if item is None:
        text = f'Nothing with the id "{item_id}" waits for you. Ask list_inbox for what does.'
        raise ToolFailed("INBOX_ITEM_NOT_FOUND", text)
    return item


def slugs_of(runs: list[Run]) -> dict[UUID, str]:
    """Workflow id -> slug, archived ones too."""
    ids = {run.workflow_id for run in runs}
    return dict(Workflow.objects.filter(pk__in=ids).values_list("pk", "slug"))


def view_of_workflow(member: Member, workflow: Workflow) -> WorkflowView:
    version = workflow.live_version
    graph = current_graph(version.graph.document if version else workflow.draft)
    known = WorkspaceKnown(member.workspace)
    triggers, steps = [], []
    for node in graph.nodes:
        node_type = NODE_TYPES.get(node.type)
        title = node.title or (node_type.title if node_type else node.id)
        if node_type and node_type.is_trigger:
            schema = node_type.output_schema(node.config, known)
            triggers.append(
                TriggerView(
                    id=node.id, type=node.type, title=title, input_schema=dict(schema) if schema else None
                )
            )
        else:
            steps.append(StepBrief(id=node.id, type=node.type, title=title))
    facts = WorkflowBrief.facts_of(workflow, list(offered_tools(member.workspace)))
    return WorkflowView(**facts, triggers=triggers, steps=steps)


def view_of_run(run: Run, *, full: bool = False) -> RunView:
    document: dict[str, Any] = Graph.objects.get(pk=run.graph_id).document
    titles = {node["id"]: node.get("title") or node["id"] for node in document.get("nodes", [])}
    slug = slugs_of([run]).get(run.workflow_id, "")
    return RunView(
        **RunBrief.facts_of(run, slug),
        input=run.input,
        result=run.result,
        replied=run.replied_at is not None,
        message="" if run.has_ended else handle_of(run)["message"],
        steps=[
            StepView.of(step, titles.get(step["node"], step["node"]), full=full) for step in steps_of(run)
        ],
    )


def view_of_item(item: InboxItem) -> InboxItemView:
    return InboxItemView(
        item_id=item.pk,
        title=item.title,
        message=item.message,
        data=item.data,
        choices=item.choices,
        fields=item.fields,
        status=item.status,
        workflow=item.workflow.slug,
        run_id=item.run_id,
        created_at=item.created_at.isoformat(),
        remind_at=item.remind_at.isoformat() if item.remind_at else None,
        is_overdue=item.is_overdue,
        due_at=item.due_at.isoformat() if item.due_at else None,
        answer=item.answer,
    )
