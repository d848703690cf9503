"""What the application may ask of the engine. Each is rows only, to be called inside the caller's transaction;
a hint goes out after the commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from runtime.engine import budgets, children, clock, hints, rows, slots, stored_values
from runtime.engine.claiming import HELD_BACK
from runtime.engine.delta import ended_data
from runtime.engine.forking import check_trigger, settled_steps
from runtime.engine.levels import handled_failures
from runtime.engine.loading import frozen_graph
from runtime.engine.new_runs import Begun, NewRun
from runtime.engine.retries import last_try, to_try_again
from runtime.engine.values import storable
from runtime.engine.wait_kinds import BUDGET, SETTLE
from runtime.errors import ForkImpossible, NotAllowedNow
from runtime.graph.schema import Concurrency, Graph, digest, dump_graph
from runtime.identifiers import new_id
from runtime.models import ENDED, ENGINE_LEVEL, Event, Run, RunStatus, Signal, Step, StepStatus, Wait
from runtime.models import Graph as GraphRow
from runtime.nodes.catalogue import EXECUTABLE_TYPES, NODE_TYPES


@dataclass(frozen=True)
class Parent:
    """The step that starts a run, and the wait that its end is told to; "" if nobody waits."""

    run: Run
    path: str
    wait_key: str


def freeze(graph: Graph) -> str:
    """Store a graph once by its content; returns its digest."""
    key = digest(graph)
    row = {"document": dump_graph(graph), "engine_level": ENGINE_LEVEL}
    GraphRow.objects.get_or_create(digest=key, defaults=row)
    return key


def new_run(
    *,
    workspace_id: UUID,
    workflow_id: UUID,
    graph_id: str,
    version: int | None,
    trigger: str,
    input: Any,  # noqa: A002  the contract's word for what a trigger gives
    started_by: str,
    facts: Mapping[str, Any],
    run_id: UUID | None = None,
    parent: Parent | None = None,
) -> Run:
    """A run that is in no database yet.

    run_id    chosen by a caller who listens for its news before it exists
    version   None for a test of the draft
    facts     {"workflow": {...}, "workspace": {"timezone"}, "vars": {...}}: fixed for the life of the run
    """
    run_id = run_id or new_id()
    run = Run(
        id=run_id,
        workspace_id=workspace_id,
        workflow_id=workflow_id,
        graph_id=graph_id,
        version=version,
        trigger=trigger,
        input=storable(input, what="The input"),
        started_by=started_by,
        facts=dict(facts),
        origin_id=run_id,
    )
    if parent is not None:
        run.parent_id, run.parent_path, run.parent_key = parent.run.pk, parent.path, parent.wait_key
        run.depth = parent.run.depth + 1
        # The same for a retry of the parent, so that the keys of the child's calls are the same too.
        run.origin_id = uuid5(parent.run.origin_id, parent.path)
    return run


def start_run(run: Run, *, settings: int | None = None) -> Run:
    """Insert a new run that is due at once.

    settings  the revision of the workspace's settings that all of it goes by, if it was read some time ago

    raises    SettingsChanged when that revision does not stand any more, ConcurrencyFull
    """
    return _queue(run, {"trigger": run.trigger}, settings=settings)


def begin_run(run: Run, *, settings: int) -> Begun | None:
    """Have a host begin a new run before anybody else can know of it: its first write inserts it.

    For who waits for its answer anyway: a transaction less, and nothing is waited for before the first step.

    returns   what tells whether it was inserted; otherwise nothing was done, and it can be started with the same id.
              Where the database fails nobody knows whether it was inserted.
              None where no host has room, or where a run may have to wait for others.
    """
    if slots.are_limited(run):
        return None
    return hints.begin(NewRun(run, settings, is_inserted=False))


@transaction.atomic
def retry_run(run: Run, *, started_by: str) -> Run:
    """A new run of the same graph that takes over every settled step of a failed or cancelled one, or of its newest retry.

    raises   NotAllowedNow, ForkImpossible
    """
    last = to_try_again(run)
    _check_children(last)
    again = _follower(last, graph_id=last.graph_id, version=last.version, started_by=started_by)
    again.origin_id = last.origin_id
    return _queue_retry(again, last)


def start_child(run: Run) -> Run:
    """Insert a run that a step of another one starts; in a retry it is one too, of the run that the step had started before."""
    before = None
    if run.parent_id is not None and run.parent_key:
        parent = Run.objects.only("retry_of").get(pk=run.parent_id)
        before = children.tried_before(parent, run.parent_path)
    if before is None or before.workflow_id != run.workflow_id:
        return start_run(run)
    # As it was, so that what was done fits.
    run.graph_id, run.version, run.trigger = before.graph_id, before.version, before.trigger
    run.input, run.facts = before.input, before.facts
    return _queue_retry(run, before)


def _queue_retry(again: Run, run: Run) -> Run:
    again.retry_of = run.pk
    steps = stored_values.steps_of(run.pk)
    taken = settled_steps(run, steps, frozen_graph(run.graph_id), EXECUTABLE_TYPES, new_id=again.pk)
    return _queue_with(again, run, taken, {"retry_of": str(run.pk)})


def _check_children(run: Run) -> None:
    """What the run has started is tried again with it, and so must have come to an end whose calls are known.

    raises   NotAllowedNow, ForkImpossible
    """
    for started in children.unfinished(run):
        child, path = last_try(started), started.parent_path
        about = {"path": path, "run_id": str(child.pk)}
        if not child.has_ended:
            raise NotAllowedNow(
                f'The run that "{path}" started has not come to its end yet. Try again when it has.',
                details=about,
            )
        unknown = Step.objects.filter(run_id=child.pk, status=StepStatus.UNKNOWN).order_by("position").first()
        if unknown is not None:
            raise ForkImpossible(
                f'Nobody has said yet what became of "{unknown.path}" in the run that "{path}" started;'
                " settle it there first.",
                details=about,
            )
        _check_children(child)


def replay_run(
    run: Run,
    *,
    graph_id: str,
    version: int | None,
    again_from: str | None,
    data: Mapping[str, Any],
    started_by: str,
    facts: Mapping[str, Any],
) -> Run:
    """A new run with the same input, from the start or from a step, on this graph.

    data      path -> another output of a step that is taken over, or another input under the trigger's path
    facts     as they are now: the graph may name a constant that there was not when the run began
    raises    NotAllowedNow, ForkImpossible
    """
    edits = dict(data)
    again = _follower(run, graph_id=graph_id, version=version, started_by=started_by)
    again.replay_of, again.facts = run.pk, dict(facts)
    graph = frozen_graph(graph_id)
    before = None if graph_id == run.graph_id else frozen_graph(run.graph_id)
    check_trigger(run, graph, before)
    if again_from is None or again_from == run.trigger:
        again.input = storable(edits.pop(run.trigger, run.input), what="The input")
        if edits:
            path = next(iter(edits))
            raise ForkImpossible(f'"{path}" cannot be taken over from the start.', details={"path": path})
        return _queue(again, {"trigger": run.trigger, "replay_of": str(run.pk)})
    if not run.has_ended:
        raise NotAllowedNow("This run still goes on. Cancel it, or wait until it has ended.")
    again.forked_from = again_from
    again.input = storable(edits.get(run.trigger, run.input), what="The input")
    taken = settled_steps(
        run,
        stored_values.steps_of(run.pk),
        graph,
        EXECUTABLE_TYPES,
        new_id=again.pk,
        again_from=again_from,
        before=before,
        data={path: _edited_output(path, output) for path, output in edits.items()},
    )
    return _queue_with(again, run, taken, {"replay_of": str(run.pk), "from": again_from})


def _edited_output(path: str, output: Any) -> dict[str, Any]:
    if not isinstance(output, dict):
        raise ForkImpossible(
            f'The data of "{path}" must be an object of names and values, as every step gives it.',
            details={"path": path},
        )
    edited: dict[str, Any] = storable(output, what=f'The data of "{path}"')
    return edited


def _follower(run: Run, *, graph_id: str, version: int | None, started_by: str) -> Run:
    new = new_id()
    return Run(
        id=new,
        workspace_id=run.workspace_id,
        workflow_id=run.workflow_id,
        graph_id=graph_id,
        version=version,
        trigger=run.trigger,
        input=run.input,
        started_by=started_by,
        facts=run.facts,
        origin_id=new,
    )


def _queue_with(again: Run, run: Run, steps: list[Step], data: Mapping[str, Any]) -> Run:
    """Insert a run that begins with steps of another one, and with its reply if that step is among them."""
    at = clock.now()
    stored_values.insert(steps)
    taken = [step.path for step in steps if step.taken_from is not None]
    # Those of steps that an agent made up are its own affair.
    drawn = (step for step in steps if step.type in NODE_TYPES)
    again.handled_errors = sum(handled_failures(step, NODE_TYPES[step.type]) for step in drawn)
    events = [
        Event(
            run_id=again.pk,
            at=at,
            type="step.started" if step.status == StepStatus.RUNNING else "step.ended",
            path=step.path,
            data={**ended_data(step), "taken_over": step.taken_from is not None},
        )
        for step in steps
    ]
    if reply := Event.objects.filter(run_id=run.pk, type="reply.sent", path__in=taken).first():
        again.result, again.replied_at = run.result, at
        # So that a run which follows this one finds it, too.
        told = {"taken_over": True}
        events.append(Event(run_id=again.pk, at=at, type="reply.sent", path=reply.path, data=told))
    for seq, event in enumerate(events, start=2):
        event.seq = seq
    Event.objects.bulk_create(events)
    return _queue(again, {"trigger": run.trigger, **data}, last_event=len(events) + 1)


def _queue(run: Run, data: Mapping[str, Any], *, last_event: int = 1, settings: int | None = None) -> Run:
    """Insert a run that is due as soon as it has a slot of its concurrency key, and say so.

    raises   ConcurrencyFull, SettingsChanged
    """
    run.event_seq = last_event
    queued = Event(run_id=run.pk, seq=1, type="run.queued", data=dict(data))
    if slots.are_limited(run):
        with transaction.atomic():
            replaced, admitted = slots.take(run)
            revision = rows.insert_run(run, queued, settings)
            for other in admitted:
                _hint(other.pk)
            for other in replaced:
                cancel_run(other.pk, reason=slots.REPLACED)
    else:
        revision = rows.insert_run(run, queued, settings)
    if run.has_slot and last_event == 1:
        new = NewRun.of(run, revision)
        transaction.on_commit(lambda: hints.offer_new_run(new))
    elif run.has_slot:
        _hint(run.pk)
    return run


def set_concurrency(workflow_id: UUID, concurrency: Concurrency | None) -> None:
    """A version is live: as many of its runs as it lets go on at once begin, also of those that wait by an earlier one."""
    for admitted in slots.set_limit(workflow_id, concurrency.limit if concurrency else None):
        _hint(admitted.pk)


def run_ended(run: Run) -> None:
    """What the engine itself does at an end, in the transaction that writes it: others wait for it."""
    if run.parent_id is not None and run.parent_key:
        # Each of them was fit for a row by itself: that they are told together must not keep a run from its end.
        told = {"status": run.status, "result": run.result, "error": run.error}
        _send(run.parent_key, run.parent_id, told, delivery_id=str(run.pk))
    for admitted in slots.pass_on(run):
        _hint(admitted.pk)


def send_signal(wait_key: str, run_id: UUID, payload: Mapping[str, Any], *, delivery_id: str) -> bool:
    """Tell a waiting step something; false when this delivery was sent before."""
    return _send(wait_key, run_id, storable(dict(payload), what="The answer"), delivery_id=delivery_id)


def _send(wait_key: str, run_id: UUID, payload: Mapping[str, Any], *, delivery_id: str) -> bool:
    try:
        with transaction.atomic():
            Signal.objects.create(key=wait_key, delivery_id=delivery_id, payload=payload, sent_at=clock.now())
    except IntegrityError:
        return False
    _poke(run_id)
    return True


def cancel_run(run_id: UUID, *, reason: str) -> bool:
    """Ask that a run be cancelled; no intent is committed after this. False when it has ended."""
    changed = (
        Run.objects.filter(pk=run_id, cancel_requested_at=None)
        .exclude(status__in=ENDED)
        .update(
            cancel_requested_at=clock.later(0),
            cancel_reason=reason[:500],
            # A run that is paused or held back is taken up once more, to be ended.
            pause_requested_at=None,
            charges=0,
        )
    )
    if changed:
        paused = Run.objects.filter(pk=run_id, status=RunStatus.PAUSED)
        paused.filter(started_at=None).update(status=RunStatus.QUEUED)
        paused.update(status=RunStatus.RUNNING)
        _poke(run_id)
    return bool(changed)


def pause_run(run_id: UUID) -> bool:
    """Ask that nothing new be started; what is running finishes. False when the run has ended."""
    open_runs = Run.objects.filter(pk=run_id).exclude(status__in=ENDED)
    if _pause_at_once(run_id):
        return True
    if open_runs.filter(pause_requested_at=None).update(pause_requested_at=clock.later(0)):
        _poke(run_id)
    return open_runs.exists()


@transaction.atomic
def _pause_at_once(run_id: UUID) -> bool:
    """Pause a run that waits for a slot of its key, or is held back, since no host would take it for that."""
    in_queue = Q(has_slot=False, started_at=None)
    held_back = Q(status=RunStatus.NEEDS_ATTENTION, attention__in=HELD_BACK)
    asked = Run.objects.filter(pk=run_id, pause_requested_at=None, cancel_requested_at=None)
    run = asked.filter(in_queue | held_back).exclude(status__in=ENDED).select_for_update().first()
    if run is None:
        return False
    run.status, run.pause_requested_at, run.event_seq = RunStatus.PAUSED, clock.later(0), run.event_seq + 1
    run.save(update_fields=["status", "pause_requested_at", "event_seq"])
    Event.objects.create(run_id=run.pk, seq=run.event_seq, at=clock.now(), type="run.paused")
    return True


@transaction.atomic
def resume_run(run_id: UUID) -> None:
    """Let a paused run go on, or one that was held back: after deaths of its workers, or with a budget used up,
    which it gets once more. What was paused while it was held back is held back again.

    raises   NotAllowedNow when it is neither
    """
    slots.lock(Run.objects.only("slot_key").get(pk=run_id))
    run = Run.objects.select_for_update().get(pk=run_id)
    if run.status == RunStatus.PAUSED and run.attention in HELD_BACK:
        _hold_back_again(run)
        return
    is_held_back = run.status == RunStatus.NEEDS_ATTENTION and run.attention in HELD_BACK
    if not is_held_back and run.pause_requested_at is None:
        raise NotAllowedNow("This run is not paused.")
    run.pause_requested_at = None
    if is_held_back or run.status == RunStatus.PAUSED:
        # Nobody holds it, so that its events may be counted on from here.
        run.status = RunStatus.RUNNING if run.started_at else RunStatus.QUEUED
        # A budget of the workspace is not the run's to be given once more.
        is_workspaces = Wait.objects.filter(run_id=run_id, kind=BUDGET, closed_at=None).exists()
        if run.attention == "budget_exceeded" and not is_workspaces:
            limits = frozen_graph(run.graph_id).settings.budgets
            run.budget_grants = budgets.grants_for_more(run, limits)
        is_unknown = Wait.objects.filter(run_id=run_id, kind=SETTLE, closed_at=None).exists()
        run.attention = "outcome_unknown" if is_unknown else ""
        run.charges, run.event_seq = 0, run.event_seq + 1
        Event.objects.create(run_id=run.pk, seq=run.event_seq, at=clock.now(), type="run.resumed")
    changed = ["pause_requested_at", "status", "attention", "charges", "event_seq", "budget_grants"]
    run.save(update_fields=changed)
    if run.has_slot:
        _poke(run_id)
        return
    for admitted in slots.pass_on(run):
        _hint(admitted.pk)


def _hold_back_again(run: Run) -> None:
    told: list[tuple[str, dict[str, str]]] = [
        ("run.resumed", {}),
        ("run.needs_attention", {"code": run.attention}),
    ]
    for kind, data in told:
        run.event_seq += 1
        Event.objects.create(run_id=run.pk, seq=run.event_seq, at=clock.now(), type=kind, data=data)
    run.status, run.pause_requested_at = RunStatus.NEEDS_ATTENTION, None
    run.save(update_fields=["status", "pause_requested_at", "event_seq"])


def settle_step(run_id: UUID, path: str, *, outcome: str, output: Mapping[str, Any] | None, by: str) -> None:
    """Say what became of a call whose answer never came.

    outcome   "happened" (with its output), "did_not" (it is tried again) or "give_up"
    A run that has ended is not revived: then the step says what is known now, for the record and for a retry.

    raises    NotAllowedNow when the step does not wait for this, or someone was first
    """
    if Run.objects.filter(pk=run_id, status__in=ENDED).exists():
        _settle_record(run_id, path, outcome=outcome, output=output, by=by)
        return
    wait = Wait.objects.filter(run_id=run_id, path=path, kind=SETTLE, closed_at=None).first()
    if wait is None:
        raise NotAllowedNow("This step does not wait for anybody to settle it.", details={"path": path})
    payload = {"outcome": outcome, "output": dict(output or {}), "by": by}
    if not send_signal(wait.key, run_id, payload, delivery_id="settled"):
        raise NotAllowedNow("Someone else has just settled this step.", details={"path": path})


@transaction.atomic
def _settle_record(
    run_id: UUID, path: str, *, outcome: str, output: Mapping[str, Any] | None, by: str
) -> None:
    run = Run.objects.select_for_update().get(pk=run_id)
    step = Step.objects.filter(run_id=run_id, path=path, status=StepStatus.UNKNOWN).first()
    if step is None:
        raise NotAllowedNow("This step does not wait for anybody to settle it.", details={"path": path})
    changes: dict[str, Any] = {"status": StepStatus.FAILED}
    if outcome == "happened":
        changes = {
            "status": StepStatus.SUCCEEDED,
            **stored_values.with_output(step, storable(dict(output or {}), what="The output")),
            "ports": ["out"],
            "error": None,
        }
    Step.objects.filter(run_id=run_id, path=path).update(**changes)
    seq = run.event_seq + 1
    Run.objects.filter(pk=run_id).update(event_seq=seq)
    data = {"outcome": outcome, "by": by}
    Event.objects.create(run_id=run_id, seq=seq, at=clock.now(), type="step.settled", path=path, data=data)


def _poke(run_id: UUID) -> None:
    """Make a run due, so that a host looks at what is new."""
    due = Run.objects.filter(pk=run_id).exclude(status__in=ENDED).exclude(status=RunStatus.PAUSED)
    due.update(wakes=F("wakes") + 1, due_at=clock.later(0))
    _hint(run_id)


def _hint(run_id: UUID) -> None:
    transaction.on_commit(lambda: hints.offer_run(run_id))
