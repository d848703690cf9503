"""The list of runs, and the page that the run view lives in."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from builder.accounts.access import calling_member
from builder.http.errors import Invalid
from builder.http.paging import newest_first
from builder.monitoring.queries import run_for, runs_of, workflow_names
from builder.monitoring.schemas import RunOut
from builder.workflows.models import Workflow
from builder.workflows.views import page_facts
from runtime.models import Graph, RunStatus

PAGE = 50


def runs(request: HttpRequest) -> HttpResponse:
    """Newest first; the table alone is asked for again every few seconds."""
    member = calling_member(request)
    chosen = {name: request.GET.get(name, "") for name in ("workflow", "status", "q", "cursor")}
    try:
        workflow = UUID(chosen["workflow"]) if chosen["workflow"] else None
        rows = runs_of(member, workflow=workflow, status=chosen["status"] or None, text=chosen["q"] or None)
        page = newest_first(rows, cursor=chosen["cursor"] or None, limit=PAGE, show=lambda run: run)
    except (ValueError, Invalid):
        chosen = dict.fromkeys(chosen, "")
        page = newest_first(runs_of(member), cursor=None, limit=PAGE, show=lambda run: run)
    context = {
        "runs": page["items"],
        "next": page["next"],
        "names": workflow_names(page["items"]),
        "chosen": chosen,
        "is_filtered": any(chosen.values()),
        "statuses": RunStatus.choices,
        "workflows": Workflow.objects.filter(workspace=member.workspace, archived_at=None).order_by("name"),
    }
    part = request.headers.get("HX-Request") == "true"
    return render(request, "monitoring/runs_table.html" if part else "monitoring/runs.html", context)


def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    row, member = run_for(request, run_id)
    workflow = Workflow.objects.get(pk=row.workflow_id)
    data = {
        "run": RunOut.of(row).model_dump(mode="json"),
        "graph": Graph.objects.get(pk=row.graph_id).document,
        "workflow": {"id": str(workflow.pk), "name": workflow.name, "slug": workflow.slug},
        **page_facts(request, member),
    }
    request.member = member  # type: ignore[attr-defined]
    return render(request, "monitoring/run.html", {"run": row, "workflow": workflow, "data": data})
