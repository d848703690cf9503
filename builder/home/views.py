"""The first page: what waits, how things go, and the example that runs at once."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from builder.accounts.access import calling_member
from builder.inbox.queries import open_items
from builder.llm_connections.models import ModelConnection
from builder.mcp_servers.models import McpServer
from builder.monitoring.counts import bars, overview
from builder.monitoring.queries import runs_of, workflow_names
from builder.triggers.starting import start_by_person
from builder.workflows.queries import workflows_with_last_run

EXAMPLE_SLUG = "delayed-parcel"
EXAMPLE_MESSAGE = "My order #12347 is late again. I want my money back."


def home(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    runs = list(runs_of(member).order_by("-pk")[:6])
    rows = workflows_with_last_run(member)
    counts = overview(member)
    context = {
        "counts": counts,
        "bars": bars(counts.days),
        "runs": runs,
        "names": workflow_names(runs),
        "workflows": rows[:5],
        "example": rows.filter(slug=EXAMPLE_SLUG).exclude(live_version=None).first(),
        "example_message": EXAMPLE_MESSAGE,
        "waiting": open_items(member)[:5] if member.may("inbox.read") else (),
        "servers": McpServer.objects.filter(workspace=member.workspace).order_by("name"),
        "model": ModelConnection.objects.filter(workspace=member.workspace, is_default=True).first(),
    }
    return render(request, "home/home.html", context)


def try_example(request: HttpRequest) -> HttpResponse:
    """Start the example with the visitor's own words and show its run."""
    member = calling_member(request)
    workflow = workflows_with_last_run(member).filter(slug=EXAMPLE_SLUG).exclude(live_version=None).first()
    if workflow is None:
        return redirect("home")
    message = (request.POST.get("message") or EXAMPLE_MESSAGE)[:2000]
    run = start_by_person(member, workflow, input={"body": {"message": message}}, trigger=None, draft=False)
    return redirect("run", run_id=run.pk)
