"""POST /hooks/<token>: verify, commit, then answer; and the public form pages."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from builder.http.errors import Conflict, Invalid, ProblemError, problem_for
from builder.http.idempotency import body_digest, key_of
from builder.triggers.addresses import address_for
from builder.triggers.models import Address, Delivery
from builder.triggers.starting import checked_form, facts_of
from runtime.engine import process
from runtime.engine.commands import start_run
from runtime.engine.live import run_topic
from runtime.engine.loading import frozen_graph
from runtime.engine.waiting import replied_or_ended, until
from runtime.errors import PatchbayError
from runtime.graph.schema import Node
from runtime.identifiers import new_id
from runtime.models import Run

HOLD_S = 30.0
KEPT_HEADERS = {
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "idempotency-key",
    "accept-language",
}


@csrf_exempt
async def webhook(request: HttpRequest, token: str) -> HttpResponse:
    """202 {"run_id"} once the run is committed; with `when_replied` up to 30 s of waiting for the reply."""
    try:
        return await _webhook(request, token)
    except (PatchbayError, ProblemError, Http404) as error:
        return problem_for(error)


async def _webhook(request: HttpRequest, token: str) -> HttpResponse:
    address, node = await sync_to_async(_live_hook)(token)
    given = _input(request)
    if node.config.get("respond") != "when_replied":
        run_id = await sync_to_async(_accept)(address, node, given, key_of(request), new_id())
        return JsonResponse({"run_id": str(run_id)}, status=202)
    return await _held(address, node, given, key_of(request))


async def _held(address: Address, node: Node, given: dict[str, Any], key: str) -> HttpResponse:
    run_id = new_id()
    async with process.live_updates().subscribe(run_topic(run_id)) as news:
        run_id = await sync_to_async(_accept)(address, node, given, key, run_id)
        run = await until(news, lambda: replied_or_ended(run_id), timeout_s=HOLD_S)
    if run is None or run.replied_at is None:
        return JsonResponse({"run_id": str(run_id)}, status=202)
    return JsonResponse(run.result, safe=False, headers={"X-Run-Id": str(run_id)})


def _live_hook(token: str) -> tuple[Address, Node]:
    address = address_for("hook", token)
    if address is None or not address.is_live:
        raise Http404
    return address, _live_node(address)


def _live_node(address: Address) -> Node:
    workflow = address.workflow
    if workflow.is_paused or workflow.live_version is None:
        raise Conflict("workflow_paused", "This workflow is paused and takes nothing at the moment.")
    graph = frozen_graph(workflow.live_version.graph_id)
    node = next((node for node in graph.nodes if node.id == address.node), None)
    if node is None:
        raise Http404
    return node


@transaction.atomic
def _accept(address: Address, node: Node, given: dict[str, Any], key: str, run_id: UUID) -> UUID:
    """Commit the run before anything is answered; the same delivery id gives the same run."""
    if key:
        digest = body_digest(given["body"])
        try:
            with transaction.atomic():
                Delivery.objects.create(address=address, key=key, digest=digest, run_id=run_id)
        except IntegrityError:
            return _delivered(address, key, digest)
    return _start(address, node, given, run_id).pk


def _delivered(address: Address, key: str, digest: str) -> UUID:
    delivery = Delivery.objects.get(address=address, key=key)
    if delivery.digest != digest:
        raise Conflict("idempotency_mismatch", "This delivery id came with another body before.")
    return delivery.run_id


def _start(address: Address, node: Node, given: dict[str, Any], run_id: UUID) -> Run:
    workflow = address.workflow
    version = workflow.live_version
    if version is None:
        raise Http404
    return start_run(
        run_id=run_id,
        workspace_id=workflow.workspace_id,
        workflow_id=workflow.pk,
        graph_id=version.graph_id,
        version=version.number,
        trigger=node.id,
        input=given,
        started_by="form" if address.kind == "form" else "webhook",
        facts=facts_of(workflow),
    )


def _input(request: HttpRequest) -> dict[str, Any]:
    """What `trigger` shows: body, headers, query, method."""
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() in KEPT_HEADERS}
    query = {name: str(value) for name, value in request.GET.items()}
    return {"body": _body(request), "headers": headers, "query": query, "method": request.method}


def _body(request: HttpRequest) -> Any:
    """JSON, a form's fields, or {"text"}; the content type says which."""
    kind = request.content_type or ""
    if kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return {name: str(value) for name, value in request.POST.items()}
    try:
        raw = request.body
    except RawPostDataException as error:
        raise Invalid("bad_request", "The body could not be read.") from error
    if len(raw) > settings.MAX_WEBHOOK_BYTES:
        raise ProblemError(413, "too_large", f"The body is larger than {settings.MAX_WEBHOOK_BYTES} bytes.")
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(raw) if raw.strip() else {}
        except (ValueError, RecursionError) as error:
            raise ProblemError(400, "bad_request", "The body is not JSON.") from error
    return {"text": raw.decode("utf-8", "replace")} if raw else {}


async def form_page(request: HttpRequest, token: str) -> HttpResponse:
    """The public page of a form trigger: shows the fields, starts a run, waits for its reply."""
    address = await sync_to_async(address_for)("form", token)
    if address is None or not address.is_live:
        raise Http404
    try:
        node = await sync_to_async(_live_node)(address)
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
    async with process.live_updates().subscribe(run_topic(run_id)) as news:
        await sync_to_async(transaction.atomic(_start))(address, node, given, run_id)
        run = await until(news, lambda: replied_or_ended(run_id), timeout_s=HOLD_S)
    context["reply"] = run.result if run is not None and run.replied_at is not None else None
    return await sync_to_async(render)(request, "triggers/form_sent.html", context)
