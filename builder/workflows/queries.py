"""Workflows as lists and pages need them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from builder.accounts.access import Member, object_for
from builder.workflows.models import Workflow
from runtime.models import Run, Schedule


def workflows() -> QuerySet[Workflow]:
    """Those that are not archived, with what a row of a list shows."""
    return Workflow.objects.filter(archived_at=None).select_related("workspace", "live_version", "updated_by")


def workflows_with_last_run(member: Member) -> QuerySet[Workflow]:
    """The workspace's workflows, last edited first, each with `last_run_status`, `last_run_at` and `cannot_look`."""
    failing = Schedule.objects.filter(workflow_id=OuterRef("pk"), failures__gt=0, is_paused=False)
    newest = Run.objects.filter(workflow_id=OuterRef("pk")).order_by("-id")
    return (
        workflows()
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
    """The workflow, if the caller may do here what the route asks."""
    return object_for(request, workflows(), pk=workflow_id)
