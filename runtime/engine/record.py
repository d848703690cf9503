"""The rows of a run in the memory of its host, and what of them is to be written next.

No database and no clock: every change of a row is noted with the event that tells of it, so that the next checkpoint can write
both in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from runtime.engine.delta import Delta, NewEvent, ended_data
from runtime.engine.values import storable
from runtime.engine.wait_kinds import SETTLE, wait_key
from runtime.errors import PatchbayError
from runtime.graph.schema import Node
from runtime.models import Attempt, Run, Step, StepStatus, Wait


class Record:
    """Steps, open attempts and open waits of a run, by path.

    in_flight     the paths of steps whose call is under way
    has_waited    whether anything in the run may have waited, so that somebody else may have to hear of its end
    """

    def __init__(
        self, run: Run, steps: Sequence[Step], attempts: Sequence[Attempt], waits: Sequence[Wait]
    ) -> None:
        self.run = run
        self.steps: dict[str, Step] = {step.path: step for step in steps}
        self.waits: dict[str, Wait] = {wait.path: wait for wait in waits}
        self.open_attempts: dict[str, Attempt] = {row.path: row for row in attempts if row.ended_at is None}
        self.in_flight: set[str] = set()
        self.has_waited = bool(steps)
        self.delta = Delta()
        self._seq = run.event_seq

    # --- reading ------------------------------------------------------------------

    @property
    def unknown(self) -> list[str]:
        return [path for path, wait in self.waits.items() if wait.kind == SETTLE]

    @property
    def has_begun(self) -> bool:
        return self.run.started_at is not None

    @property
    def has_replied(self) -> bool:
        return self.run.replied_at is not None

    def next_due(self) -> datetime | None:
        times = [wait.due_at for wait in self.waits.values() if wait.due_at is not None]
        return min(times, default=None)

    # --- what is to be written --------------------------------------------------------

    def take_delta(self) -> Delta:
        """Everything to write; from here on it is noted anew."""
        delta, self.delta = self.delta, Delta()
        self.run.event_seq = self._seq
        self.run.steps_done += delta.settled
        return delta

    def give_back(self, delta: Delta) -> None:
        """A write was refused: what it held is to be written again, before what came since."""
        self.run.steps_done -= delta.settled
        delta.add(self.delta)
        self.delta = delta

    # --- events -----------------------------------------------------------------------

    def emit(
        self,
        kind: str,
        at: datetime,
        path: str = "",
        *,
        attempt: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self._note(kind, at, path, attempt, storable(dict(data or {}), what="What happened"))

    def _note(self, kind: str, at: datetime, path: str, attempt: int | None, data: dict[str, Any]) -> None:
        """An event whose data is the engine's own, so that it needs no cleaning."""
        self._seq += 1
        self.delta.events.append(NewEvent(self.run.id, self._seq, at, kind, path, attempt, data))

    def _emit_end(self, step: Step, at: datetime) -> None:
        data = ended_data(step)
        if step.started_at is not None:
            data["duration_ms"] = round((at - step.started_at).total_seconds() * 1000)
        if step.error is not None:
            data["error"] = step.error
        self._note("step.ended", at, step.path, step.attempts or None, data)

    # --- steps ------------------------------------------------------------------------

    def _touch(self, step: Step) -> None:
        self.delta.steps[step.path] = step

    def _open_step(self, path: str, node: Node, at: datetime) -> Step:
        step = self.steps.get(path)
        if step is None:
            step = self._new_step(path, node, started_at=at)
        step.status = StepStatus.RUNNING
        self._note("step.started", at, path, step.attempts + 1, {"node": step.node, "type": step.type})
        self._touch(step)
        return step

    def _skip_step(self, path: str, node: Node, at: datetime) -> None:
        step = self._new_step(path, node, status=StepStatus.SKIPPED, ended_at=at)
        self._touch(step)
        self._emit_end(step, at)

    def _new_step(self, path: str, node: Node, **values: Any) -> Step:
        position = len(self.steps)
        step = Step(run_id=self.run.id, path=path, node=node.id, type=node.type, position=position, **values)
        self.steps[path] = step
        return step

    # --- attempts ---------------------------------------------------------------------

    def _open_attempt(self, step: Step, at: datetime, *, effect: str, key: str) -> Attempt:
        attempt = Attempt(
            run_id=self.run.id,
            path=step.path,
            number=step.attempts,
            effect=effect,
            idempotency_key=key,
            fence=self.run.fence,
            started_at=at,
        )
        self.in_flight.add(step.path)
        self.open_attempts[step.path] = attempt
        self.delta.attempts[step.path, attempt.number] = attempt
        return attempt

    def _close_attempt(self, path: str, at: datetime, error: PatchbayError | None) -> None:
        self.in_flight.discard(path)
        attempt = self.open_attempts.pop(path, None)
        if attempt is not None:
            attempt.ended_at = at
            attempt.error = told(error) if error else None
            self.delta.attempts[path, attempt.number] = attempt

    def _unmake_attempt(self, attempt: Attempt) -> Step:
        """One that was never committed."""
        self.in_flight.discard(attempt.path)
        self.open_attempts.pop(attempt.path, None)
        self.delta.attempts.pop((attempt.path, attempt.number), None)
        step = self.steps[attempt.path]
        step.attempts -= 1
        return step

    # --- waits ------------------------------------------------------------------------

    def _open_wait(
        self,
        path: str,
        kind: str,
        due_at: datetime | None,
        at: datetime,
        data: dict[str, Any],
        *,
        is_told: bool = True,
        number: int | None = None,
        part: int = 0,
    ) -> None:
        number = self.steps[path].attempts if number is None else number
        wait = Wait(
            run_id=self.run.id,
            path=path,
            kind=kind,
            key=wait_key(kind, self.run.id, path, f"{number}.{part}" if part else number),
            due_at=due_at,
            data=data,
            opened_at=at,
        )
        self.waits[path] = wait
        self.has_waited = True
        self.delta.opened.append(wait)
        if is_told:
            due = due_at.isoformat() if due_at else None
            self.emit("step.waiting", at, path, data={"kind": kind, "due_at": due})


def told(error: PatchbayError) -> dict[str, Any]:
    """The error as rows keep it: servers and models have their words in it, so it may hold anything."""
    kept: dict[str, Any] = storable(error.as_dict(), what="The error")
    return kept
