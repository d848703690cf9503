"""The public form pages: they show the fields, start a run and wait for its reply."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from builder.http.errors import RETRY_AFTER_S, Conflict, Invalid, status_of
from builder.triggers.addresses import address_for
from builder.triggers.hooks import HOLD_S
from builder.triggers.models import Address
from builder.triggers.starting import checked_form, live_trigger, start_at
from runtime.engine import process
from runtime.engine.live import answer_topic
from runtime.engine.waiting import answer_within
from runtime.errors import ConcurrencyFull, PatchbayError
from runtime.graph.schema import Node
from runtime.identifiers import new_id

FULL = "This form cannot take any more just now. Please send it again in a few minutes; your answers are still below."


async def form_page(request: HttpRequest, token: str) -> HttpResponse:
    """The public page of a form trigger: shows the fields, starts a run, waits for its reply."""
    known = await sync_to_async(address_for)("form", token)
    if known is None or not known.address.is_live:
        raise Http404
    address = known.address
    try:
        node = await sync_to_async(live_trigger)(address.workflow, address.node)
    except Conflict as error:
        return await sync_to_async(render)(
            request, "triggers/form_closed.html", {"message": error.message}, status=409
        )
    context: dict[str, Any] = {
        "workflow": address.workflow,
        "node": node,
        "fields": node.config.get("fields", []),
    }
    if request.method != "POST":
        return await sync_to_async(render)(request, "triggers/form.html", context)
    return await _submitted(request, address, node, context)


async def _submitted(
    request: HttpRequest, address: Address, node: Node, context: dict[str, Any]
) -> HttpResponse:
    answers = {
        field["id"]: request.POST.getlist(field["id"])
        if field["kind"] == "multi_choice"
        else request.POST.get(field["id"])
        for field in context["fields"]
    }
    try:
        given = checked_form(node, answers)
    except Invalid as error:
        problems = {item["field"]: item["message"] for item in error.details["fields"]}
        context |= {"answers": answers, "problems": problems}
        return await sync_to_async(render)(request, "triggers/form.html", context, status=422)
    run_id = new_id()
    async with process.live_updates().subscribe(answer_topic(run_id)) as news:
        try:
            await sync_to_async(start_at)(address.workflow, node.id, given, started_by="form", run_id=run_id)
        except PatchbayError as error:
            context["answers"] = answers
            return await sync_to_async(_not_taken)(request, context, error)
        has_replied, result = await answer_within(news, run_id, timeout_s=HOLD_S)
    context["reply"] = result if has_replied else None
    return await sync_to_async(render)(request, "triggers/form_sent.html", context)


def _not_taken(request: HttpRequest, context: dict[str, Any], error: PatchbayError) -> HttpResponse:
    """The page again: whoever filled it in must not write everything anew."""
    is_full = isinstance(error, ConcurrencyFull)
    context["refused"] = FULL if is_full else error.message
    page = render(request, "triggers/form.html", context, status=status_of(error))
    if is_full:
        page["Retry-After"] = str(RETRY_AFTER_S)
    return page
