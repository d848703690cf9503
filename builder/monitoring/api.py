"""REST: starting, reading, cancelling and settling runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Router, Status
from ninja.params import functions as param_functions

from builder.accounts.access import calling_member
from builder.http.idempotency import body_digest, key_of, once
from builder.http.paging import Page, newest_first
from builder.monitoring import actions
from builder.monitoring.counts import DAYS, MAX_DAYS, overview
from builder.monitoring.queries import run_for, runs_of, steps_of
from builder.monitoring.schemas import (
    CancelIn,
    DayCountOut,
    EventOut,
    ReplayIn,
    RunCountsOut,
    RunDetailOut,
    RunIn,
    RunOut,
    SettleIn,
    StepOut,
)
from builder.triggers.starting import start_by_person, started_run
from builder.workflows.queries import workflow_for
from runtime.engine import process
from runtime.engine.live import answer_topic
from runtime.engine.retries import retried
from runtime.engine.unknown_calls import unknown_calls
from runtime.engine.waiting import answer_within
from runtime.models import Event, Run

router = Router(tags=["Runs"])

EVENTS_PER_PAGE = 500


@router.post("/workflows/{uuid:workflow_id}/runs", response={201: RunOut})
async def start_run(request: HttpRequest, workflow_id: UUID, payload: RunIn) -> Status[RunOut]:
    """Start a run of the live version, or of the draft; `wait_s` holds the answer until it replies or ends."""
    run_id = await sync_to_async(_start)(request, workflow_id, payload)
    if payload.wait_s:
        async with process.live_updates().subscribe(answer_topic(run_id)) as news:
            await answer_within(news, run_id, timeout_s=payload.wait_s)
    return Status(201, RunOut.of(await sync_to_async(started_run)(run_id)))


def _start(request: HttpRequest, workflow_id: UUID, payload: RunIn) -> UUID:
    workflow, member = workflow_for(request, workflow_id)

    def act() -> dict[str, Any]:
        run = start_by_person(
            member, workflow, input=payload.input, trigger=payload.trigger, draft=payload.draft
        )
        return {"run_id": str(run.pk)}

    digest = body_digest(payload.dict(exclude={"wait_s"}))
    answer, _ = once(workflow.pk, "runs.start", key_of(request), digest, act)
    return UUID(answer["run_id"])


@router.get("/runs", response=Page[RunOut])
def list_runs(
    request: HttpRequest,
    workflow: UUID | None = None,
    status: str | None = None,
    trigger: str | None = None,
    since: Annotated[datetime | None, param_functions.Query(alias="from")] = None,
    until: Annotated[datetime | None, param_functions.Query(alias="to")] = None,
    q: str | None = None,
    parent: UUID | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Runs of the workspace, newest first."""
    member = calling_member(request)
    rows = runs_of(
        member,
        workflow=workflow,
        status=status,
        trigger=trigger,
        since=since,
        until=until,
        text=q,
        parent=parent,
    )
    return newest_first(rows, cursor=cursor, limit=limit, show=RunOut.of)


@router.get("/runs/counts", response=RunCountsOut)
def count_runs(
    request: HttpRequest,
    workflow: UUID | None = None,
    days: Annotated[int, param_functions.Query(ge=1, le=MAX_DAYS)] = DAYS,
) -> RunCountsOut:
    """How many runs are open, and how many ended on each of the last days."""
    found = overview(calling_member(request), days=days, workflow_id=workflow)
    return RunCountsOut(open=found.open, days=[DayCountOut.of(day) for day in found.days])


@router.get("/runs/{uuid:run_id}", response=RunDetailOut)
def get_run(request: HttpRequest, run_id: UUID) -> RunDetailOut:
    run, _ = run_for(request, run_id)
    return RunDetailOut.of(run)


@router.get("/runs/{uuid:run_id}/steps", response=Page[StepOut])
def list_steps(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    """Every step that began or was skipped, in the order in which they did."""
    run, _ = run_for(request, run_id)
    return {"items": steps_of(run), "next": None}


@router.get("/runs/{uuid:run_id}/events", response=Page[EventOut])
def list_events(request: HttpRequest, run_id: UUID, after: int = 0) -> dict[str, Any]:
    """What happened after event number `after`, in order."""
    run, _ = run_for(request, run_id)
    rows = list(Event.objects.filter(run_id=run.pk, seq__gt=after).order_by("seq")[: EVENTS_PER_PAGE + 1])
    more = len(rows) > EVENTS_PER_PAGE
    items = rows[:EVENTS_PER_PAGE]
    return {"items": [EventOut.of(row) for row in items], "next": str(items[-1].seq) if more else None}


@router.post("/runs/{uuid:run_id}/cancel", response=RunOut)
def cancel_run(request: HttpRequest, run_id: UUID, payload: CancelIn | None = None) -> RunOut:
    """Nothing new starts; calls that are running are told."""
    run, member = run_for(request, run_id)
    return RunOut.of(actions.cancel_run(member, run, reason=payload.reason if payload else ""))


@router.post("/runs/{uuid:run_id}/pause", response=RunOut)
def pause_run(request: HttpRequest, run_id: UUID) -> RunOut:
    """Nothing new starts; what is running finishes, and waits stay open."""
    run, member = run_for(request, run_id)
    return RunOut.of(actions.pause_run(member, run))


@router.post("/runs/{uuid:run_id}/resume", response=RunOut)
def resume_run(request: HttpRequest, run_id: UUID) -> RunOut:
    """A paused run goes on, and so does one that was held back after deaths of its workers."""
    run, member = run_for(request, run_id)
    _once(request, run, "runs.resume", {}, lambda: actions.resume_run(member, run))
    return RunOut.of(run)


@router.post("/runs/{uuid:run_id}/retry", response={201: RunDetailOut})
def retry_run(request: HttpRequest, run_id: UUID) -> Status[RunDetailOut]:
    """A new run that takes over every settled step of a failed or cancelled one; nothing of it is called again.

    `unknown_calls` of the failed run are, although they may have taken effect: look at them before. Where it was tried again
    already, the new run goes on where the last try ended, and `retry_of` is that one; a last try that has not ended, or that
    succeeded, is told with 409 `not_allowed_now` and its `run_id`.
    """
    run, member = run_for(request, run_id)
    again = _again(request, run, "runs.retry", {}, lambda: actions.retry_run(member, run))
    # Those of the failed run: the new one may have come to them already.
    return Status(201, RunDetailOut.of(again, unknown_calls(retried(again))))


@router.post("/runs/{uuid:run_id}/replay", response={201: RunDetailOut})
def replay_run(request: HttpRequest, run_id: UUID, payload: ReplayIn | None = None) -> Status[RunDetailOut]:
    """A new run with the same input, from the start or from a step."""
    run, member = run_for(request, run_id)
    wanted = payload or ReplayIn()

    def act() -> Run:
        return actions.replay_run(
            member, run, again_from=wanted.again_from, data=wanted.data, version=wanted.version
        )

    return Status(201, RunDetailOut.of(_again(request, run, "runs.replay", wanted.dict(), act)))


def _again(
    request: HttpRequest, run: Run, scope: str, content: dict[str, Any], act: Callable[[], Run]
) -> Run:
    """The run that it gives, once for each idempotency key."""
    return started_run(UUID(_once(request, run, scope, content, act)["run_id"]))


def _once(
    request: HttpRequest, run: Run, scope: str, content: dict[str, Any], act: Callable[[], Run]
) -> dict[str, Any]:
    answer, _ = once(run.pk, scope, key_of(request), body_digest(content), lambda: {"run_id": str(act().pk)})
    return answer


@router.post("/runs/{uuid:run_id}/steps/{path:path}/settle", response=RunOut)
def settle_step(request: HttpRequest, run_id: UUID, path: str, payload: SettleIn) -> RunOut:
    """Say what became of a call whose answer never came."""
    run, member = run_for(request, run_id)

    def act() -> Run:
        return actions.settle_step(member, run, path, outcome=payload.outcome, output=payload.output)

    _once(request, run, "runs.settle", {"path": path, **payload.dict()}, act)
    return RunOut.of(run)
