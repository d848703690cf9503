"""The levels of a run: the graph outside of any container, and each iteration of a body that has begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from runtime.engine.attempt import typed_config
from runtime.errors import ExpressionError
from runtime.graph.paths import iteration_prefix
from runtime.graph.scheduling import Frontier
from runtime.graph.schema import Graph, Node
from runtime.graph.templates import render_body_fields
from runtime.models import Run, Step, StepStatus
from runtime.nodes.base import Iteration, NodeType, Planned, Progress

BROKEN_OFF = {
    "code": "cancelled",
    "message": "It was broken off, because the loop around it ended.",
    "retryable": False,
    "details": {},
}


def names_before_steps(run: Run) -> dict[str, Any]:
    """What expressions may read before the first step, and at every later one too."""
    return {
        "trigger": run.input,
        "steps": {},
        "errors": {},
        "run": {
            "id": str(run.pk),
            "started_at": (run.started_at or run.created_at).isoformat(),
            "workflow": run.facts.get("workflow", {}),
        },
        "workspace": run.facts.get("workspace", {}),
        "vars": run.facts.get("vars", {}),
    }


def handled_failures(step: Step, node_type: NodeType[Any]) -> int:
    """How many failures the run has got over in a settled step: its own by the error exit, or those of iterations."""
    if step.status == StepStatus.FAILED:
        return 1 if step.ports else 0
    if node_type.loop is None or not node_type.loop.failed_field:
        return 0
    failed = (step.output or {}).get(node_type.loop.failed_field)
    return len(failed) if isinstance(failed, list) else 0


@dataclass
class Level:
    """A scope with its own ready set.

    prefix  what stands before the id of a node in the paths of its steps
    active  steps that are ready, running or waiting; an iteration without any is over
    closed  nothing new starts in it
    planned its steps by id, where a container made them up
    error   the failure that closed it
    """

    prefix: str
    frontier: Frontier
    scope: dict[str, Any]
    loop: OpenLoop | None = None
    index: int = 0
    active: set[str] = field(default_factory=set)
    closed: bool = False
    error: Mapping[str, Any] | None = None
    planned: Mapping[str, Planned] = field(default_factory=dict)

    def node(self, node_id: str) -> Node | None:
        """A made-up step as a node; None for those that were drawn."""
        planned = self.planned.get(node_id)
        return Node(id=node_id, type=planned.type, title=planned.title[:120]) if planned else None


@dataclass
class OpenLoop:
    """A container that has begun and not ended.

    level   the level that it stands in itself
    config  what it was given, as its step keeps it
    seen    the names that its body may read of what was settled before it began
    """

    path: str
    node_type: NodeType[Any]
    config: Mapping[str, Any]
    level: Level
    body: Frontier
    seen: Mapping[str, Any]
    open: dict[int, Level] = field(default_factory=dict)
    ended: dict[int, Iteration] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    _next: int = 0

    def __post_init__(self) -> None:
        self.typed: BaseModel = typed_config(self.node_type, self.config)

    def progress(self, *, waited: bool) -> Progress:
        return Progress(ended=self.ended, failures=self.failures, running=len(self.open), waited=waited)

    def begin(self, index: int, planned: Sequence[Planned] = ()) -> Level:
        """A level for an iteration, of the drawn body or of made-up steps."""
        own = {name: dict(self.seen[name]) for name in ("steps", "errors")}
        scope = {**self.seen, **own, "index": index}
        if self.node_type.item_field:
            scope["item"] = self.config[self.node_type.item_field][index]
        body = self.body.fresh()
        if planned:
            body = Frontier(Graph(nodes=[Node(id=step.id, type=step.type) for step in planned]))
        level = Level(iteration_prefix(self.path, index), body, scope, loop=self, index=index)
        level.planned = {step.id: step for step in planned}
        self.open[index] = level
        return level

    def next_index(self) -> int:
        """The first iteration that has not begun."""
        while self._next in self.open or self._next in self.ended:
            self._next += 1
        return self._next

    def end(self, level: Level, steps: Mapping[str, Step]) -> None:
        """An iteration is over: note what it gave."""
        del self.open[level.index]
        self.ended[level.index] = self._result(level, steps)
        if self.ended[level.index].error is not None:
            self.failures.append(level.index)

    def _result(self, level: Level, steps: Mapping[str, Step]) -> Iteration:
        if level.closed:
            return Iteration({}, level.error or BROKEN_OFF)
        if level.planned:
            return Iteration({name: _told(steps.get(level.prefix + name)) for name in level.planned})
        try:
            values = render_body_fields(self.config, self.node_type.config_schema, level.scope)
        except ExpressionError as error:
            return Iteration({}, error.as_dict())
        return Iteration({"collect": self._last_output(level), **values})

    def _last_output(self, level: Level) -> Any:
        """What the last step of the body gave, where nobody says what to collect; one that is switched off gave nothing."""
        told = level.scope["steps"]
        given = [told[node_id] for node_id in level.frontier.ends if node_id in told]
        return given[-1] if given else None


def _told(step: Step | None) -> dict[str, Any]:
    if step is None:
        return {"status": "cancelled", "output": None, "error": BROKEN_OFF, "usage": {}}
    return {
        "status": str(step.status),
        "output": step.output,
        "error": step.error,
        "usage": dict(step.usage or {}),
    }
