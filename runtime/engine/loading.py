"""Reading a claimed run back into memory."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
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


@lru_cache(maxsize=256)
def frozen_graph(digest: str) -> Graph:
    """A graph by its digest, with its nodes brought to today's versions; the row never changes."""
    row = GraphRow.objects.get(pk=digest)
    return upgrade_nodes(parse_graph(row.document), NODE_TYPES)


def give_back(host_id: UUID, run_ids: Iterable[UUID]) -> None:
    """Runs that a host holds by their rows and knows nothing of: the answer to its claim was lost."""
    Run.objects.filter(pk__in=list(run_ids), host_id=host_id).update(host_id=None, due_at=clock.later(0))


def wakes_of(host_id: UUID) -> dict[UUID, int]:
    """Run id -> wakes of every run that a host holds."""
    return dict(Run.objects.filter(host_id=host_id).values_list("pk", "wakes"))
