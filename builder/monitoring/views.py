"""The list of runs, and the page that the run view lives in."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from builder.accounts.access import Member, calling_member
from builder.http.errors import Invalid
from builder.http.paging import newest_first
from builder.http.parts import render_page_or_part
from builder.monitoring.counts import overview
from builder.monitoring.queries import run_for, runs_of, workflow_names
from builder.monitoring.schemas import WatchedRunOut
from builder.workflows.models import Workflow
from builder.workflows.views import page_facts
from runtime.models import Graph, Run, RunStatus

PAGE = 50
FILTERS = ("workflow", "status", "from", "to", "q", "cursor")


def runs(request: HttpRequest) -> HttpResponse:
    """Newest first; the rows and the counts are asked for again every few seconds."""
    member = calling_member(request)
    chosen = {name: request.GET.get(name, "") for name in FILTERS}
    try:
        page = newest_first(
            _rows(member, chosen), cursor=chosen["cursor"] or None, limit=PAGE, show=lambda run: run
        )
    except (ValueError, OverflowError, Invalid):
        chosen = dict.fromkeys(chosen, "")
        page = newest_first(runs_of(member), cursor=None, limit=PAGE, show=lambda run: run)
    kept = {name: value for name, value in chosen.items() if value and name != "cursor"}
    context = {
        "query": urlencode(kept),
        "query_without_status": urlencode({**kept, "status": ""}),
        "counts": overview(member, workflow_id=_workflow(chosen)),
        "runs": page["items"],
        "next": page["next"],
        "names": workflow_names(page["items"]),
        "chosen": chosen,
        "is_filtered": any(chosen.values()),
        "statuses": RunStatus.choices,
        "workflows": Workflow.objects.filter(workspace=member.workspace, archived_at=None).order_by("name"),
    }
    return render_page_or_part(request, "monitoring/runs.html", "monitoring/runs_part.html", context)


def _workflow(chosen: dict[str, str]) -> UUID | None:
    return UUID(chosen["workflow"]) if chosen["workflow"] else None


def _rows(member: Member, chosen: dict[str, str]) -> QuerySet[Run]:
    """What the filters leave; raises ValueError, OverflowError or Invalid for one that cannot be."""
    zone = ZoneInfo(member.workspace.timezone)

    def day(name: str, more: int) -> datetime | None:
        if not chosen[name]:
            return None
        wanted = date.fromisoformat(chosen[name]) + timedelta(days=more)
        return datetime(wanted.year, wanted.month, wanted.day, tzinfo=zone)

    return runs_of(
        member,
        workflow=_workflow(chosen),
        status=chosen["status"] or None,
        since=day("from", 0),
        until=day("to", 1),
        text=chosen["q"] or None,
    )


def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    row, member = run_for(request, run_id)
    workflow = Workflow.objects.get(pk=row.workflow_id)
    data = {
        "run": WatchedRunOut.of(row).model_dump(mode="json"),
        "graph": Graph.objects.get(pk=row.graph_id).document,
        "workflow": {"id": str(workflow.pk), "name": workflow.name, "slug": workflow.slug},
        **page_facts(member),
    }
    request.member = member  # type: ignore[attr-defined]
    return render(request, "monitoring/run.html", {"run": row, "workflow": workflow, "data": data})
