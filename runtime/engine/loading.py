"""Reading a claimed run back into memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from runtime.engine import claiming, clock, stored_values
from runtime.engine.claiming import Claim
from runtime.engine.state import RunState
from runtime.gateways import Gateways
from runtime.graph.schema import Graph, parse_graph
from runtime.graph.upgrades import upgrade_nodes
from runtime.models import Attempt, Run, Wait
from runtime.models import Graph as GraphRow
from runtime.nodes.catalogue import EXECUTABLE_TYPES, NODE_TYPES

MAX_GRAPHS = 256

_known_graphs: dict[str, Graph] = {}
"""By their digest; asked from the host's loop and from its database threads."""


def load(claim: Claim, row: Run | None = None) -> RunState:
    """The state of a run as its rows tell it; `row` is that of the run, where the claim has read it."""
    run = row or Run.objects.get(pk=claim.run_id)
    graph = frozen_graph(run.graph_id)
    if _is_new(run):
        return RunState(run, graph, EXECUTABLE_TYPES)
    return RunState(
        run,
        graph,
        EXECUTABLE_TYPES,
        steps=stored_values.steps_of(run.pk),
        attempts=list(Attempt.objects.filter(run_id=run.pk, ended_at=None)),
        waits=list(Wait.objects.filter(run_id=run.pk, closed_at=None)),
    )


def claim_free(host_id: UUID, gateways: Gateways, ids: Iterable[UUID]) -> list[tuple[Claim, RunState | None]]:
    """Claims as `claiming.claim_free`, with the state of each run that has not begun: its row is all there is of it."""
    taken = claiming.claim_free(host_id, gateways, ids)
    return [(claim, load(claim, row) if _is_new(row) else None) for claim, row in taken]


def _is_new(run: Run) -> bool:
    return run.started_at is None and not run.takes_over


def state_of_new(run: Run) -> RunState | None:
    """The state of a run that has not begun, without asking the database; None when its graph is not known here yet."""
    graph = _known_graphs.get(run.graph_id)
    return RunState(run, graph, EXECUTABLE_TYPES) if graph else None


def state_of_queued(run: Run, at: datetime) -> RunState | None:
    """The same of a run that is in no database yet, with what inserting it at this time would have done."""
    run.created_at = run.due_at = run.progress_at = at
    state = state_of_new(run)
    if state is not None:
        state.emit("run.queued", at, data={"trigger": run.trigger})
    return state


def frozen_graph(digest: str) -> Graph:
    """A graph by its digest, with its nodes brought to today's versions; the row never changes."""
    known = _known_graphs.get(digest)
    if known is not None:
        return known
    row = GraphRow.objects.get(pk=digest)
    graph = upgrade_nodes(parse_graph(row.document), NODE_TYPES)
    while len(_known_graphs) >= MAX_GRAPHS:
        _known_graphs.pop(next(iter(_known_graphs)), None)
    _known_graphs[digest] = graph
    return graph


def give_back(host_id: UUID, run_ids: Iterable[UUID]) -> None:
    """Runs that a host holds by their rows and knows nothing of: the answer to its claim was lost."""
    Run.objects.filter(pk__in=list(run_ids), host_id=host_id).update(host_id=None, due_at=clock.later(0))


def wakes_of(host_id: UUID) -> dict[UUID, int]:
    """Run id -> wakes of every run that a host holds."""
    return dict(Run.objects.filter(host_id=host_id).values_list("pk", "wakes"))
