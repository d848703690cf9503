"""What becomes of steps: of how their calls ended, and of calls that nobody knows the end of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runtime.engine.attempt import AttemptContext
from runtime.engine.backoff import attempts_allowed, delay_before
from runtime.engine.state import RunState
from runtime.engine.wait_kinds import BUDGET, TURN
from runtime.errors import BudgetExceeded, NodeFailure, OutcomeUnknown, PatchbayError
from runtime.models import Attempt, Spend
from runtime.nodes.base import End, Enter, Leave, NodeType, Outcome, Park


@dataclass(frozen=True)
class Started:
    """A call that may be made as soon as its intent is committed."""

    node_type: NodeType[Any]
    attempt: Attempt
    config: Any
    inputs: dict[str, Any]
    context: AttemptContext
    calls_with_questions: int


class Outcomes:
    """Of one drive. The run's state is changed, in memory; writing it is the drive's.

    now   the database's time, as the host last heard it
    """

    def __init__(self, state: RunState, now: Callable[[], datetime]) -> None:
        self._state = state
        self._now = now

    def of_call(self, call: Started, task: asyncio.Task[Outcome]) -> str:
        """A call has ended; the budget of the workspace that held it back, or ""."""
        self._note_usage(call)
        path = call.attempt.path
        if task.cancelled():
            self._state.interrupt(path, self._now())
            return ""
        try:
            outcome = task.result()
        except PatchbayError as error:
            return self._failed(call, error)
        try:
            self.apply(path, outcome, call.inputs)
        except PatchbayError as error:
            if call.attempt.effect == "once":
                # It was answered, but a step that has failed is called again by a retry of the run, and nobody would ask.
                self._lost(path, error)
            else:
                self._state.fail(path, error, self._now())
        return ""

    def apply(self, path: str, outcome: Outcome, inputs: dict[str, Any]) -> None:
        """A step has come to an outcome; raises PatchbayError where its row cannot take it."""
        at = self._now()
        match outcome:
            case Leave():
                self._state.leave(path, outcome, at)
            case Park():
                self._state.park(path, outcome, at, inputs=inputs)
            case End():
                self._state.finish(path, outcome, at)
            case Enter():
                self._state.enter(path, at, inputs=inputs)

    def _failed(self, call: Started, error: PatchbayError) -> str:
        """Another attempt, a person's word, or the end of the step; as of_call."""
        path, at = call.attempt.path, self._now()
        goes_on = self._state.goes_on(path)
        if left_unknown(error, call.attempt.effect):
            self._lost(path, error)
        elif isinstance(error, BudgetExceeded) and goes_on:
            self._state.hold_off(path, BUDGET, error, None, at)
            return f"workspace_{error.details['budget']}"
        elif error.details.get("held_back") and goes_on:
            self._state.hold_off(path, TURN, error, at + delay_before(1, None, error), at)
        else:
            # A call that ended with a question did not fail.
            self._again_or_fail(path, error, call.attempt.effect, more=call.calls_with_questions)
        return ""

    def of_failure_in_memory(self, path: str, error: PatchbayError) -> None:
        """A step without a call of its own has failed."""
        self._again_or_fail(path, error, "none")

    def _again_or_fail(self, path: str, error: PatchbayError, effect: str, *, more: int = 0) -> None:
        """Another attempt, if the error, the step's settings and what is around it admit one."""
        at, number, wanted = (
            self._now(),
            self._state.steps[path].attempts,
            self._state.node_at(path).settings.retry,
        )
        is_allowed = number < attempts_allowed(wanted, effect) + more and self._state.goes_on(path)
        if error.retryable and is_allowed:
            self._state.retry(path, error, at + delay_before(number + 1, wanted, error), at)
        else:
            self._state.fail(path, error, at)

    def _lost(self, path: str, cause: PatchbayError | None) -> None:
        error = outcome_lost(self._state.title(path), cause)
        if self._state.node_at(path).settings.on_unknown == "fail":
            self._state.fail(path, error, self._now())
        else:
            self._state.lose_outcome(path, error, self._now())

    def _note_usage(self, call: Started) -> None:
        at, workspace_id = call.context.started_at, self._state.run.workspace_id
        self._state.delta.spent += [
            Spend(workspace_id=workspace_id, connection=connection, at=at, **spent)
            for connection, spent in call.context.spent.items()
        ]
        usage = call.context.usage
        if not usage:
            return
        call.attempt.usage = usage
        step, run = self._state.steps[call.attempt.path], self._state.run
        total = dict(step.usage or {})
        for name in ("input_tokens", "output_tokens", "cost_usd"):
            if name in usage:
                total[name] = total.get(name, 0) + usage[name]
        step.usage = total | {"model": usage.get("model", "")}
        run.tokens += usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
        run.cost_usd += usage.get("cost_usd", 0)

    def recover(self) -> None:
        """Calls whose outcome died with another host: repeat what may be repeated, ask about the rest."""
        for path, attempt in list(self._state.open_attempts.items()):
            if path in self._state.waits:
                # A person was asked over a connection that is gone.
                self._state.wake(path, self._now(), "closed")
            if attempt.effect == "once":
                self._lost(path, None)
                continue
            error = NodeFailure(
                "The worker stopped in the middle of this attempt.", code="worker_lost", retryable=True
            )
            if not self._state.goes_on(path):
                self._state.fail(path, error, self._now())
                continue
            self._state.retry(path, error, self._now(), self._now())


def left_unknown(error: PatchbayError, effect: str) -> bool:
    """Whether a failed call that must not be repeated may have taken effect."""
    if effect != "once":
        return False
    return bool(error.details.get("sent")) and not error.details.get("answered")


def outcome_lost(node_title: str, cause: PatchbayError | None) -> OutcomeUnknown:
    """The error of a step whose call was sent and never answered, or whose answer cannot be kept."""
    why = cause.message if cause else "The worker that made the call stopped before the answer came."
    return OutcomeUnknown(
        f'It is not known whether "{node_title}" took effect. {why} Look it up, then say what happened.',
        details={"cause": cause.as_dict()} if cause else {},
    )
