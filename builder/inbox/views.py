"""The inbox: what waits for the person, and answering it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from builder.accounts.access import calling_member
from builder.http.errors import Conflict, Invalid
from builder.http.paging import asked_page
from builder.http.parts import render_page_or_part
from builder.inbox import actions
from builder.inbox.access import item_for
from builder.inbox.models import InboxItem
from builder.inbox.queries import items_for, open_count, open_items


def inbox(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    show = "done" if request.GET.get("show") == "done" else "open"
    if show == "done":
        page = asked_page(request, items_for(member).exclude(status=InboxItem.Status.OPEN))
    else:
        page = asked_page(request, open_items(member), moment="stands_at")
    context = {
        "items": page["items"],
        "next": page["next"],
        "query": urlencode({"show": show}),
        "is_first": "cursor" not in request.GET,
        "show": show,
    }
    return render_page_or_part(request, "inbox/inbox.html", "inbox/rows.html", context)


def count(request: HttpRequest) -> HttpResponse:
    """The number in the sidebar; empty for none."""
    waiting = open_count(calling_member(request))
    return HttpResponse(str(waiting) if waiting else "")


def item(request: HttpRequest, item_id: UUID) -> HttpResponse:
    row, member = item_for(request, item_id)
    request.member = member  # type: ignore[attr-defined]
    context: dict[str, Any] = {
        "item": row,
        "answers": {field["id"]: field["default"] for field in row.fields if "default" in field},
        "problems": {},
        "may_answer": member.may("inbox.answer"),
    }
    if request.method != "POST":
        return render_page_or_part(request, "inbox/item.html", "inbox/item_head.html", context)
    answers = _answers(request, row)
    try:
        actions.answer_item(
            member,
            row,
            choice=request.POST.get("choice", ""),
            answers=answers,
            comment=request.POST.get("comment", ""),
        )
    except Conflict as error:
        row.refresh_from_db()
        return render(request, "inbox/item.html", {**context, "refused": error.message}, status=409)
    except Invalid as error:
        problems = {entry["field"]: entry["message"] for entry in error.details.get("fields", [])}
        context |= {"answers": answers, "problems": problems, "refused": error.message}
        return render(request, "inbox/item.html", context, status=422)
    messages.success(request, "Answered. The workflow goes on.")
    return redirect("run", run_id=row.run_id)


def _answers(request: HttpRequest, row: InboxItem) -> dict[str, Any]:
    """What the form sent for each field, a list where several may be chosen."""
    found: dict[str, Any] = {}
    for field in row.fields:
        name = f"field-{field['id']}"
        if field.get("kind") == "multi_choice":
            found[field["id"]] = request.POST.getlist(name)
        elif field.get("kind") == "boolean":
            found[field["id"]] = request.POST.get(name) == "true"
        else:
            found[field["id"]] = request.POST.get(name)
    return found
