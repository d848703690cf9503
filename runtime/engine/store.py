"""Writing what a run did: every change of state is one transaction that names the fence it was claimed under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from runtime.engine import clock, faults, slots
from runtime.engine.claiming import Claim
from runtime.engine.commands import Parent, cancel_run, run_ended, start_run
from runtime.engine.lease import clear_suspect
from runtime.engine.state import Child, Delta, RunState, ended_data
from runtime.errors import LeaseLost
from runtime.gateways import EndedRun, Gateways, HandoffRequest
from runtime.models import ENDED, Attempt, Event, Run, RunStatus, Signal, Spend, Step, StepStatus, Wait

STEP_FIELDS = ["status", "ports", "attempts", "input", "output", "error", "usage", "started_at", "ended_at"]
# An attempt that was not let through is made later, with the same number.
ATTEMPT_FIELDS = ["effect", "fence", "started_at", "ended_at", "error", "usage"]


class CancelRequested(Exception):
    """Someone cancelled the run: the intent was not written."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class News:
    """What happened to a run from outside since the host last looked."""

    at: datetime
    wakes: int
    cancel_requested: bool
    cancel_reason: str
    pause_requested: bool
    signals: list[tuple[Wait, Signal]]


def read_news(run_id: UUID, waits: Sequence[Wait]) -> News:
    """Cancel, and signals that nobody consumed, in the order in which they were sent."""
    with faults.around("resume"):
        return _news(run_id, waits)


def _news(run_id: UUID, waits: Sequence[Wait]) -> News:
    run = Run.objects.only("wakes", "cancel_requested_at", "cancel_reason", "pause_requested_at").get(
        pk=run_id
    )
    by_key = {wait.key: wait for wait in waits}
    signals = Signal.objects.filter(key__in=by_key, consumed_by=None).order_by("id") if by_key else []
    first: dict[str, Signal] = {}
    for signal in signals:
        first.setdefault(signal.key, signal)
    return News(
        at=clock.now(),
        wakes=run.wakes,
        cancel_requested=run.cancel_requested_at is not None,
        cancel_reason=run.cancel_reason,
        pause_requested=run.pause_requested_at is not None,
        signals=[(by_key[key], signal) for key, signal in first.items()],
    )


def was_agreed(run_id: UUID, path: str) -> bool:
    """Whether a person answered what a step asked before its call; a refusal has ended the step."""
    return Wait.objects.filter(run_id=run_id, path=path, kind="handoff", outcome="signal").exists()


def checkpoint(claim: Claim, state: RunState, delta: Delta, intents: bool) -> None:
    """Write outcomes and intents; raises LeaseLost, or CancelRequested instead of writing an intent."""
    with faults.around(_stage(delta, "intent" if intents else "advance")), transaction.atomic():
        is_cleared = claim.is_suspect and delta.settled > 0
        row = _advance(claim, state, delta, status=state.status(), attention=state.run.attention)
        if row is not None:
            if intents and row.cancel_requested_at is not None:
                raise CancelRequested(row.cancel_reason)
            _write(claim.gateways, state, delta)
            if is_cleared:
                clear_suspect(claim.host_id)
    # Also when the write had been committed before: what follows is written on top of it.
    claim.event_seq = state.run.event_seq
    claim.is_suspect = claim.is_suspect and not is_cleared


def release(claim: Claim, state: RunState, delta: Delta, at: datetime) -> bool:
    """Write, and give the run back until its next due time; False when news came in the meantime."""
    status = state.status()
    is_news = bool(delta.events) or state.run.status != RunStatus.WAITING
    if status == RunStatus.WAITING and is_news:
        state.emit("run.waiting", at, data={"due_at": _text(state.next_due())})
        more = state.take_delta()
        delta.events += more.events
    with faults.around(_stage(delta, "wait")), transaction.atomic():
        changed = (
            _mine(claim)
            .filter(wakes=claim.wakes)
            .update(
                **_fields(state, delta),
                status=status,
                attention=state.run.attention,
                host_id=None,
                due_at=state.next_due(),
            )
        )
        if not changed:
            return _was_written(claim, state, released=True)
        _write(claim.gateways, state, delta)
    return True


def end(claim: Claim, state: RunState, delta: Delta) -> None:
    """Write the end of the run, and what the application does at an end."""
    run = state.run
    with faults.around(_stage(delta, "advance")), transaction.atomic():
        slots.lock(run)
        changed = _mine(claim).update(
            **_fields(state, delta),
            status=run.status,
            error=run.error,
            attention="",
            ended_at=run.ended_at,
            keep_until=_kept_until(state),
            host_id=None,
            due_at=None,
        )
        if not changed:
            _was_written(claim, state, released=True)
            return
        _write(claim.gateways, state, delta)
        _tell_end(claim.gateways, run)


def hold_back(claim: Claim, state: RunState, delta: Delta) -> None:
    """Write, and park a run that has used up a budget until somebody resumes it."""
    with transaction.atomic():
        changed = _mine(claim).update(
            **_fields(state, delta),
            status=RunStatus.NEEDS_ATTENTION,
            attention="budget_exceeded",
            host_id=None,
            due_at=None,
        )
        if not changed:
            _was_written(claim, state, released=True)
            return
        _write(claim.gateways, state, delta)


def pause(claim: Claim, state: RunState, delta: Delta) -> bool:
    """Write, and park the run until somebody resumes it; False when somebody has just done so."""
    with transaction.atomic():
        changed = (
            _mine(claim)
            .filter(pause_requested_at__isnull=False)
            .update(
                **_fields(state, delta),
                status=RunStatus.PAUSED,
                attention=state.run.attention,
                host_id=None,
                due_at=None,
            )
        )
        if not changed:
            return _was_written(claim, state, released=True)
        _write(claim.gateways, state, delta)
    return True


def hand_back(claim: Claim) -> None:
    """Give a run back as it is, to be taken by any host at once."""
    _mine(claim).update(host_id=None, due_at=clock.later(0))


def fail_broken(claim: Claim) -> None:
    """End a run that cannot be driven at all, so that it is seen instead of tried for ever."""
    error = {
        "code": "internal_error",
        "message": "The run could not go on. The worker's log has the details.",
        "retryable": False,
        "details": {},
        "node": None,
        "path": None,
    }
    at = clock.now()
    with transaction.atomic():
        slots.lock(Run.objects.get(pk=claim.run_id))
        # By host and fence alone: what went wrong may have hidden that the last write was committed.
        held = Run.objects.select_for_update().filter(
            pk=claim.run_id, host_id=claim.host_id, fence=claim.fence
        )
        run = held.first()
        if run is None:
            return
        events = _leave_steps(run, at)
        seq = run.event_seq + len(events) + 1
        data = {"status": "failed", "error": error}
        events.append(Event(run_id=run.pk, seq=seq, at=at, type="run.ended", data=data))
        held.update(
            status=RunStatus.FAILED,
            attention="",
            error=error,
            ended_at=at,
            due_at=None,
            host_id=None,
            event_seq=seq,
        )
        Event.objects.bulk_create(events)
        Wait.objects.filter(run_id=run.pk, closed_at=None).update(closed_at=at, outcome="closed")
        run.refresh_from_db()
        _tell_end(claim.gateways, run)


# --- inside -----------------------------------------------------------------------------------------


def _leave_steps(run: Run, at: datetime) -> list[Event]:
    """End the steps of a run that cannot go on; what became of a call that must not be repeated nobody knows."""
    open_attempts = Attempt.objects.filter(run_id=run.pk, ended_at=None)
    lost = set(open_attempts.filter(effect="once").values_list("path", flat=True))
    open_attempts.update(ended_at=at)
    events: list[Event] = []
    for step in Step.objects.filter(run_id=run.pk, ended_at=None).order_by("position"):
        is_lost = step.path in lost or step.status == StepStatus.UNKNOWN
        step.status, step.ended_at = StepStatus.UNKNOWN if is_lost else StepStatus.CANCELLED, at
        step.save(update_fields=["status", "ended_at"])
        data = ended_data(step)
        seq = run.event_seq + len(events) + 1
        events.append(Event(run_id=run.pk, seq=seq, at=at, type="step.ended", path=step.path, data=data))
    return events


def _tell_end(gateways: Gateways, run: Run) -> None:
    gateways.people.close_handoffs(run.pk)
    run_ended(run)
    gateways.triggers.run_ended(
        EndedRun(
            id=run.pk,
            workspace_id=run.workspace_id,
            workflow_id=run.workflow_id,
            version=run.version,
            trigger=run.trigger,
            status=run.status,
            error=run.error,
            parent_id=run.parent_id,
        )
    )


def _stage(delta: Delta, otherwise: str) -> str:
    """What a fault point calls a write: one that holds the outcome of a call is known by that."""
    return "record" if any(row.ended_at is not None for row in delta.attempts.values()) else otherwise


def _mine(claim: Claim) -> Any:
    return Run.objects.filter(
        pk=claim.run_id, host_id=claim.host_id, fence=claim.fence, event_seq=claim.event_seq
    )


def _advance(claim: Claim, state: RunState, delta: Delta, **fields: Any) -> Run | None:
    """Move the run's row on; None when this very write had been committed before an error hid it."""
    if not _mine(claim).update(**_fields(state, delta), **fields):
        _was_written(claim, state, released=False)
        return None
    return Run.objects.only("cancel_requested_at", "cancel_reason").get(pk=claim.run_id)


def _was_written(claim: Claim, state: RunState, *, released: bool) -> bool:
    """Tell a write that was committed unseen from one that came too late.

    raises   LeaseLost when another host has the run
    """
    row = Run.objects.filter(pk=claim.run_id).values("host_id", "fence", "event_seq", "status").first()
    if (
        row is None
        or row["fence"] != claim.fence
        or (row["status"] in ENDED and row["event_seq"] != state.run.event_seq)
    ):
        raise LeaseLost("Another host has the run.", details={"run_id": str(claim.run_id)})
    if row["event_seq"] == state.run.event_seq and (row["host_id"] is None) == released:
        return True
    if row["host_id"] != claim.host_id:
        raise LeaseLost("Another host has the run.", details={"run_id": str(claim.run_id)})
    return False


def _fields(state: RunState, delta: Delta) -> dict[str, Any]:
    run = state.run
    fields: dict[str, Any] = {
        "event_seq": run.event_seq,
        "started_at": run.started_at,
        "progress_at": clock.later(0),
        "tokens": run.tokens,
        "cost_usd": run.cost_usd,
        "handled_errors": run.handled_errors,
        "steps_done": run.steps_done,
        "state_bytes": run.state_bytes,
        "active_ms": run.active_ms,
    }
    if delta.settled:
        # Progress clears a suspicion: the run has shown that it does not kill its host.
        fields["charges"] = 0
    if run.replied_at is not None:
        fields |= {"result": run.result, "replied_at": run.replied_at}
    return fields


def _write(gateways: Gateways, state: RunState, delta: Delta) -> None:
    if delta.steps:
        Step.objects.bulk_create(
            delta.steps.values(),
            update_conflicts=True,
            unique_fields=["run_id", "path"],
            update_fields=STEP_FIELDS,
        )
    if delta.attempts:
        Attempt.objects.bulk_create(
            delta.attempts.values(),
            update_conflicts=True,
            unique_fields=["run_id", "path", "number"],
            update_fields=ATTEMPT_FIELDS,
        )
    if delta.events:
        Event.objects.bulk_create(delta.events)
    if delta.spent:
        Spend.objects.bulk_create(delta.spent)
    for child in delta.children:
        _start_child(state.run, child)
    for wait in delta.closed.values():
        if wait.kind == "child" and wait.outcome == "closed":
            cancel_run(UUID(wait.data["run_id"]), reason="The run that waited for it has ended.")
        Wait.objects.filter(pk=wait.pk, closed_at=None).update(closed_at=wait.closed_at, outcome=wait.outcome)
    for signal_id, wait_id in delta.consumed.items():
        if not Signal.objects.filter(pk=signal_id, consumed_by=None).update(consumed_by=wait_id):
            raise LeaseLost("The signal was consumed before.", details={"run_id": str(state.run.pk)})
    opened = [wait for wait in delta.opened if wait.closed_at is None]
    if opened:
        Wait.objects.bulk_create(opened)
    for wait in opened:
        if wait.kind == "handoff":
            gateways.people.open_handoff(
                HandoffRequest(
                    run_id=state.run.pk,
                    workspace_id=state.run.workspace_id,
                    workflow_id=state.run.workflow_id,
                    started_by=state.run.started_by,
                    path=wait.path,
                    wait_key=wait.key,
                    due_at=wait.due_at,
                    data=wait.data,
                )
            )


def _kept_until(state: RunState) -> datetime | None:
    days, at = state.graph.settings.keep_days, state.run.ended_at
    return at + timedelta(days=days) if days and at else None


def _start_child(run: Run, child: Child) -> None:
    start = child.start
    start_run(
        workspace_id=run.workspace_id,
        workflow_id=start.workflow_id,
        graph_id=start.graph_id,
        version=start.version,
        trigger=start.trigger,
        input=start.input,
        started_by=run.started_by,
        facts=start.facts,
        run_id=start.run_id,
        parent=Parent(run, child.path, child.wait_key),
    )


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
