"""Reading a claimed run back into memory."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from runtime.engine.claiming import Claim
from runtime.engine.state import RunState
from runtime.graph.schema import Graph, parse_graph
from runtime.graph.upgrades import upgrade_nodes
from runtime.models import Attempt, Run, Step, Wait
from runtime.models import Graph as GraphRow
from runtime.nodes.catalogue import EXECUTABLE_TYPES, NODE_TYPES


def load(claim: Claim) -> RunState:
    """The state of a run as its rows tell it."""
    run = Run.objects.get(pk=claim.run_id)
    graph = frozen_graph(run.graph_id)
    if run.started_at is None and not run.takes_over:
        return RunState(run, graph, EXECUTABLE_TYPES)
    return RunState(
        run,
        graph,
        EXECUTABLE_TYPES,
        steps=list(Step.objects.filter(run_id=run.pk)),
        attempts=list(Attempt.objects.filter(run_id=run.pk, ended_at=None)),
        waits=list(Wait.objects.filter(run_id=run.pk, closed_at=None)),
    )


@lru_cache(maxsize=256)
def frozen_graph(digest: str) -> Graph:
    """A graph by its digest, with its nodes brought to today's versions; the row never changes."""
    row = GraphRow.objects.get(pk=digest)
    return upgrade_nodes(parse_graph(row.document), NODE_TYPES)


def wakes_of(host_id: UUID) -> dict[UUID, int]:
    """Run id -> wakes of every run that a host holds."""
    return dict(Run.objects.filter(host_id=host_id).values_list("pk", "wakes"))
