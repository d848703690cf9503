"""REST: workflows, their drafts and versions, node types, and checking a graph."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Body, Router, Status

from builder.accounts.access import calling_member
from builder.http.paging import Page, newest_first
from builder.workflows import actions
from builder.workflows.describe import describe_graph, node_types
from builder.workflows.known import WorkspaceKnown
from builder.workflows.models import Version, Workflow
from builder.workflows.queries import any_workflow_for, workflow_for, workflows
from builder.workflows.schemas import (
    DraftIn,
    DraftOut,
    GraphIn,
    PublishedTriggerOut,
    PublishOut,
    TriggerOut,
    VersionOut,
    WorkflowIn,
    WorkflowOut,
    WorkflowPatch,
    WorkflowRow,
)
from builder.workflows.trigger_addresses import new_secrets_of, triggers_of

router = Router(tags=["Workflows"])


def full(request: HttpRequest, workflow: Workflow) -> WorkflowOut:
    triggers = [TriggerOut(**trigger) for trigger in triggers_of(workflow, request)]
    return WorkflowOut(**WorkflowRow.fields_of(workflow), graph=workflow.draft, triggers=triggers)


@router.get("/node-types", response=dict[str, Any])
def list_node_types(request: HttpRequest) -> dict[str, Any]:
    """Every kind of step with its form, ports and output, and the functions of the expression language."""
    calling_member(request)
    return node_types()


@router.post("/graphs/check", response=dict[str, Any])
def check_graph(request: HttpRequest, payload: GraphIn) -> dict[str, Any]:
    """What is wrong with a graph, and what each of its steps may refer to."""
    if payload.workflow is None:
        return describe_graph(payload.graph, WorkspaceKnown(calling_member(request).workspace))
    workflow, _ = any_workflow_for(request, payload.workflow)
    return describe_graph(payload.graph, actions.known_to(workflow))


@router.get("/workflows", response=Page[WorkflowRow])
def list_workflows(
    request: HttpRequest, cursor: str | None = None, limit: int | None = None, archived: bool = False
) -> dict[str, Any]:
    """Those in use, or with `archived` those that are archived."""
    member = calling_member(request)
    rows = workflows(archived=archived).filter(workspace=member.workspace)
    return newest_first(rows, cursor=cursor, limit=limit, show=WorkflowRow.of)


@router.post("/workflows", response={201: WorkflowOut})
def create_workflow(request: HttpRequest, payload: WorkflowIn) -> Status[WorkflowOut]:
    member = calling_member(request)
    workflow = actions.create_workflow(
        member, name=payload.name, graph=payload.graph, description=payload.description
    )
    return Status(201, full(request, workflow))


@router.post("/workflows/import", response={201: WorkflowOut})
def import_workflow(request: HttpRequest, payload: Body[dict[str, Any]]) -> Status[WorkflowOut]:
    """A new draft from an export; nothing is bound, published or started."""
    member = calling_member(request)
    return Status(201, full(request, actions.import_workflow(member, payload)))


@router.get("/workflows/{uuid:workflow_id}", response=WorkflowOut)
def get_workflow(request: HttpRequest, workflow_id: UUID, archived: bool = False) -> WorkflowOut:
    """What was archived is only found with `archived`, as in the list."""
    workflow, _ = any_workflow_for(request, workflow_id)
    if workflow.archived_at is not None and not archived:
        raise Http404
    return full(request, workflow)


@router.patch("/workflows/{uuid:workflow_id}", response=WorkflowOut)
def change_workflow(request: HttpRequest, workflow_id: UUID, payload: WorkflowPatch) -> WorkflowOut:
    workflow, member = workflow_for(request, workflow_id)
    return full(request, actions.change_workflow(member, workflow, payload.dict(exclude_unset=True)))


@router.delete("/workflows/{uuid:workflow_id}", response={204: None})
def archive_workflow(request: HttpRequest, workflow_id: UUID) -> Status[None]:
    """Take it out of use and stop its triggers; it can be restored."""
    workflow, member = any_workflow_for(request, workflow_id)
    actions.archive_workflow(member, workflow)
    return Status(204, None)


@router.post("/workflows/{uuid:workflow_id}/restore", response=WorkflowRow)
def restore_workflow(request: HttpRequest, workflow_id: UUID) -> WorkflowRow:
    """Bring it back from the archive; one that was published comes back paused."""
    workflow, member = any_workflow_for(request, workflow_id)
    return WorkflowRow.of(actions.restore_workflow(member, workflow))


@router.put("/workflows/{uuid:workflow_id}/draft", response=DraftOut)
def save_draft(request: HttpRequest, workflow_id: UUID, payload: DraftIn) -> DraftOut:
    """Replace the draft, if nobody saved since `revision`; a graph with problems may be saved."""
    workflow, member = workflow_for(request, workflow_id)
    workflow = actions.save_draft(member, workflow, graph=payload.graph, revision=payload.revision)
    return DraftOut(revision=workflow.revision)


@router.post("/workflows/{uuid:workflow_id}/publish", response=PublishOut)
def publish_workflow(request: HttpRequest, workflow_id: UUID) -> PublishOut:
    """Freeze the draft as the next version and make it live."""
    workflow, member = workflow_for(request, workflow_id)
    return _published(request, workflow, actions.publish_workflow(member, workflow))


@router.post("/workflows/{uuid:workflow_id}/pause", response=WorkflowRow)
def pause_workflow(request: HttpRequest, workflow_id: UUID) -> WorkflowRow:
    """Stop its triggers; runs that go on are not touched."""
    workflow, member = workflow_for(request, workflow_id)
    return WorkflowRow.of(actions.pause_workflow(member, workflow))


@router.post("/workflows/{uuid:workflow_id}/resume", response=WorkflowRow)
def resume_workflow(request: HttpRequest, workflow_id: UUID) -> WorkflowRow:
    workflow, member = workflow_for(request, workflow_id)
    return WorkflowRow.of(actions.resume_workflow(member, workflow))


@router.get("/workflows/{uuid:workflow_id}/versions", response=Page[VersionOut])
def list_versions(
    request: HttpRequest, workflow_id: UUID, cursor: str | None = None, limit: int | None = None
) -> dict[str, Any]:
    workflow, _ = any_workflow_for(request, workflow_id)
    rows = workflow.versions.select_related("published_by")
    return newest_first(rows, cursor=cursor, limit=limit, show=lambda row: VersionOut.of(row, workflow))


@router.get("/workflows/{uuid:workflow_id}/versions/{int:number}", response=VersionOut)
def get_version(request: HttpRequest, workflow_id: UUID, number: int) -> VersionOut:
    workflow, _ = any_workflow_for(request, workflow_id)
    return VersionOut.of(_version(workflow, number), workflow, with_graph=True)


@router.post("/workflows/{uuid:workflow_id}/versions/{int:number}/publish", response=PublishOut)
def publish_version(request: HttpRequest, workflow_id: UUID, number: int) -> PublishOut:
    """Make an earlier version live again."""
    workflow, member = workflow_for(request, workflow_id)
    return _published(
        request, workflow, actions.publish_version(member, workflow, _version(workflow, number))
    )


@router.get("/workflows/{uuid:workflow_id}/export", response=dict[str, Any])
def export_workflow(request: HttpRequest, workflow_id: UUID) -> dict[str, Any]:
    """The draft as a file for another workspace: no ids of rows, no secrets."""
    workflow, _ = any_workflow_for(request, workflow_id)
    return actions.export_workflow(workflow)


def _version(workflow: Workflow, number: int) -> Version:
    version = workflow.versions.select_related("graph", "published_by").filter(number=number).first()
    if version is None:
        raise Http404
    return version


def _published(request: HttpRequest, workflow: Workflow, version: Version) -> PublishOut:
    workflow.refresh_from_db()
    told = new_secrets_of(workflow)
    triggers = [
        PublishedTriggerOut(**trigger, secret=told.get(trigger["node"]))
        for trigger in triggers_of(workflow, request)
    ]
    return PublishOut(version=version.number, triggers=triggers)
