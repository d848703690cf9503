"""Replays a stored history: today's engine, in memory, must bring the run to the same steps by the same ports.

A history is a run that ended once in a release: its graph, its input, and what became of each step. Its steps need nothing
from outside, so that whatever differs is the engine's doing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from runtime.engine import store
from runtime.engine.claiming import Claim
from runtime.engine.drive import Drive
from runtime.engine.state import RunState
from runtime.graph.schema import parse_graph
from runtime.graph.upgrades import upgrade_nodes
from runtime.models import Run
from runtime.nodes.catalogue import NODE_TYPES

RUN_ID = UUID("01900000-0000-7000-8000-000000000001")
BEGAN_AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class Memory:
    """Stands in for the host: nothing is stored, and no time passes: the waits of histories are of no length."""

    clients: Any = None

    async def in_database(self, function: Callable[..., Any], *given: Any) -> Any:
        if function is store.read_news:
            return store.News(BEGAN_AT, 0, False, "", False, [])
        return None

    async def write(self, write: store.Write) -> bool:
        """Nothing is given back: what it waits for is due at once."""
        return write.ends or not write.change["releases"]

    def now(self) -> datetime:
        return BEGAN_AT

    def check_lease(self) -> None:
        """It is never lost."""

    def tell(self, state: RunState) -> None:
        """Nobody listens."""

    def claim_more(self) -> None:
        """There is only this one."""


def told(state: RunState) -> dict[str, Any]:
    """What a history says of a run."""
    steps = {
        path: {"status": str(step.status), "ports": list(step.ports or []), "output": step.output}
        for path, step in state.steps.items()
    }
    return {"status": str(state.run.status), "result": state.run.result, "steps": steps}


async def replayed(history: dict[str, Any]) -> dict[str, Any]:
    """What the engine makes of a history's graph and input now."""
    graph = upgrade_nodes(parse_graph(history["graph"]), NODE_TYPES)
    run = Run(
        id=RUN_ID,
        workspace_id=RUN_ID,
        workflow_id=RUN_ID,
        origin_id=RUN_ID,
        trigger=history["trigger"],
        input=history["input"],
        facts={},
        created_at=BEGAN_AT,
        event_seq=1,
    )
    state = RunState(run, graph, NODE_TYPES)
    gateways: Any = None
    await Drive(state, Claim(RUN_ID, RUN_ID, RUN_ID, 1, 1, 0, False, 0, gateways), Memory()).go()
    return told(state)


def stored(folder: Path) -> dict[str, dict[str, Any]]:
    """Name -> history."""
    return {str(path.relative_to(folder)): json.loads(path.read_text()) for path in folder.rglob("*.json")}
