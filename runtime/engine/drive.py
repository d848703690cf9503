"""Drives one run on the host's loop: starts what is ready, commits intents and outcomes, until it waits or ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel

from runtime.engine import budgets, claiming, faults, store
from runtime.engine.attempt import (
    AttemptContext,
    Clients,
    idempotency_key,
    rendered_config,
    run_attempt,
    typed_config,
    unforeseen,
)
from runtime.engine.delta import Delta
from runtime.engine.outcomes import Outcomes, Started
from runtime.engine.questions import Questions
from runtime.engine.state import RunState
from runtime.engine.values import storable
from runtime.engine.wait_kinds import AGAIN, BUDGET, PAUSE, SETTLE
from runtime.errors import PatchbayError
from runtime.mcp.server_log import LogLine
from runtime.models import Signal, Wait
from runtime.nodes.base import Leave, NodeType, Outcome, Park, Proceed, Waited
from runtime.settings_revisions import SettingsChanged

logger = logging.getLogger(__name__)

STEPS_PER_TURN = 200
"""In-memory steps between two checkpoints, so that one run cannot hold the loop."""
TURN_S = 0.25
"""Nor for longer than this, where they take long."""
SLOW_S = 0.02
"""Expressions of a step that take longer make those of the next one go to a thread."""

PROGRESS_EVERY_S = 1.0


class Surroundings(Protocol):
    """What the host lends to each drive."""

    clients: Clients

    async def in_database(self, function: Callable[..., Any], *args: Any) -> Any: ...

    async def write(self, write: store.Write) -> bool:
        """Commit a change of a run; false when it was refused because of news.

        raises   LeaseLost, store.CancelRequested, SettingsChanged
        """
        ...

    def now(self) -> datetime:
        """The database's time, as this host last heard it."""
        ...

    def check_lease(self) -> None:
        """Raises LeaseLost when this host may no longer act."""
        ...

    def tell(self, state: RunState) -> None:
        """News of a run after a commit; may be lost."""
        ...

    def claim_more(self) -> None:
        """A run has ended here, or is no suspect any more."""
        ...


class Drive:
    """One claimed run."""

    def __init__(self, state: RunState, claim: claiming.Claim, host: Surroundings) -> None:
        self.state = state
        self.claim = claim
        self.host = host
        self._is_woken, self._bell = False, asyncio.Event()
        self._calls: dict[asyncio.Task[Outcome], Started] = {}
        self._asked: dict[str, dict[str, Waited]] = {}
        self._questions = Questions(state, self.wake)
        self._outcomes = Outcomes(state, host.now)
        self._cancelled = False
        self._stopping = False
        self._pausing = False
        self._is_slow = False
        self._has_progress, self._shown_at = False, 0.0
        self._used_up = ""
        self._began, self._active_before_ms = time.monotonic(), state.run.active_ms

    async def go(self) -> None:
        """Go on until the run waits, ends, or is no longer ours; never raises but LeaseLost."""
        try:
            if await self._may_begin():
                self.state.begin(self.host.now())
                self._outcomes.recover()
                if self._may_have_news():
                    await self._look_for_news()
                self._look_at_budgets()
            while not await self._turn():
                pass
        finally:
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    async def _may_begin(self) -> bool:
        """False for a run that was cancelled or paused before it began: then nobody is told that it did."""
        if self.state.has_begun or not self._may_have_news():
            return True
        await self._look_for_news()
        return not (self._cancelled or self._pausing)

    def stop(self) -> None:
        """Start nothing more; once the calls in flight have ended, give the run back."""
        self._stopping = True
        self._questions.close(self.host.now())
        self.wake()

    def wake(self) -> None:
        """There are news of the run in its rows, or something to write."""
        self._is_woken = True
        self._bell.set()

    async def _wind_down(self) -> bool:
        while self._calls:
            await self._wait_for_something()
            # A question that a call asks meanwhile must be written to be seen.
            await self._checkpoint_and_tell()
        await self._checkpoint_and_tell()
        if self.state.is_over:
            return await self._end()
        if self._used_up:
            return await self._hold_back()
        if self._pausing and await self._pause():
            return True
        await self.host.in_database(store.hand_back, self.claim)
        return True

    async def _pause(self) -> bool:
        """Park the run; false when it was resumed in the meantime."""
        self.state.emit("run.paused", self.host.now())
        delta = self._taken()
        if not await self.host.write(store.pause(self.claim, self.state, delta)):
            return False
        self.host.tell(self.state)
        return True

    async def _hold_back(self) -> bool:
        """Park the run until its budget has room: an operator gives its own once more, an admin raises the workspace's."""
        self.state.run.attention = "budget_exceeded"
        data = {"code": "budget_exceeded", "budget": self._used_up}
        self.state.emit("run.needs_attention", self.host.now(), data=data)
        await self.host.write(store.hold_back(self.claim, self.state, self._taken()))
        self.host.tell(self.state)
        return True

    def _note_time(self) -> None:
        passed_s = time.monotonic() - self._began
        self.state.run.active_ms = self._active_before_ms + round(passed_s * 1000)

    def _may_start(self) -> bool:
        """Whether another step may begin; a budget that is used up is noted."""
        run = self.state.run
        self._note_time()
        self._used_up = budgets.used_up(
            run,
            self.state.graph.settings.budgets,
            steps=self.state.steps_begun,
            active_s=run.active_ms / 1000,
        )
        return self.state.ending is None and not self._used_up

    async def _turn(self) -> bool:
        """One round; true when nothing is left to do here."""
        if self._stopping or self._pausing or self._used_up:
            return await self._wind_down()
        await self._work_in_memory()
        started = await self._intents()
        if self._used_up and not started:
            return False
        if not (started or self._calls or self.state.ready):
            return await (self._end() if self.state.is_over else self._release())
        try:
            is_written = await self._checkpoint(intents=bool(started))
        except store.CancelRequested:
            self._cancel(started)
            return False
        except SettingsChanged as change:
            self.claim.settings = change.revision
            for call in started:
                self.state.take_back(call.attempt)
            return False
        for call in started:
            self.host.check_lease()
            task = asyncio.create_task(run_attempt(call.node_type, call.config, call.context))
            task.add_done_callback(lambda _: self._bell.set())
            self._calls[task] = call
        if is_written:
            # The calls first: nobody waits for the news as they do.
            asyncio.get_running_loop().call_soon(self.host.tell, self.state)
        await self._wait_for_something()
        return False

    # --- steps without outside effect ----------------------------------------------------------

    async def _work_in_memory(self) -> None:
        until = time.monotonic() + TURN_S
        for _ in range(STEPS_PER_TURN):
            path = next((path for path in self.state.ready if not self._calls_out(path)), None)
            if path is None or not self._may_start():
                return
            await self._step_in_memory(path)
            # A run of another workflow is to be started before anything follows: a cancel may have come.
            if self._is_woken or self.state.delta.children or time.monotonic() > until:
                break
        await asyncio.sleep(0)

    def _calls_out(self, path: str) -> bool:
        return self.state.type_of(path).calls_out and not self.state.node_at(path).settings.disabled

    async def _step_in_memory(self, path: str) -> None:
        node, node_type = self.state.node_at(path), self.state.type_of(path)
        step = self.state.start_in_memory(path, self.host.now())
        try:
            if node.settings.disabled:
                self.state.leave(path, Leave({}), self.host.now())
                return
            inputs, config = await self._rendered(path)
            step.input = inputs
            outcome = await run_attempt(node_type, config, self._context(node_type, path))
            self._outcomes.apply(path, outcome, inputs)
        except PatchbayError as error:
            self._outcomes.of_failure_in_memory(path, error)

    # --- outside calls ---------------------------------------------------------------------------

    async def _intents(self) -> list[Started]:
        """Everything ready that calls out, with its intent noted; what cannot be called fails here."""
        started = []
        for path in list(self.state.ready):
            # What fails before its call may end the iteration that others of them stand in.
            if path in self.state.ready and self._calls_out(path) and self._may_start():
                call = await self._intent(path)
                started += [call] if call else []
        return started if self.state.ending is None else self._withdrawn(started)

    async def _intent(self, path: str) -> Started | None:
        node, node_type = self.state.node_at(path), self.state.type_of(path)
        inputs: dict[str, Any] = dict(node.config)
        question: Park | None = None
        asked: Sequence[Waited] = ()
        calls_with_questions = 0
        try:
            if node_type.ask_first is not None and path in self.state.steps:
                asked, calls_with_questions = await self._asked_before(path)
            # What a person was asked about is what is called, whatever expressions would give by now.
            inputs, config = self._stored(path) if asked else await self._rendered(path)
            context = self._context(node_type, path, asked)
            if node_type.ask_first is not None:
                question = await node_type.ask_first(config, context)
            effect = await node_type.effect(config, context) if node_type.effect else "none"
        except PatchbayError as error:
            self.state.start_in_memory(path, self.host.now()).input = inputs
            self.state.fail(path, error, self.host.now())
            return None
        if question is not None:
            self.state.hold(path, question, self.host.now(), inputs=inputs)
            return None
        attempt = self.state.start_attempt(
            path, self.host.now(), effect=effect, key=context.idempotency_key, inputs=inputs
        )
        return Started(node_type, attempt, config, inputs, context, calls_with_questions)

    async def _rendered(self, path: str) -> tuple[dict[str, Any], BaseModel]:
        """What `_given` says; on a thread while that takes long, so that other runs of the host go on."""
        began = time.monotonic()
        try:
            return await asyncio.to_thread(self._given, path) if self._is_slow else self._given(path)
        except PatchbayError:
            raise
        except Exception as error:
            # It is the step's alone, whose error exit may take it.
            raise unforeseen(error, path) from error
        finally:
            self._is_slow = time.monotonic() - began > SLOW_S

    def _given(self, path: str) -> tuple[dict[str, Any], BaseModel]:
        """What the step is executed with, as its row keeps it and as its type reads it.

        raises   PatchbayError; what a container made up is taken as it is, for a model may have written it
        """
        node_type, planned = self.state.type_of(path), self.state.planned_at(path)
        if planned is not None:
            shown = storable(dict(planned.shown), what=f'What "{planned.title}" was given')
            return shown, typed_config(node_type, planned.config)
        config = self.state.node_at(path).config
        inputs = rendered_config(node_type, config, self.state.scope_of(path))
        return inputs, typed_config(node_type, inputs)

    def _stored(self, path: str) -> tuple[dict[str, Any], BaseModel]:
        """The same for a step that has begun, from its row."""
        node_type, planned = self.state.type_of(path), self.state.planned_at(path)
        inputs = dict(self.state.steps[path].input or {})
        return inputs, typed_config(node_type, planned.config if planned else inputs)

    async def _asked_before(self, path: str) -> tuple[Sequence[Waited], int]:
        """What people were asked for this step, told to this host or to one before it, and after how many calls."""
        stored, calls = await self.host.in_database(store.asked_before, self.state.run.id, path)
        # What was heard just now is not written yet.
        return tuple({**stored, **self._asked.get(path, {})}.values()), calls

    def _withdrawn(self, started: list[Started]) -> list[Started]:
        for call in started:
            self.state.withdraw(call.attempt, self.host.now())
        return []

    def _context(self, node_type: NodeType[Any], path: str, asked: Sequence[Waited] = ()) -> AttemptContext:
        node, step = self.state.node_at(path), self.state.steps.get(path)
        return AttemptContext(
            clients=self.host.clients,
            scope=self.state.scope_of(path),
            workspace_id=str(self.state.run.workspace_id),
            run_id=str(self.state.run.id),
            path=path,
            attempt=step.attempts + 1 if step else 1,
            idempotency_key=idempotency_key(self.state.run.origin_id, path),
            timeout_s=node.settings.timeout_s or node_type.timeout_s,
            started_at=self.host.now(),
            trigger=self.state.run.input,
            depth=self.state.run.depth,
            version=self.state.run.version,
            started_by=self.state.run.started_by,
            settings_revision=self.claim.settings,
            on_progress=lambda message, share: self._progress(path, message, share),
            asked=asked,
            on_question=lambda question: self._questions.ask(path, question, self.host.now()),
            clock=self.host.now,
            on_log=lambda line: self._log(path, line),
        )

    def _progress(self, path: str, message: str, share: float | None) -> None:
        data = {"message": message[:300], "share": share}
        self.state.emit("step.progress", self.host.now(), path, data=data)
        self._stir()

    def _log(self, path: str, line: LogLine) -> None:
        step = self.state.steps[path]
        self.state.emit("step.log", self.host.now(), path, attempt=step.attempts, data=asdict(line))
        self._stir()

    def _stir(self) -> None:
        """There is something to show, which nothing else would write before the call ends."""
        if not self._has_progress:
            self._has_progress = True
            self._bell.set()

    def _collect(self) -> None:
        """Take the outcomes of calls that have ended."""
        for task in [task for task in self._calls if task.done()]:
            call = self._calls.pop(task)
            self._questions.withdraw(call.attempt.path, self.host.now())
            self._used_up = self._outcomes.of_call(call, task) or self._used_up

    def _look_at_budgets(self) -> None:
        """The run may go on, so that steps which a budget of the workspace held back are tried again."""
        for wait in [wait for wait in self.state.waits.values() if wait.kind == BUDGET]:
            if self.state.goes_on(wait.path):
                self._due(wait, self.host.now())

    # --- news from outside -------------------------------------------------------------------------

    def _may_have_news(self) -> bool:
        """Whether the rows that were just loaded leave anything to ask for: a wish of somebody, or a wait."""
        run = self.state.run
        return (
            bool(self.state.waits)
            or run.cancel_requested_at is not None
            or run.pause_requested_at is not None
        )

    async def _look_for_news(self) -> None:
        """Cancel, signals and due times, as the rows say now."""
        self._is_woken = False
        waits = list(self.state.waits.values())
        news = await self.host.in_database(store.read_news, self.state.run.id, waits)
        self.claim.wakes = news.wakes
        self.state.run.cancel_reason = news.cancel_reason
        if news.cancel_requested:
            # What an operator said of a call was acknowledged, and stands in the record.
            self._hear_of([signal for signal in news.signals if signal[0].kind == SETTLE], news.at)
            self._cancel([])
            return
        self._pausing = news.pause_requested
        self._hear_of(news.signals, news.at)
        for wait in waits:
            is_due = wait.due_at is not None and wait.due_at <= news.at
            if is_due and self._is_open(wait) and await self._may_expire(wait):
                # By the clock that said so: what this host remembers of it is wrong where it has just jumped.
                self._due(wait, news.at)

    def _hear_of(self, signals: Sequence[tuple[Wait, Signal]], at: datetime) -> None:
        for wait, signal in signals:
            if self._is_open(wait):
                self._signalled(wait, signal.payload, at, signal.id)

    def _is_open(self, wait: Wait) -> bool:
        """False when what was heard before it has ended the run, or the loop that it stands in."""
        return self.state.waits.get(wait.path) is wait

    async def _may_expire(self, wait: Wait) -> bool:
        """False when a person answered at the last moment: the signal is then on its way."""
        if wait.kind != "handoff":
            return True
        people = self.host.clients.gateways.people
        return bool(await self.host.in_database(people.expire_handoff, wait.key))

    def _signalled(self, wait: Wait, payload: dict[str, Any], at: datetime, signal_id: Any) -> None:
        if wait.kind == SETTLE:
            self._settled(wait, payload, at, signal_id)
            return
        self.state.wake(wait.path, at, "signal", signal_id)
        if not self._questions.settle(wait.path, payload, at):
            self._resume(wait, payload, at)

    def _settled(self, wait: Wait, payload: dict[str, Any], at: datetime, signal_id: Any) -> None:
        """An operator said what became of a call."""
        self.state.wake(wait.path, at, "settled", signal_id)
        outcome = payload.get("outcome")
        self.state.emit("step.settled", at, wait.path, data={"outcome": outcome, "by": payload.get("by", "")})
        if outcome == "happened":
            self.state.leave(wait.path, Leave(dict(payload.get("output") or {})), at)
        elif outcome == "did_not":
            self.state.make_ready(wait.path)
        else:
            error = PatchbayError("An operator gave up on this step.", code="outcome_unknown")
            self.state.fail(wait.path, error, at)

    def _due(self, wait: Wait, at: datetime) -> None:
        if wait.kind == PAUSE:
            self.state.pause_is_over(wait, at)
            return
        self.state.wake(wait.path, at, "due")
        if wait.kind in AGAIN:
            self.state.make_ready(wait.path)
        elif not self._questions.settle(wait.path, None, at):
            self._resume(wait, None, at)

    def _resume(self, wait: Wait, payload: dict[str, Any] | None, at: datetime) -> None:
        node_type = self.state.type_of(wait.path)
        if node_type.resume is None:
            raise TypeError(f"{node_type.name} waits and cannot go on")
        waited = Waited(signal=payload, opened_at=wait.opened_at, ended_at=at, data=wait.data)
        context = self._context(node_type, wait.path)
        try:
            _, config = self._stored(wait.path)
            outcome = node_type.resume(config, waited, context)
            if isinstance(outcome, Proceed):
                self._asked.setdefault(wait.path, {})[wait.key] = waited
                self.state.make_ready(wait.path)
            else:
                self.state.leave(wait.path, outcome, at)
        except PatchbayError as error:
            self.state.fail(wait.path, error, at)

    def _cancel(self, started: list[Started]) -> None:
        """Nothing new starts; what is running is told at once."""
        if self._cancelled:
            return
        self._cancelled = True
        with faults.around("cancel"):
            self._withdrawn(started)
            self.state.cancel(self.host.now(), self.state.run.cancel_reason or "The run was cancelled.")
            for task in self._calls:
                task.cancel()

    # --- writing --------------------------------------------------------------------------------------

    def _taken(self) -> Delta:
        """What is to be written, and with it how long this host has been busy with the run."""
        self._note_time()
        return self.state.take_delta()

    async def _checkpoint_and_tell(self) -> None:
        if await self._checkpoint(intents=False):
            self.host.tell(self.state)

    async def _checkpoint(self, *, intents: bool) -> bool:
        """Whether there was anything to write; whoever watches is to be told of that."""
        if not self.state.delta:
            return False
        delta, was_suspect = self._taken(), self.claim.is_suspect
        # What is told from here on is in the next one.
        self._has_progress, self._shown_at = False, time.monotonic()
        try:
            await self.host.write(store.checkpoint(self.claim, self.state, delta, intents))
        except (store.CancelRequested, SettingsChanged) as refusal:
            self.state.give_back(delta)
            if isinstance(refusal, store.CancelRequested):
                self.state.run.cancel_reason = refusal.reason
            raise
        if was_suspect and not self.claim.is_suspect:
            self.host.claim_more()
        return True

    async def _release(self) -> bool:
        """Give the run back until something happens; false when something just did."""
        delta = self._taken()
        released = await self.host.write(store.release(self.claim, self.state, delta, self.host.now()))
        if not released:
            self.state.give_back(delta)
            await self._look_for_news()
            return False
        self.host.tell(self.state)
        return True

    async def _end(self) -> bool:
        self._note_time()
        delta = self.state.take_end(self.host.now())
        await self.host.write(store.end(self.claim, self.state, delta))
        self.host.tell(self.state)
        return True

    async def _wait_for_something(self) -> None:
        """The end of a call, news, a due time, or progress that is to be shown; with no call under way only what is there."""
        if self._calls:
            with suppress(TimeoutError):
                while not self._is_woken and not any(call.done() for call in self._calls):
                    self._bell.clear()
                    async with asyncio.timeout(self._patience()):
                        await self._bell.wait()
            self._collect()
            self._questions.drop_closed()
        if self._is_woken or self._until_due() == 0:
            await self._look_for_news()

    def _patience(self) -> float | None:
        """Until the next due time, or until progress should be shown."""
        due, waits = self._until_due(), []
        if due is not None:
            waits.append(min(due or PROGRESS_EVERY_S, PROGRESS_EVERY_S))
        if self._has_progress:
            waits.append(max(self._shown_at + PROGRESS_EVERY_S - time.monotonic(), 0.0))
        return min(waits, default=None)

    def _until_due(self) -> float | None:
        due = self.state.next_due()
        return None if due is None else max((due - self.host.now()) / timedelta(seconds=1), 0.0)
