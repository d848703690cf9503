"""Writing what a run did: every change of state is one transaction that names the fence it was claimed under."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from django.db import transaction

from runtime.engine import clock, faults, rows, slots
from runtime.engine.claiming import Claim
from runtime.engine.commands import Parent, cancel_run, new_run, run_ended, start_child
from runtime.engine.delta import Child, Delta, ended_data
from runtime.engine.lease import clear_suspect
from runtime.engine.loop_database import LoopDatabase
from runtime.engine.loop_sqlite import LoopSqlite
from runtime.engine.state import RunState
from runtime.errors import LeaseLost
from runtime.gateways import FailedRun, Gateways, HandoffRequest
from runtime.models import ENDED, Attempt, Event, Run, RunStatus, Signal, Step, StepStatus, Wait
from runtime.nodes.base import Waited
from runtime.settings_revisions import SettingsChanged, revision_of_row

OnLoop: TypeAlias = LoopDatabase | LoopSqlite


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


def asked_before(run_id: UUID, path: str) -> tuple[dict[str, Waited], int]:
    """What people were asked for a step, in order, by the key of the wait; and how many calls ended with a question."""
    over = Wait.objects.filter(run_id=run_id, path=path, kind="handoff", outcome__in=("signal", "due"))
    waits = list(over.order_by("closed_at", "id"))
    consumed = Signal.objects.filter(key__in=[wait.key for wait in waits]).exclude(consumed_by=None)
    answers = dict(consumed.values_list("consumed_by", "payload")) if waits else {}
    told = {
        wait.key: Waited(
            signal=answers.get(wait.pk),
            opened_at=wait.opened_at,
            ended_at=wait.closed_at or wait.opened_at,
            data=wait.data,
        )
        for wait in waits
    }
    calls = Attempt.objects.filter(run_id=run_id, path=path, ended_at__isnull=False, error__isnull=True)
    return told, calls.count() if waits else 0


@dataclass(frozen=True)
class Write:
    """One change of a run that a host holds: everything that happened since the last one, to be committed together.

    stage    what a fault point calls it
    claim    the right to it; brought up to date once it is written
    change   the new values of the run's row and what must not have happened, see rows.py
    """

    stage: str
    claim: Claim
    state: RunState
    delta: Delta
    change: dict[str, Any]

    @property
    def stands_alone(self) -> bool:
        """Whether it touches more than the run's own rows, so that no other write should depend on it."""
        delta, run = self.delta, self.state.run
        return (
            bool(delta.opened or delta.closed or delta.consumed or delta.children)
            or (self.claim.is_suspect and self.change["settles"])
            or (self.ends and (self.state.has_waited or bool(run.slot_key or run.parent_key)))
            or run.status == RunStatus.FAILED
        )

    @property
    def ends(self) -> bool:
        return self.change["ended_at"] is not None

    @property
    def written(self) -> rows.Written:
        delta, claim = self.delta, self.claim
        own = (delta.steps.values(), delta.attempts.values(), delta.events, delta.spent)
        if claim.is_inserted:
            return rows.Written(self.change, own)
        # What accepted it went by these settings too, whether or not this write makes a call.
        return rows.Written(self.change | {"settings": claim.settings}, own, new=self.state.run)


def checkpoint(claim: Claim, state: RunState, delta: Delta, intents: bool) -> Write:
    """Outcomes and intents.

    Writing it raises CancelRequested instead of writing an intent of a cancelled run, and SettingsChanged instead of one
    that goes by settings which do not stand any more.
    """
    stage = _stage(delta, "intent" if intents else "advance")
    settings = claim.settings if intents else None
    return _write(
        stage, claim, state, delta, status=state.status(), unless_cancelled=intents, settings=settings
    )


def release(claim: Claim, state: RunState, delta: Delta, at: datetime) -> Write:
    """Outcomes, and the run is given back until its next due time; refused when news came in the meantime."""
    status = state.status()
    if status == RunStatus.WAITING and (delta.events or state.run.status != RunStatus.WAITING):
        state.emit("run.waiting", at, data={"due_at": _text(state.next_due())})
        delta.events += state.take_delta().events
    return _write(
        _stage(delta, "wait"),
        claim,
        state,
        delta,
        status=status,
        wakes=claim.wakes,
        releases=True,
        due_at=state.next_due(),
    )


def end(claim: Claim, state: RunState, delta: Delta) -> Write:
    """The end of the run, and what is done elsewhere at an end."""
    run = state.run
    return _write(
        _stage(delta, "advance"),
        claim,
        state,
        delta,
        status=run.status,
        attention="",
        error=run.error,
        ended_at=run.ended_at,
        keep_until=_kept_until(state),
        releases=True,
    )


def hold_back(claim: Claim, state: RunState, delta: Delta) -> Write:
    """Outcomes, and a run that has used up a budget is parked until somebody resumes it."""
    status = RunStatus.NEEDS_ATTENTION
    return _write("wait", claim, state, delta, status=status, attention="budget_exceeded", releases=True)


def pause(claim: Claim, state: RunState, delta: Delta) -> Write:
    """Outcomes, and the run is parked until somebody resumes it; refused when somebody has just done so."""
    return _write("wait", claim, state, delta, status=RunStatus.PAUSED, if_pausing=True, releases=True)


def commit(writes: Sequence[Write]) -> list[bool]:
    """Write all of it in one transaction; false for those that were refused because of news.

    raises   LeaseLost, CancelRequested, SettingsChanged: of a write that is alone. With several, a refused one is false and the caller
             finds out why by writing it again, alone.
    """
    with ExitStack() as around:
        for write in writes:
            around.enter_context(faults.around(write.stage))
        if len(writes) == 1 and writes[0].stands_alone:
            done = [_commit_alone(writes[0])]
        else:
            done = rows.write_all([write.written for write in writes])
        if len(writes) == 1 and not done[0]:
            done = [_was_written(writes[0])]
    for write, is_written in zip(writes, done, strict=True):
        if is_written:
            _note(write)
    return done


async def commit_on_loop(write: Write, database: OnLoop) -> bool:
    """Write what does not stand alone; when false, `commit` does it or finds out why it cannot be done.

    raises   what the database's client raises, TimeoutError: nobody knows whether it was written, but `commit` finds out
    """
    with faults.around(write.stage):
        is_written = await database.write(write.written)
    if is_written:
        _note(write)
    return is_written


def _note(write: Write) -> None:
    """What the claim knows of the run's row from here on."""
    write.claim.event_seq = write.change["event_seq"]
    write.claim.is_taken = write.claim.is_inserted = True


def _commit_alone(write: Write) -> bool:
    claim, run = write.claim, write.state.run
    is_cleared = claim.is_suspect and write.change["settles"]
    with transaction.atomic():
        if write.ends:
            slots.lock(run)
        if not rows.write_all([write.written])[0]:
            return False
        _write_waits(claim.gateways, write.state, write.delta)
        if is_cleared:
            clear_suspect(claim.host_id)
        if write.ends:
            _tell_end(claim.gateways, run)
    claim.is_suspect = claim.is_suspect and not is_cleared
    return True


def hand_back(claim: Claim) -> None:
    """Give a run back as it is, to be taken by any host at once."""
    held = Run.objects.filter(pk=claim.run_id, host_id=claim.host_id, fence=claim.fence)
    held.update(host_id=None, due_at=clock.later(0))


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
        waits = Wait.objects.filter(run_id=run.pk, closed_at=None)
        for wait in waits.filter(kind="child"):
            _cancel_child(wait)
        waits.update(closed_at=at, outcome="closed")
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
    if run.status == RunStatus.FAILED:
        gateways.triggers.run_failed(
            FailedRun(
                id=run.pk,
                workspace_id=run.workspace_id,
                workflow_id=run.workflow_id,
                version=run.version,
                trigger=run.trigger,
                error=run.error,
                parent_id=run.parent_id,
            )
        )


def _stage(delta: Delta, otherwise: str) -> str:
    """What a fault point calls a write: one that holds the outcome of a call is known by that."""
    return "record" if any(row.ended_at is not None for row in delta.attempts.values()) else otherwise


def _write(stage: str, claim: Claim, state: RunState, delta: Delta, **fields: Any) -> Write:
    """The values of the run as they are now; what comes after belongs to the next write."""
    run = state.run
    change = {
        "id": claim.run_id,
        "host_id": claim.host_id,
        "fence": claim.fence,
        "seq_before": claim.event_seq,
        "wakes": None,
        "unless_cancelled": False,
        "if_pausing": False,
        "settings": None,
        "takes": not claim.is_taken,
        "releases": False,
        "due_at": None,
        # Progress clears a suspicion: the run has shown that it does not kill its host.
        "settles": delta.settled > 0,
        "attention": run.attention,
        "event_seq": run.event_seq,
        "started_at": run.started_at,
        "ended_at": None,
        "keep_until": None,
        "tokens": run.tokens,
        "cost_usd": run.cost_usd,
        "handled_errors": run.handled_errors,
        "steps_done": run.steps_done,
        "state_bytes": run.state_bytes,
        "active_ms": run.active_ms,
        "result": run.result,
        "replied_at": run.replied_at,
        "error": None,
    }
    return Write(stage, claim, state, delta, change | fields)


def _was_written(write: Write) -> bool:
    """Tell a write that was committed before an error hid it from one that came too late, or that news refused.

    raises   LeaseLost when another host has the run, CancelRequested when an intent came after a cancel, SettingsChanged
             when it came after a change of the settings
    """
    claim, change = write.claim, write.change
    found = Run.objects.filter(pk=claim.run_id).annotate(settings_revision=revision_of_row())
    row = found.values(
        "host_id",
        "fence",
        "event_seq",
        "status",
        "cancel_requested_at",
        "cancel_reason",
        "settings_revision",
    ).first()
    lost = LeaseLost("Another host has the run.", details={"run_id": str(claim.run_id)})
    if (
        row is None
        or row["fence"] != claim.fence
        or (row["status"] in ENDED and row["event_seq"] != change["event_seq"])
    ):
        raise lost
    if change["takes"]:
        # Others may have begun it under the same fence: only the host's own name tells whose write it was.
        if row["event_seq"] == change["event_seq"] and row["host_id"] == claim.host_id:
            return True
        raise lost
    if row["event_seq"] == change["event_seq"] and (row["host_id"] is None) == change["releases"]:
        return True
    if row["host_id"] != claim.host_id or row["event_seq"] != change["seq_before"]:
        raise lost
    if change["unless_cancelled"] and row["cancel_requested_at"] is not None:
        raise CancelRequested(row["cancel_reason"])
    if change["settings"] not in (None, row["settings_revision"]):
        raise SettingsChanged(row["settings_revision"])
    return False


def _write_waits(gateways: Gateways, state: RunState, delta: Delta) -> None:
    """What a write holds besides the run's own rows."""
    for child in delta.children:
        _start_child(state.run, child)
    for wait in delta.closed.values():
        if wait.kind == "child" and wait.outcome == "closed":
            _cancel_child(wait)
        if wait.kind == "handoff" and wait.outcome == "closed":
            gateways.people.close_handoff(wait.key)
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


def _cancel_child(wait: Wait) -> None:
    cancel_run(UUID(wait.data["run_id"]), reason="The run that waited for it has ended.")


def _kept_until(state: RunState) -> datetime | None:
    days, at = state.graph.settings.keep_days, state.run.ended_at
    return at + timedelta(days=days) if days and at else None


def _start_child(run: Run, child: Child) -> None:
    start = child.start
    start_child(
        new_run(
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
    )


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
