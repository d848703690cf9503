"""A run in the memory of its host: what has settled, what waits, what may start next.

No database and no clock. Loading a run and going on from its rows gives the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from runtime.engine.delta import Child, Delta
from runtime.engine.levels import Level, OpenLoop, handled_failures, names_before_steps
from runtime.engine.record import Record, told
from runtime.engine.values import measured, storable
from runtime.engine.wait_kinds import PAUSE, RETRY, SETTLE
from runtime.errors import PatchbayError
from runtime.graph.paths import containers_around, node_of, prefix_of
from runtime.graph.scheduling import Change, Frontier, handles_error
from runtime.graph.schema import Graph, Node
from runtime.models import Attempt, Run, RunStatus, Step, StepStatus, Wait
from runtime.nodes.base import End, Expand, Leave, Loop, NodeType, Park, Pause, Planned


@dataclass(frozen=True)
class Ending:
    """How the run will end once nothing is in flight; the first one decided stands."""

    status: RunStatus
    error: dict[str, Any] | None = None


class RunState(Record):
    """One run, from its rows to its end.

    answer_told   whether who waits for its answer has been told of it
    """

    def __init__(
        self,
        run: Run,
        graph: Graph,
        types: Mapping[str, NodeType[Any]],
        steps: Sequence[Step] = (),
        attempts: Sequence[Attempt] = (),
        waits: Sequence[Wait] = (),
    ) -> None:
        super().__init__(run, steps, attempts, waits)
        self.graph = graph
        self.types = types
        self.nodes: dict[str, Node] = {node.id: node for node in graph.nodes}
        self.ready: list[str] = []
        self.ending: Ending | None = None
        self.answer_told = False
        self._order = {node.id: position for position, node in enumerate(graph.nodes)}
        self._bodies: dict[str, tuple[Frontier, frozenset[str], frozenset[str]]] = {}
        self._loops: dict[str, OpenLoop] = {}
        self._outside = Level("", Frontier(graph), names_before_steps(run))
        self._levels: dict[str, Level] = {"": self._outside}
        self._take_over()

    # --- reading ------------------------------------------------------------------

    def scope_of(self, path: str) -> Mapping[str, Any]:
        """The names that the step's expressions may use."""
        return self._levels[prefix_of(path)].scope

    def goes_on(self, path: str) -> bool:
        """Whether anything new may start where the step stands."""
        return self.ending is None and not self._levels[prefix_of(path)].closed

    def node_at(self, path: str) -> Node:
        # Outside of containers a path is the node's id, and nothing is made up.
        if (drawn := self.nodes.get(path)) is not None:
            return drawn
        level = self._levels.get(prefix_of(path))
        made_up = level.node(node_of(path)) if level else None
        return made_up or self.nodes[node_of(path)]

    def planned_at(self, path: str) -> Planned | None:
        """The step as a container made it up; None for one that was drawn."""
        return self._levels[prefix_of(path)].planned.get(node_of(path))

    def type_of(self, path: str) -> NodeType[Any]:
        return self.types[self.node_at(path).type]

    @property
    def steps_begun(self) -> int:
        """How many steps were executed, are in flight or wait; skipped ones do not count, containers when they have ended."""
        waiting = len(self.waits) - sum(path in self.waits for path in self._loops)
        others = sum(path not in self.waits for path in self.in_flight)
        return self.run.steps_done + self.delta.settled + waiting + others

    @property
    def is_over(self) -> bool:
        """Nothing is ready, in flight or waiting, or the run was ended and nothing is in flight."""
        if self.in_flight:
            return False
        return self.ending is not None or (self.has_begun and not (self.ready or self.waits))

    def status(self) -> RunStatus:
        """What people see while the run goes on: attention before running before waiting."""
        if self.unknown:
            return RunStatus.NEEDS_ATTENTION
        return RunStatus.RUNNING if self.ready or self.in_flight else RunStatus.WAITING

    # --- beginning and going on -----------------------------------------------------

    def begin(self, at: datetime) -> None:
        """Fire the trigger, unless that was done before."""
        if not self.has_begun:
            self.run.started_at = at
            self._outside.scope["run"]["started_at"] = at.isoformat()
            self.emit("run.started", at)
        if self.run.trigger in self.steps:
            self._resume_loops(at)
            return
        node = self.nodes[self.run.trigger]
        step = self._open_step(node.id, node, at)
        step.status, step.output, step.ports = StepStatus.SUCCEEDED, self.run.input, ["out"]
        step.attempts, step.ended_at = 1, at
        self._emit_end(step, at)
        self._follow(self._outside, self._outside.frontier.fire(node.id, {"out"}), at)
        self.delta.settled += 1

    def start_in_memory(self, path: str, at: datetime) -> Step:
        """A step without outside effect begins; nothing is committed yet."""
        self.ready.remove(path)
        step = self._open_step(path, self.node_at(path), at)
        step.attempts += 1
        return step

    def start_attempt(self, path: str, at: datetime, *, effect: str, key: str, inputs: Any) -> Attempt:
        """The intent to call out; it must be committed before the call is made."""
        if path in self.ready:
            self.ready.remove(path)
        step = self._open_step(path, self.node_at(path), at)
        step.attempts += 1
        step.input = inputs
        step.error = None
        return self._open_attempt(step, at, effect=effect, key=key)

    # --- outcomes ---------------------------------------------------------------------

    def leave(self, path: str, leave: Leave, at: datetime) -> None:
        """The step succeeded."""
        step = self.steps[path]
        output, size = measured(dict(leave.output), what=f'The output of "{self.title(path)}"')
        self.run.state_bytes += size
        self._close_attempt(path, at, None)
        if leave.replies:
            output["sent"] = self._reply(leave.reply, path, at)
        step.status, step.output, step.ports, step.error = (
            StepStatus.SUCCEEDED,
            output,
            list(leave.ports),
            None,
        )
        step.ended_at = at
        if self._loops.pop(path, None) is not None:
            self.run.handled_errors += handled_failures(step, self.type_of(path))
        if leave.starts is not None:
            self.delta.children.append(Child(path, "", leave.starts))
        self._tell(self._levels[prefix_of(path)], step)
        self._settle(step, at)

    def enter(self, path: str, at: datetime, *, inputs: dict[str, Any]) -> None:
        """The step is a container: its body begins."""
        step = self.steps[path]
        step.input = inputs
        self._touch(step)
        self._judge(self._open_loop(path, inputs), at)

    def pause_is_over(self, wait: Wait, at: datetime) -> None:
        """The next round of a loop may begin."""
        self.wake(wait.path, at, "due")
        step = self.steps[wait.path]
        step.status = StepStatus.RUNNING
        self._touch(step)
        self._judge(self._loops[wait.path], at, waited=True)

    def park(self, path: str, park: Park, at: datetime, *, inputs: Any) -> None:
        """The step waits for a time or a person; not where nothing new may start any more."""
        step = self.steps[path]
        self._close_attempt(path, at, None)
        if not self.goes_on(path):
            self._drop(step, at, StepStatus.CANCELLED)
            self._after(self._levels[prefix_of(path)], at)
            return
        step.status, step.input = StepStatus.WAITING, inputs
        self._open_wait(path, park.kind, park.due_at, at, dict(park.data), part=park.part)
        if park.starts is not None:
            self.delta.children.append(Child(path, self.waits[path].key, park.starts))
        self._touch(step)

    def ask(self, path: str, question: Park, at: datetime) -> Wait:
        """A person is asked while the step's call goes on."""
        step = self.steps[path]
        step.status = StepStatus.WAITING
        data = dict(question.data)
        self._open_wait(path, question.kind, question.due_at, at, data, part=question.part)
        self._touch(step)
        return self.waits[path]

    def go_on(self, path: str, at: datetime) -> None:
        """The call that a person was asked for goes on with the answer."""
        step = self.steps[path]
        step.status = StepStatus.RUNNING
        data = {"node": step.node, "type": step.type}
        self.emit("step.started", at, path, attempt=step.attempts, data=data)
        self._touch(step)

    def hold(self, path: str, park: Park, at: datetime, *, inputs: Any) -> None:
        """A person must agree before the step's call is made; no attempt is counted."""
        self.ready.remove(path)
        self._open_step(path, self.node_at(path), at)
        self.park(path, park, at, inputs=inputs)

    def fail(self, path: str, error: PatchbayError, at: datetime) -> None:
        """The step failed for good: its error port takes it, or the iteration that it stands in ends, or the run."""
        step, level = self.steps[path], self._levels[prefix_of(path)]
        self._close_attempt(path, at, error)
        self._loops.pop(path, None)
        step.status, step.error, step.ended_at = StepStatus.FAILED, told(error), at
        if level.planned or handles_error(self.graph, step.node):
            step.ports = ["error"]
            self.run.handled_errors += not level.planned
            self._tell(level, step)
            self._settle(step, at)
            return
        self._emit_end(step, at)
        self.delta.settled += 1
        self._touch(step)
        if level.loop is None:
            self._end(_ending_by(step), at)
            return
        level.active.discard(path)
        level.error = level.error or _failure_inside(step)
        self._close_level(level, at)
        self._after(level, at)

    def retry(self, path: str, error: PatchbayError, due_at: datetime, at: datetime) -> None:
        """The attempt failed and another one follows; the row of the wait is what keeps it alive."""
        step = self.steps[path]
        self._close_attempt(path, at, error)
        step.status, step.error = StepStatus.WAITING, told(error)
        self._open_wait(path, RETRY, due_at, at, {"attempt": step.attempts + 1}, is_told=False)
        self.emit(
            "step.retrying",
            at,
            path,
            attempt=step.attempts,
            data={"error": told(error), "next_at": due_at.isoformat()},
        )
        self._touch(step)

    def hold_off(
        self, path: str, kind: str, error: PatchbayError, due_at: datetime | None, at: datetime
    ) -> None:
        """The call was not let through, so that its attempt does not count; the step is tried again when it is due."""
        step = self.steps[path]
        self._close_attempt(path, at, error)
        step.attempts -= 1
        step.status, step.error = StepStatus.WAITING, told(error)
        # By the event's number, because the attempt's comes again.
        self._open_wait(path, kind, due_at, at, {"code": error.code}, number=self._seq)
        self._touch(step)

    def lose_outcome(self, path: str, error: PatchbayError, at: datetime) -> None:
        """A call that must not be repeated was sent and never answered: a person decides."""
        step = self.steps[path]
        self._close_attempt(path, at, error)
        step.status, step.error = StepStatus.UNKNOWN, told(error)
        if not self.goes_on(path):
            self._drop(step, at)
            self._after(self._levels[prefix_of(path)], at)
            return
        self._open_wait(path, SETTLE, None, at, {})
        self.run.attention = "outcome_unknown"
        self.emit("run.needs_attention", at, path, data={"code": "outcome_unknown"})
        self._touch(step)

    def finish(self, path: str, end: End, at: datetime) -> None:
        """A `stop` step was reached."""
        step = self.steps[path]
        step.status, step.ports, step.ended_at = StepStatus.SUCCEEDED, [], at
        step.output = {"outcome": "success" if end.succeeded else "failure", "message": end.message}
        self._emit_end(step, at)
        self._touch(step)
        self.delta.settled += 1
        self._end(_ending_by(step), at)

    def cancel(self, at: datetime, reason: str) -> None:
        """Someone cancelled the run: nothing new starts, waits are closed."""
        error = {"code": "cancelled", "message": reason, "retryable": False, "details": {}}
        self._end(Ending(RunStatus.CANCELLED, {**error, "node": None, "path": None}), at)

    def interrupt(self, path: str, at: datetime) -> None:
        """A call was broken off by a cancel: what must not be repeated stays unknown, for the record."""
        step = self.steps[path]
        attempt = self.open_attempts.get(path)
        error = PatchbayError("The run was cancelled while this step ran.", code="cancelled")
        lost = attempt is not None and attempt.effect == "once"
        self._close_attempt(path, at, error)
        step.status = StepStatus.UNKNOWN if lost else StepStatus.CANCELLED
        step.error, step.ended_at = told(error), at
        self._emit_end(step, at)
        self._touch(step)

    def wake(self, path: str, at: datetime, outcome: str, signal_id: UUID | None = None) -> Wait:
        """The wait of a step is over; the caller says what follows from it."""
        wait = self.waits.pop(path)
        wait.closed_at, wait.outcome = at, outcome
        self.delta.closed[wait.id] = wait
        if not self.unknown and self.run.attention == "outcome_unknown":
            self.run.attention = ""
        if signal_id is not None:
            self.delta.consumed[signal_id] = wait.id
        return wait

    def make_ready(self, path: str) -> None:
        """Another attempt may start; the row says so too, because the host may stop before it does."""
        self.steps[path].status = StepStatus.WAITING
        self._touch(self.steps[path])
        if self.goes_on(path):
            self._add_ready([path])

    def title(self, path: str) -> str:
        """What people call the step."""
        return self.node_at(path).title or self.type_of(path).title

    def take_end(self, at: datetime) -> Delta:
        """The last thing to write: how the run ended."""
        ending = self.ending or self._ending_by_itself()
        run = self.run
        for path in list(self._loops):
            self._drop(self.steps[path], at, StepStatus.CANCELLED)
        run.status, run.error, run.ended_at, run.attention = ending.status, ending.error, at, ""
        self.emit("run.ended", at, data={"status": str(run.status), "error": run.error})
        return self.take_delta()

    def withdraw(self, attempt: Attempt, at: datetime) -> None:
        """An intent that was never committed, because the run was cancelled in time."""
        step = self._unmake_attempt(attempt)
        step.status, step.ended_at = StepStatus.CANCELLED, at
        self._emit_end(step, at)
        self._touch(step)

    def take_back(self, attempt: Attempt) -> None:
        """An intent that was not committed, because what its call goes by has changed: the step begins anew."""
        self._unmake_attempt(attempt)
        self._add_ready([attempt.path])

    # --- inside ---------------------------------------------------------------------------

    def _take_over(self) -> None:
        """Rebuild the ready set from the rows of a run that another host began, or the end that was decided."""
        if self.run.trigger not in self.steps:
            return
        rows: dict[str, list[Step]] = {}
        for step in sorted(self.steps.values(), key=lambda row: row.position):
            rows.setdefault(prefix_of(step.path), []).append(step)
        self._rebuild(self._outside, self._outside.frontier.fire(self.run.trigger, {"out"}), rows)
        ends = [step for step in self.steps.values() if _decides_end(step)]
        if ends:
            self.ending = _ending_by(min(ends, key=lambda step: (step.ended_at, step.position)))
            self.ready.clear()

    def _rebuild(self, level: Level, first: Change, rows: Mapping[str, Sequence[Step]]) -> None:
        """A level as its rows say: what is settled, what has begun, and what is ready because of it."""
        ready, begun = list(first.ready), rows.get(level.prefix, ())
        if level.loop is not None:
            level.closed = level.loop.level.closed or any(_ended_without_exit(step) for step in begun)
        for step in begun:
            if step.node == self.run.trigger:
                continue
            if step.status in (StepStatus.SUCCEEDED, StepStatus.FAILED):
                ready += self._take_settled(level, step)
            elif self._is_active(step):
                level.active.add(step.path)
                if self.type_of(step.path).loop is not None and step.input is not None:
                    self._reopen(step, rows)
        if level.closed:
            return
        known = {step.node for step in begun}
        self._add_ready(level.prefix + node_id for node_id in ready if node_id not in known)
        # A wait that was over when the host stopped, and whose next attempt had not begun.
        self._add_ready(
            step.path
            for step in begun
            if step.status == StepStatus.WAITING and step.path not in {*self.waits, *self._loops}
        )

    def _take_settled(self, level: Level, step: Step) -> list[str]:
        """What is ready because of a settled step, by the ids of the nodes."""
        if not step.ports:
            level.error = level.error or _failure_inside(step)
            return []
        self._tell(level, step)
        return level.frontier.settle(step.node, set(step.ports)).ready

    def _tell(self, level: Level, step: Step) -> None:
        """What expressions read of a settled step; one that is switched off was passed by, and gave nothing."""
        if step.status == StepStatus.FAILED:
            level.scope["errors"][step.node] = step.error
        elif not self.node_at(step.path).settings.disabled:
            level.scope["steps"][step.node] = step.output

    def _is_active(self, step: Step) -> bool:
        if step.status == StepStatus.UNKNOWN:
            return step.path in self.waits
        return step.status in (StepStatus.RUNNING, StepStatus.WAITING)

    def _reopen(self, step: Step, rows: Mapping[str, Sequence[Step]]) -> None:
        """A container that has begun, with the iterations that its rows tell of."""
        loop = self._open_loop(step.path, step.input or {})
        start = step.path + "["
        indices = sorted(
            int(prefix[len(start) : -2])
            for prefix in rows
            if prefix.startswith(start) and "/" not in prefix[len(start) : -1]
        )
        for index in indices:
            level = loop.begin(index, self._planned_again(loop))
            self._levels[level.prefix] = level
            self._rebuild(level, level.frontier.enter(), rows)
            if not level.active:
                del self._levels[level.prefix]
                loop.end(level, self.steps)

    def _planned_again(self, loop: OpenLoop) -> Sequence[Planned]:
        """What a container that makes its steps up had decided after the iterations that ended."""
        if not _loop_of(loop).expands:
            return ()
        decided = _loop_of(loop).next(loop.typed, loop.progress(waited=True))
        return decided.steps if isinstance(decided, Expand) else ()

    def _resume_loops(self, at: datetime) -> None:
        """Containers whose next iteration was due when the rows were written."""
        for path, loop in list(self._loops.items()):
            if self.ending is None and path in self._loops and path not in self.waits:
                self._judge(loop, at, waited=True)

    # --- containers -------------------------------------------------------------------------

    def _open_loop(self, path: str, config: Mapping[str, Any]) -> OpenLoop:
        node, level = self.node_at(path), self._levels[prefix_of(path)]
        if node.id not in self._bodies:
            self._bodies[node.id] = (
                Frontier(self.graph, node.id),
                level.frontier.not_before(node.id),
                level.frontier.perhaps_before(node.id),
            )
        body, hidden, doubtful = self._bodies[node.id]
        seen = self._settled_before(self.steps[path], level, hidden, doubtful)
        loop = OpenLoop(path, self.types[node.type], config, level, body, seen)
        self._loops[path] = loop
        return loop

    def _settled_before(
        self, container: Step, level: Level, hidden: frozenset[str], doubtful: frozenset[str]
    ) -> Mapping[str, Any]:
        """What a body may read: the same for every iteration, and for a host that goes on from the rows.

        hidden     the nodes beside the container from which no way leads to it: they may settle at any time
        doubtful   those from which one does, and which need not have settled when it began
        """

        def is_seen(node_id: str) -> bool:
            if node_id not in doubtful:
                return node_id not in hidden
            ended, began = self.steps[level.prefix + node_id].ended_at, container.started_at
            return ended is None or began is None or ended <= began

        settled = {
            name: {node_id: told for node_id, told in level.scope[name].items() if is_seen(node_id)}
            for name in ("steps", "errors")
        }
        return {**level.scope, **settled}

    def _judge(self, loop: OpenLoop, at: datetime, *, waited: bool = False) -> None:
        """What follows in a container: further iterations, a pause, or its end."""
        if loop.level.closed:
            self._give_up(loop, at)
            return
        try:
            following = _loop_of(loop).next(loop.typed, loop.progress(waited=waited))
            if isinstance(following, Leave):
                self.leave(loop.path, following, at)
            elif isinstance(following, Pause):
                self._pause(loop, following, at)
            elif isinstance(following, Expand):
                self._begin_iteration(loop, at, following.steps)
            else:
                for _ in range(following.count):
                    self._begin_iteration(loop, at)
        except PatchbayError as error:
            for level in list(loop.open.values()):
                self._close_level(level, at)
                self._forget_if_over(level)
            if not loop.open:
                self.fail(loop.path, error, at)

    def _begin_iteration(self, loop: OpenLoop, at: datetime, planned: Sequence[Planned] = ()) -> None:
        level = loop.begin(loop.next_index(), planned)
        self._levels[level.prefix] = level
        self._follow(level, level.frontier.enter(), at)

    def _pause(self, loop: OpenLoop, pause: Pause, at: datetime) -> None:
        step = self.steps[loop.path]
        step.status = StepStatus.WAITING
        number = len(loop.ended)
        self._open_wait(loop.path, PAUSE, at + timedelta(seconds=pause.seconds), at, {}, number=number)
        self._touch(step)

    def _after(self, level: Level, at: datetime) -> None:
        """Something in a level has ended: if it was the last of an iteration, its container is asked."""
        if level.loop is None or level.active or self.ending is not None:
            return
        loop = level.loop
        self._forget_if_over(level)
        self._judge(loop, at)

    def _forget_if_over(self, level: Level) -> None:
        if level.loop is not None and not level.active:
            del self._levels[level.prefix]
            level.loop.end(level, self.steps)

    def _close_level(self, level: Level, at: datetime) -> None:
        """Nothing new starts in an iteration; what is running may finish."""
        level.closed = True
        for path in sorted(level.active):
            step = self.steps.get(path)
            if path in self.ready:
                self.ready.remove(path)
                level.active.discard(path)
                if step is not None:
                    self._drop(step, at, StepStatus.CANCELLED)
            elif path in self._loops:
                self._close_loop(self._loops[path], at)
            elif path in self.waits and step is not None:
                wait = self.wake(path, at, "closed")
                if path in self.in_flight:
                    # Its call goes on, and comes to an end without the answer.
                    continue
                self._drop(step, at, None if wait.kind == SETTLE else StepStatus.CANCELLED)

    def _close_loop(self, loop: OpenLoop, at: datetime) -> None:
        if loop.path in self.waits:
            self.wake(loop.path, at, "closed")
        for level in list(loop.open.values()):
            self._close_level(level, at)
            self._forget_if_over(level)
        if not loop.open:
            self._drop(self.steps[loop.path], at, StepStatus.CANCELLED)

    def _give_up(self, loop: OpenLoop, at: datetime) -> None:
        """The last iteration of a container in a closed level is over."""
        if not loop.open:
            self._drop(self.steps[loop.path], at, StepStatus.CANCELLED)
            self._after(loop.level, at)

    def _drop(self, step: Step, at: datetime, status: StepStatus | None = None) -> None:
        """A step ends without an outcome, because what is around it has ended."""
        self._loops.pop(step.path, None)
        level = self._levels.get(prefix_of(step.path))
        if level is not None:
            level.active.discard(step.path)
        step.status, step.ended_at = status or step.status, at
        self._touch(step)
        self._emit_end(step, at)

    def _add_ready(self, paths: Iterable[str]) -> None:
        """In graph order, so that a replay and another host schedule alike."""
        added = [path for path in dict.fromkeys(paths) if path not in self.ready]
        for path in added:
            self._levels[prefix_of(path)].active.add(path)
        self.ready = sorted([*self.ready, *added], key=self._place)

    def _place(self, path: str) -> tuple[tuple[int, int], ...]:
        around = [(self._order[node_of(container)], index) for container, index in containers_around(path)]
        return (*reversed(around), (self._order.get(node_of(path), 0), -1))

    def _ending_by_itself(self) -> Ending:
        """Nothing is left to do: success, unless a node was never reached nor skipped."""
        left = [*self._outside.frontier.unsettled(), *self._loops]
        if not left:
            return Ending(RunStatus.SUCCEEDED)
        message = "The run cannot go on although it has not come to an end. Please report this."
        error = {"code": "stalled", "message": message, "retryable": False, "details": {"nodes": left}}
        return Ending(RunStatus.FAILED, {**error, "node": None, "path": None})

    def _settle(self, step: Step, at: datetime) -> None:
        level = self._levels[prefix_of(step.path)]
        level.active.discard(step.path)
        self._emit_end(step, at)
        self._touch(step)
        self.delta.settled += 1
        self._follow(level, level.frontier.settle(step.node, set(step.ports)), at)
        self._after(level, at)

    def _follow(self, level: Level, change: Change, at: datetime) -> None:
        if self.ending is not None or level.closed:
            return
        for node_id in change.skipped:
            self._skip_step(level.prefix + node_id, self.nodes[node_id], at)
        self._add_ready(level.prefix + node_id for node_id in change.ready)

    def _reply(self, value: Any, path: str, at: datetime) -> bool:
        """The first reply is the run's result; a later one is not sent."""
        if self.has_replied:
            return False
        self.run.result, self.run.replied_at = storable(value, what="The reply"), at
        self.emit("reply.sent", at, path)
        return True

    def _end(self, ending: Ending, at: datetime) -> None:
        if self.ending is not None:
            return
        self.ending = ending
        for path in self.ready:
            if path in self.steps:
                self._drop(self.steps[path], at, StepStatus.CANCELLED)
        self.ready.clear()
        for path in list(self.waits):
            # What became of a call that nobody knows the end of stays open, for the record.
            status = None if self.wake(path, at, "closed").kind == SETTLE else StepStatus.CANCELLED
            if path not in self.in_flight:
                self._drop(self.steps[path], at, status)


def _loop_of(loop: OpenLoop) -> Loop[Any]:
    found = loop.node_type.loop
    if found is None:
        raise TypeError(f"{loop.node_type.name} is no container")
    return found


def _decides_end(step: Step) -> bool:
    """Whether a step ended its run: it settled without leaving by any port. In a body only a `stop` does."""
    return _ended_without_exit(step) and (step.status == StepStatus.SUCCEEDED or not prefix_of(step.path))


def _ended_without_exit(step: Step) -> bool:
    return step.status in (StepStatus.SUCCEEDED, StepStatus.FAILED) and not step.ports


def _failure_inside(step: Step) -> dict[str, Any]:
    """The error of a step in a body, with its path, so that the container's own error leads to it."""
    error = dict(step.error or {})
    return {**error, "details": {"step": step.path, **error.get("details", {})}}


def _ending_by(step: Step) -> Ending:
    """How a run ends with a step that failed with nothing to take it, or with a `stop`."""
    output = step.output or {}
    if step.status == StepStatus.FAILED:
        error = dict(step.error or {})
    elif output.get("outcome") == "failure":
        error = {"code": "stopped", "message": output["message"], "retryable": False, "details": {}}
    else:
        return Ending(RunStatus.SUCCEEDED)
    path = error.get("details", {}).get("step", step.path) if step.status == StepStatus.FAILED else step.path
    return Ending(RunStatus.FAILED, {**error, "node": node_of(path), "path": path})
