"""Starting a run for a caller and following it: progress on the way, then the reply, a handle or the failure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio
import mcp_types as wire
from django.db import transaction
from django.utils import timezone
from mcp.server.context import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from builder.accounts.access import Member
from builder.http.database import in_database
from builder.http.errors import Conflict
from builder.http.idempotency import body_digest, once
from builder.mcp_endpoint.caller import SCOPE_KEY, Caller
from builder.mcp_endpoint.failures import ToolFailed
from builder.mcp_endpoint.models import OpenCall
from builder.monitoring.actions import cancel_run
from builder.triggers.starting import start_by_person, started_run
from builder.workflows.models import Workflow
from runtime.engine import process
from runtime.engine.live import Subscription, run_topic
from runtime.engine.waiting import POLL_S, time_left
from runtime.identifiers import new_id
from runtime.models import Event, Graph, Run, RunStatus, Wait

LONGEST_WAIT_S = 25.0
"""Below the usual time-outs of clients and proxies; what takes longer is answered with a handle."""
KEY_META = "patchbay.dev/idempotency-key"
RUN_META = "patchbay.dev/run-id"
EVENTS_PER_LOOK = 200
FORGOTTEN_AFTER = timedelta(hours=1)
GOES_ON = "Ask get_run with this run_id for the rest."
TOLD = {
    "step.started": "{title}: started",
    "step.retrying": "{title}: trying again",
    "step.waiting": "{title}: waiting",
    "step.progress": "{title}: {message}",
    "step.ended": "{title}: {status}",
}

Tell = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True)
class Call:
    """One call of a tool: who calls, with what, and how to reach them meanwhile.

    key   the caller's idempotency key, or an empty text
    """

    caller: Caller
    arguments: dict[str, Any]
    key: str
    context: ServerRequestContext[Any, Any]

    @staticmethod
    def of(context: ServerRequestContext[Any, Any], arguments: dict[str, Any] | None) -> Call:
        """Raises ToolFailed for a key that is none."""
        key = dict(context.meta or {}).get(KEY_META, "")
        if not isinstance(key, str) or len(key) > 200:
            raise ToolFailed("INVALID_INPUT", f"{KEY_META} is a text of up to 200 characters.")
        return Call(caller_of(context), dict(arguments or {}), key, context)

    @property
    def member(self) -> Member:
        return self.caller.member

    @property
    def wants_progress(self) -> bool:
        return dict(self.context.meta or {}).get("progress_token") is not None

    @property
    def closing_means_cancel(self) -> bool:
        """In the newer protocol a caller cancels by closing; one that gave a key may come back for the result."""
        return self.context.protocol_version in MODERN_PROTOCOL_VERSIONS and not self.key


def caller_of(context: ServerRequestContext[Any, Any]) -> Caller:
    request: Any = context.request
    caller: Caller = request.scope[SCOPE_KEY]
    return caller


async def run_and_wait(
    call: Call, workflow: Workflow, *, scope: str, given: Any, trigger: str | None, wait_s: float
) -> wire.CallToolResult:
    """Start a run of the live version, once for each idempotency key, and follow it for a while.

    scope   what the key is unique in beside the workflow
    raises  ToolFailed for a run that failed; Conflict and Invalid for one that cannot start
    """
    run_id = new_id()

    @transaction.atomic
    def start() -> UUID:
        def act() -> dict[str, Any]:
            run = start_by_person(
                call.member, workflow, input=given, trigger=trigger, draft=False, run_id=run_id
            )
            return {"run_id": str(run.pk)}

        digest = body_digest({"input": given, "trigger": trigger})
        answer, _ = once(workflow.pk, f"mcp.{scope}", call.key, digest, act)
        _remember(call, UUID(answer["run_id"]))
        return UUID(answer["run_id"])

    async with process.live_updates().subscribe(run_topic(run_id)) as news, _cancelling(call, run_id):
        started = await in_database(start)
        tell = await _teller(call, started) if call.wants_progress else None
        run = await follow(started, news, wait_s=wait_s, tell=tell)
    return await in_database(result_of, run)


async def follow(run_id: UUID, news: Subscription, *, wait_s: float, tell: Tell | None) -> Run:
    """The run, once it has replied, ended or cannot go on alone, or when the time is up; its news are told."""
    deadline, seen = asyncio.get_running_loop().time() + wait_s, 0
    while True:
        run, events, is_settled = await in_database(_look, run_id, seen if tell else None)
        for event in events:
            seen = event.seq
            if tell:
                await tell(event)
        if len(events) == EVENTS_PER_LOOK:
            continue
        remaining = time_left(deadline)
        if is_settled or remaining == 0:
            return run
        await news.wait(min(POLL_S, remaining))


def _look(run_id: UUID, after: int | None) -> tuple[Run, list[Event], bool]:
    """The run first, so that the events are never older than it."""
    run = started_run(run_id)
    rows = Event.objects.filter(run_id=run_id, seq__gt=after or 0, type__in=TOLD).order_by("seq")
    events = list(rows[:EVENTS_PER_LOOK]) if after is not None else []
    return run, events, run.replied_at is not None or run.has_ended or bool(held_by(run))


def held_by(run: Run) -> str:
    """Why a run does not go on by itself, in a sentence; empty while it does."""
    match run.status:
        case RunStatus.WAITING:
            wait = Wait.objects.filter(run_id=run.pk, kind="handoff", closed_at=None).first()
            title = wait.data.get("title", "") if wait else ""
            return f'The run waits for a person to answer "{title}" in the inbox.' if wait else ""
        case RunStatus.NEEDS_ATTENTION:
            return f"The run needs an operator ({run.attention})."
        case RunStatus.PAUSED:
            return "The run is paused by an operator."
    return ""


def result_of(run: Run) -> wire.CallToolResult:
    """The reply, or a handle for a run that has none (yet); raises ToolFailed for a run that failed."""
    if run.replied_at is not None:
        return _answer(run.result, run)
    if run.status == RunStatus.CANCELLED:
        raise ToolFailed(
            "cancelled", run.cancel_reason or "The run was cancelled.", run_id=str(run.pk), retryable=False
        )
    if run.status == RunStatus.FAILED:
        error = run.error or {}
        raise ToolFailed(
            str(error.get("code", "step_failed")),
            str(error.get("message", "The run failed.")),
            retryable=bool(error.get("retryable")),
            run_id=str(run.pk),
        )
    return _answer(handle_of(run), run)


def handle_of(run: Run) -> dict[str, str]:
    if run.has_ended:
        message = "The workflow has come to its end without a reply."
    else:
        message = f"{held_by(run) or 'The run goes on.'} {GOES_ON}"
    return {"run_id": str(run.pk), "status": run.status, "message": message}


def _answer(value: Any, run: Run) -> wire.CallToolResult:
    is_text = isinstance(value, dict) and value.keys() == {"text"} and isinstance(value["text"], str)
    text = value["text"] if is_text else json.dumps(value, ensure_ascii=False)
    result = wire.CallToolResult(
        content=[wire.TextContent(type="text", text=text)], _meta={RUN_META: str(run.pk)}
    )
    if isinstance(value, dict):
        result.structured_content = value
    return result


async def _teller(call: Call, run_id: UUID) -> Tell:
    """Progress in the words of the graph's author; the number of the event grows with each."""
    titles = await in_database(_titles, run_id)

    async def tell(event: Event) -> None:
        facts = {"message": "", "status": "", **event.data}
        facts["title"] = titles.get(event.path.rpartition("/")[2], event.path)
        await call.context.session.report_progress(float(event.seq), None, TOLD[event.type].format(**facts))

    return tell


def _titles(run_id: UUID) -> dict[str, str]:
    document = Graph.objects.get(pk=Run.objects.values_list("graph_id", flat=True).get(pk=run_id)).document
    return {node["id"]: node.get("title") or node["id"] for node in document.get("nodes", [])}


# --- cancelling -------------------------------------------------------------------------------------------


@asynccontextmanager
async def _cancelling(call: Call, run_id: UUID) -> AsyncIterator[None]:
    """Cancel the run if the caller goes away meanwhile; a shutdown of this process leaves it alone."""
    try:
        yield
    except asyncio.CancelledError:
        if call.caller.is_gone and call.closing_means_cancel:
            with anyio.CancelScope(shield=True):
                await in_database(_cancel, call.member, run_id)
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await in_database(_forget, call)


async def cancel_call(member: Member, session: UUID, request_id: str) -> None:
    """The run of a call in the caller's session, if it goes on; what is not known is passed over."""
    call = await in_database(_open_call, session, request_id)
    if call is not None:
        await in_database(_cancel, member, call.run_id)


def _cancel(member: Member, run_id: UUID) -> None:
    run = Run.objects.filter(pk=run_id, workspace_id=member.workspace.pk).first()
    if run is None or run.has_ended:
        return
    try:
        cancel_run(member, run, reason="The caller cancelled the tool call.")
    except Conflict:
        # It has ended in this very moment.
        return


def _open_call(session: UUID, request_id: str) -> OpenCall | None:
    return OpenCall.objects.filter(session=session, request=request_id).order_by("-created_at").first()


def _remember(call: Call, run_id: UUID) -> None:
    if call.caller.session is not None:
        OpenCall.objects.create(session=call.caller.session, request=_request_of(call), run_id=run_id)


def _forget(call: Call) -> None:
    if call.caller.session is not None:
        OpenCall.objects.filter(session=call.caller.session, request=_request_of(call)).delete()


def _request_of(call: Call) -> str:
    return str(call.context.request_id)[:100]


def forget_old_calls() -> None:
    """Those whose process died before their end."""
    OpenCall.objects.filter(created_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()
