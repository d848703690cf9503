"""The list of workflows, and the page that the editor lives in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from builder.accounts.access import Member, calling_member
from builder.http.errors import ProblemError
from builder.http.paging import asked_page
from builder.workflows import actions
from builder.workflows.models import Workflow
from builder.workflows.queries import any_workflow_for, workflow_for, workflows_with_last_run
from builder.workflows.trigger_addresses import triggers_of
from runtime.errors import GraphInvalid


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
    archived = request.GET.get("show") == "archived"
    rows = workflows_with_last_run(member, archived=archived)
    rows = rows.filter(name__icontains=text) if text else rows
    page = asked_page(request, rows, moment="updated_at")
    kept = {"show": "archived" if archived else "", "q": text}
    context = {
        "rows": page["items"],
        "next": page["next"],
        "query": urlencode({name: value for name, value in kept.items() if value}),
        "text": text,
        "archived": archived,
    }
    return render(request, "workflows/list.html", context)


def archive(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    workflow, member = any_workflow_for(request, workflow_id)
    actions.archive_workflow(member, workflow)
    undo = reverse("restore_workflow", args=[workflow.pk])
    messages.success(request, f"“{workflow.name}” was archived. Its runs stay to be read.", extra_tags=undo)
    return redirect("workflows")


def restore(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    workflow, member = any_workflow_for(request, workflow_id)
    workflow = actions.restore_workflow(member, workflow)
    paused = " It is paused: nothing starts it until it is resumed." if workflow.is_paused else ""
    messages.success(request, f"“{workflow.name}” is back.{paused}")
    return redirect("workflows")


def pause(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    done = "is paused: nothing starts it. Runs that go on are not touched."
    return _switch(request, workflow_id, actions.pause_workflow, done)


def resume(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    return _switch(request, workflow_id, actions.resume_workflow, "takes up its work again.")


def _switch(
    request: HttpRequest, workflow_id: UUID, act: Callable[[Member, Workflow], Workflow], done: str
) -> HttpResponse:
    try:
        workflow, member = workflow_for(request, workflow_id)
        act(member, workflow)
        messages.success(request, f"“{workflow.name}” {done}")
    except (ProblemError, GraphInvalid) as error:
        messages.error(request, error.message)
    return redirect("workflows")


def editor(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    workflow, member = any_workflow_for(request, workflow_id)
    live, is_archived = workflow.live_version, workflow.archived_at is not None
    facts = page_facts(member)
    if is_archived:
        facts["me"]["can"] |= dict.fromkeys(("edit", "publish", "run", "pause"), False)
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
            "archived": {"may_restore": member.may("workflow.edit")} if is_archived else None,
            "triggers": triggers_of(workflow, request),
        },
        "graph": workflow.draft,
        **facts,
    }
    request.member = member  # type: ignore[attr-defined]
    return render(request, "workflows/editor.html", {"workflow": workflow, "data": data})


def page_facts(member: Member) -> dict[str, Any]:
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
