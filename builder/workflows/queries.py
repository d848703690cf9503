"""Workflows as lists and pages need them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from builder.accounts.access import Member, object_for
from builder.workflows.actions import refuse_archived
from builder.workflows.models import Workflow
from runtime.models import Run, Schedule


def workflows(*, archived: bool = False) -> QuerySet[Workflow]:
    """Those in use, or those that are archived, with what a row of a list shows."""
    return _with_relations().filter(archived_at__isnull=not archived)


def _with_relations() -> QuerySet[Workflow]:
    return Workflow.objects.select_related("workspace", "live_version", "updated_by")


def workflows_with_last_run(member: Member, *, archived: bool = False) -> QuerySet[Workflow]:
    """The workspace's workflows, last edited first, each with `last_run_status`, `last_run_at` and `cannot_look`."""
    failing = Schedule.objects.filter(workflow_id=OuterRef("pk"), failures__gt=0, is_paused=False)
    newest = Run.objects.filter(workflow_id=OuterRef("pk")).order_by("-id")
    return (
        workflows(archived=archived)
        .filter(workspace=member.workspace)
        .annotate(
            last_run_id=Subquery(newest.values("id")[:1]),
            last_run_status=Subquery(newest.values("status")[:1]),
            last_run_at=Subquery(newest.values("created_at")[:1]),
            cannot_look=Exists(failing),
        )
        .order_by("-updated_at")
    )


def workflow_for(request: HttpRequest, workflow_id: UUID) -> tuple[Workflow, Member]:
    """The workflow, if the caller may do here what the route asks; raises Conflict (archived)."""
    workflow, member = any_workflow_for(request, workflow_id)
    refuse_archived(workflow)
    return workflow, member


def any_workflow_for(request: HttpRequest, workflow_id: UUID) -> tuple[Workflow, Member]:
    """The same, archived or not: for what only reads, and for the archive itself."""
    return object_for(request, _with_relations(), pk=workflow_id)
