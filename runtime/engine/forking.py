"""What a new run takes over from another one: outcomes that stand, so that nothing is called again for them.

A retry takes over everything that was settled. A fork takes over what is settled and neither the named step nor
reachable from it. Steps that the new graph does not have any more are left out; those whose type or exits it
changed are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import networkx

from runtime.errors import ForkImpossible
from runtime.graph.node_types import NodeTypeFacts
from runtime.graph.scheduling import Frontier
from runtime.graph.schema import Graph, Node
from runtime.models import Run, Step, StepStatus


def settled_steps(
    run: Run,
    steps: Sequence[Step],
    graph: Graph,
    types: Mapping[str, NodeTypeFacts],
    *,
    new_id: UUID,
    again_from: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> list[Step]:
    """Rows of the new run: outcomes that are taken over, and what is skipped because of them.

    again_from   the step to begin again at; None takes over everything that was settled
    data         path -> another output for a step that is taken over
    raises       ForkImpossible
    """
    nodes = {node.id: node for node in graph.nodes}
    _check_start(run, nodes, again_from)
    again = _reachable(graph, again_from) if again_from else set()
    kept = [step for step in steps if _is_settled(step) and step.path in nodes and step.path not in again]
    for step in kept:
        _check_fits(step, nodes[step.path], types)
    _check_unknown(steps, again)
    edits = dict(data or {})
    copies = [_copy(step, run, new_id, edits) for step in kept]
    if edits:
        path = next(iter(edits))
        raise ForkImpossible(
            f'"{path}" is not taken over, so its data cannot be replaced.', details={"path": path}
        )
    return _placed(run, graph, copies, new_id)


def _is_settled(step: Step) -> bool:
    """It left by an exit: a `stop` and a failure that ended the run did not, and are executed again."""
    return step.status in (StepStatus.SUCCEEDED, StepStatus.FAILED) and bool(step.ports)


def _check_start(run: Run, nodes: Mapping[str, Node], again_from: str | None) -> None:
    if run.trigger not in nodes:
        raise ForkImpossible(
            f'The workflow no longer has the trigger "{run.trigger}".', details={"path": run.trigger}
        )
    if again_from is not None and again_from not in nodes:
        raise ForkImpossible(
            f'There is no step "{again_from}" to begin again at.', details={"path": again_from}
        )


def _check_fits(step: Step, node: Node, types: Mapping[str, NodeTypeFacts]) -> None:
    details = {"path": step.path}
    if node.type != step.type:
        raise ForkImpossible(f'"{step.path}" is another kind of step now: {node.type}.', details=details)
    ports = {port.name for port in types[node.type].ports(node.config)}
    gone = [port for port in step.ports if port not in ports]
    if gone:
        raise ForkImpossible(
            f'"{step.path}" left by the exit "{gone[0]}", which it does not have any more.', details=details
        )


def _check_unknown(steps: Iterable[Step], again: set[str]) -> None:
    for step in steps:
        if step.status == StepStatus.UNKNOWN and step.path not in again:
            raise ForkImpossible(
                f'Nobody has said yet what became of "{step.path}"; settle it first.',
                details={"path": step.path},
            )


def _reachable(graph: Graph, start: str) -> set[str]:
    arrows: networkx.DiGraph[str] = networkx.DiGraph()
    arrows.add_nodes_from(node.id for node in graph.nodes)
    arrows.add_edges_from((edge.source, edge.target) for edge in graph.edges)
    return {start, *networkx.descendants(arrows, start)}


def _copy(step: Step, run: Run, new_id: UUID, edits: dict[str, Any]) -> Step:
    return Step(
        run_id=new_id,
        path=step.path,
        node=step.node,
        type=step.type,
        status=step.status,
        ports=step.ports,
        input=step.input,
        output=edits.pop(step.path, step.output),
        error=step.error,
        started_at=step.started_at,
        ended_at=step.ended_at,
        taken_from=step.taken_from or run.pk,
    )


def _placed(run: Run, graph: Graph, copies: list[Step], new_id: UUID) -> list[Step]:
    """The copies in their order, followed by what is skipped; copies on a way that is dead now are left out."""
    frontier = Frontier(graph)
    skipped = frontier.fire(run.trigger, {"out"}).skipped
    for step in copies:
        if step.path != run.trigger:
            skipped += frontier.settle(step.path, set(step.ports)).skipped
    nodes = {node.id: node for node in graph.nodes}
    rows = [step for step in copies if step.path not in skipped]
    rows += [
        Step(run_id=new_id, path=path, node=path, type=nodes[path].type, status=StepStatus.SKIPPED)
        for path in skipped
    ]
    for position, step in enumerate(rows):
        step.position = position
    return rows
