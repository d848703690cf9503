"""Runs in memory, and the rows that a database would keep of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from runtime.engine.delta import Delta
from runtime.engine.state import RunState
from runtime.errors import NodeFailure
from runtime.graph.schema import Graph
from runtime.models import Attempt, Event, Run, Step, Wait
from runtime.nodes.base import Leave, NodeType
from runtime.nodes.catalogue import NODE_TYPES
from tests.unit.graph.drawing import drawn

RUN_ID = UUID("01900000-0000-7000-8000-000000000001")
BEGAN_AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

# The kinds of step that a drawing knows, as real types.
TYPES: Mapping[str, NodeType[Any]] = {
    "start": NODE_TYPES["manual_trigger"],
    "step": NODE_TYPES["mcp_tool"],
    "fork": NODE_TYPES["condition"],
    "stop": NODE_TYPES["stop"],
    "loop": NODE_TYPES["for_each"],
    "repeat": NODE_TYPES["repeat"],
}


def at(seconds: float) -> datetime:
    """So many seconds after the run began."""
    return BEGAN_AT + timedelta(seconds=seconds)


def a_run(given: Any = None, **more: Any) -> Run:
    facts = {
        "workflow": {"id": "1", "name": "Orders", "slug": "orders"},
        "workspace": {"timezone": "Europe/Berlin"},
        "vars": {"limit": 50},
    }
    values: dict[str, Any] = {
        "id": RUN_ID,
        "workspace_id": RUN_ID,
        "workflow_id": RUN_ID,
        "origin_id": RUN_ID,
        "trigger": "start",
        "input": {} if given is None else given,
        "facts": facts,
        "created_at": BEGAN_AT,
        "event_seq": 1,
        **more,
    }
    return Run(**values)


def begun(*arrows: str, given: Any = None, **more: Any) -> RunState:
    """A run whose trigger has fired."""
    state = RunState(a_run(given), drawn(*arrows, **more), TYPES)
    state.begin(at(0))
    return state


def call(state: RunState, path: str, *, effect: str = "none", second: float = 1) -> Attempt:
    """The intent of a call is noted."""
    return state.start_attempt(path, at(second), effect=effect, key="key", inputs={"a": 1})


def done(state: RunState, path: str, *ports: str, second: float = 2, output: Any = None) -> None:
    """A step without outside effect runs and succeeds."""
    state.start_in_memory(path, at(second))
    state.leave(path, Leave(output or {"by": path}, ports=ports or ("out",)), at(second))


def enter(state: RunState, path: str, second: float = 1, **config: Any) -> None:
    """A container begins; without a word it goes through two elements, one after the other."""
    state.start_in_memory(path, at(second))
    state.enter(path, at(second), inputs=config or {"items": ["A", "B"]})


def failure(code: str = "mcp_tool_error", **details: Any) -> NodeFailure:
    return NodeFailure("It did not work.", code=code, details=details)


def told(delta: Delta) -> list[tuple[str, str]]:
    """Type and path of every event."""
    return [(event.type, event.path) for event in delta.events]


@dataclass
class Rows:
    """What a database keeps: whatever is written is copied, so that nothing of a state lives on in it."""

    graph: Graph
    run: Run
    steps: dict[str, Step] = field(default_factory=dict)
    attempts: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    waits: dict[UUID, Wait] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def write(self, state: RunState) -> None:
        delta = state.take_delta()
        self.run = copy.deepcopy(state.run)
        self.steps |= copy.deepcopy(delta.steps)
        self.attempts |= copy.deepcopy(delta.attempts)
        self.waits |= {wait.id: copy.deepcopy(wait) for wait in [*delta.opened, *delta.closed.values()]}
        self.events += copy.deepcopy(delta.events)

    def load(self) -> RunState:
        """As another host reads the run back."""
        return RunState(
            copy.deepcopy(self.run),
            self.graph,
            TYPES,
            steps=copy.deepcopy(list(self.steps.values())),
            attempts=[row for row in copy.deepcopy(list(self.attempts.values())) if row.ended_at is None],
            waits=[wait for wait in copy.deepcopy(list(self.waits.values())) if wait.closed_at is None],
        )


def taken_over(state: RunState) -> RunState:
    """The run as the next host finds it, after everything so far was written."""
    rows = Rows(state.graph, state.run)
    rows.write(state)
    return rows.load()
