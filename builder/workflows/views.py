"""The list of workflows, and the page that the editor lives in."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from builder.accounts.access import Member, calling_member
from builder.http.errors import ProblemError
from builder.http.paging import asked_page
from builder.workflows import actions
from builder.workflows.queries import workflow_for, workflows_with_last_run
from builder.workflows.trigger_addresses import triggers_of


def workflows(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    if request.method == "POST":
        try:
            workflow = actions.create_workflow(member, name=request.POST.get("name") or "Untitled workflow")
        except ProblemError as error:
            messages.error(request, error.message)
            return redirect("workflows")
        return redirect("editor", workflow_id=workflow.pk)
    text = request.GET.get("q", "").strip()
    rows = workflows_with_last_run(member)
    rows = rows.filter(name__icontains=text) if text else rows
    page = asked_page(request, rows, moment="updated_at")
    context = {
        "rows": page["items"],
        "next": page["next"],
        "query": urlencode({"q": text}) if text else "",
        "text": text,
    }
    return render(request, "workflows/list.html", context)


def archive(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    workflow, member = workflow_for(request, workflow_id)
    actions.archive_workflow(member, workflow)
    messages.success(request, f"“{workflow.name}” was archived. Its runs stay to be read.")
    return redirect("workflows")


def pause(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    workflow, member = workflow_for(request, workflow_id)
    actions.pause_workflow(member, workflow)
    messages.success(
        request, f"“{workflow.name}” is paused: nothing starts it. Runs that go on are not touched."
    )
    return redirect("workflows")


def resume(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    workflow, member = workflow_for(request, workflow_id)
    actions.resume_workflow(member, workflow)
    messages.success(request, f"“{workflow.name}” takes up its work again.")
    return redirect("workflows")


def editor(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    workflow, member = workflow_for(request, workflow_id)
    live = workflow.live_version
    data = {
        "workflow": {
            "id": str(workflow.pk),
            "name": workflow.name,
            "slug": workflow.slug,
            "description": workflow.description,
            "revision": workflow.revision,
            "live_version": live.number if live else None,
            "live_graph": live.graph.document if live else None,
            "paused": workflow.is_paused,
            "triggers": triggers_of(workflow, request),
        },
        "graph": workflow.draft,
        **page_facts(member),
    }
    request.member = member  # type: ignore[attr-defined]
    return render(request, "workflows/editor.html", {"workflow": workflow, "data": data})


def page_facts(member: Member) -> dict[str, object]:
    """What every island needs of the caller."""
    workspace = member.workspace
    return {
        "workspace": {"slug": workspace.slug, "name": workspace.name, "timezone": workspace.timezone},
        "me": {
            "email": member.user.email,
            "name": member.user.display_name,
            "role": member.role,
            "can": member.can,
        },
    }
