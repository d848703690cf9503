"""What a new run takes over from another one: outcomes that stand, so that nothing is called again for them.

A retry takes over everything that was settled. A fork takes over what is settled and neither the named step nor
reachable from it; inside a container, also the iterations before the named one. A container that had not come to
its end, or that the named step stands in, begins where its iterations are. Steps that the new graph does not have
any more are left out; those whose type, place or exits it changed are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import networkx

from runtime.errors import ForkImpossible
from runtime.graph.node_types import NodeTypeFacts
from runtime.graph.paths import containers_around, node_of, prefix_of, shape_of, split_prefix
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
    again = _Again(graph, again_from)
    drawing = _Drawing(graph, types)
    _check_start(run, steps, drawing, again_from)
    copies, edits = [], dict(data or {})
    whole: set[str] = set()
    for step in steps:
        node = drawing.node_for(step)
        if node is None or again.executes(step.path):
            continue
        if any(container in whole for container, _ in containers_around(step.path)):
            # The record of a container that is over: nothing follows from it any more.
            copies.append(_copy(step, run, new_id, {}))
        elif again.enters(step.path) or _had_entered(step, types[node.type]):
            _check_fits(step, node, types)
            copies.append(_entered_again(step, new_id))
        elif _is_settled(step):
            _check_fits(step, node, types)
            copies.append(_copy(step, run, new_id, edits))
            if _holds_steps(types[node.type]):
                whole.add(step.path)
        elif step.status == StepStatus.UNKNOWN:
            raise ForkImpossible(
                f'Nobody has said yet what became of "{step.path}"; settle it first.',
                details={"path": step.path},
            )
    if edits:
        path = next(iter(edits))
        raise ForkImpossible(
            f'"{path}" is not taken over, so its data cannot be replaced.', details={"path": path}
        )
    return _placed(run, drawing, copies, new_id, whole)


class _Again:
    """What is executed again by a fork: the named step, all that is reachable from it, later iterations around it."""

    def __init__(self, graph: Graph, start: str | None) -> None:
        self._reachable: dict[str, set[str]] = {}
        self._entered: dict[str, int] = {}
        if start is None:
            return
        arrows: networkx.DiGraph[str] = networkx.DiGraph()
        arrows.add_nodes_from(node.id for node in graph.nodes)
        arrows.add_edges_from((edge.source, edge.target) for edge in graph.edges)
        # A made-up step leads nowhere by itself: what followed it is in later iterations.
        after = networkx.descendants(arrows, node_of(start)) if node_of(start) in arrows else set()
        self._reachable[prefix_of(start)] = {node_of(start), *after}
        for container, index in containers_around(start):
            if node_of(container) not in arrows:
                return
            self._entered[container] = index
            self._reachable[prefix_of(container)] = set(networkx.descendants(arrows, node_of(container)))

    def enters(self, path: str) -> bool:
        """Whether it is a container around the named step."""
        return path in self._entered

    def executes(self, path: str) -> bool:
        if node_of(path) in self._reachable.get(prefix_of(path), ()):
            return True
        for container, index in containers_around(path):
            if node_of(container) in self._reachable.get(prefix_of(container), ()):
                return True
            if index > self._entered.get(container, index):
                return True
        return False


class _Drawing:
    """Where the nodes of the new graph stand."""

    def __init__(self, graph: Graph, types: Mapping[str, NodeTypeFacts]) -> None:
        self.graph = graph
        self.types = types
        self.nodes = {node.id: node for node in graph.nodes}
        self._places = {self._shape(node): node for node in graph.nodes}

    def has(self, path: str) -> bool:
        """Whether a step of this path may be in a run of the graph."""
        return shape_of(path) in self._places or self.is_made_up(path)

    def is_made_up(self, path: str) -> bool:
        """Whether it stands in a step that makes its steps up."""
        around = next(containers_around(path), None)
        holder = self._places.get(shape_of(around[0])) if around else None
        return holder is not None and self.types[holder.type].expands

    def node_for(self, step: Step) -> Node | None:
        """The step's node; None if it is gone.

        raises   ForkImpossible if it stands elsewhere now
        """
        if self.is_made_up(step.path):
            return Node(id=step.node, type=step.type)
        found = self._places.get(shape_of(step.path))
        if found is None and step.node in self.nodes:
            raise ForkImpossible(
                f'"{step.path}" stands in another place now: it was moved into or out of a loop.',
                details={"path": step.path},
            )
        return found

    def _shape(self, node: Node) -> tuple[str, ...]:
        """The ids from the outermost container to a node."""
        shape: list[str] = []
        current: Node | None = node
        while current is not None and current.id not in shape:
            shape.append(current.id)
            current = self.nodes.get(current.parent or "")
        return tuple(reversed(shape))


def _holds_steps(node_type: NodeTypeFacts) -> bool:
    return node_type.is_container or node_type.expands


def _had_entered(step: Step, node_type: NodeTypeFacts) -> bool:
    """Whether it is a container that had begun and came to no outcome that stands."""
    return _holds_steps(node_type) and step.input is not None and not _is_settled(step)


def _is_settled(step: Step) -> bool:
    """It left by an exit: a `stop` and a failure that ended the run did not, and are executed again."""
    return step.status in (StepStatus.SUCCEEDED, StepStatus.FAILED) and bool(step.ports)


def _check_start(run: Run, steps: Iterable[Step], drawing: _Drawing, again_from: str | None) -> None:
    if not drawing.has(run.trigger):
        raise ForkImpossible(
            f'The workflow no longer has the trigger "{run.trigger}".', details={"path": run.trigger}
        )
    if again_from is None:
        return
    level = prefix_of(again_from)
    has_begun = not level or any(step.path.startswith(level) for step in steps)
    if not drawing.has(again_from) or not has_begun:
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


def _entered_again(step: Step, new_id: UUID) -> Step:
    """A container that goes on in the new run, with what it was given in the old one."""
    return Step(
        run_id=new_id,
        path=step.path,
        node=step.node,
        type=step.type,
        status=StepStatus.RUNNING,
        attempts=1,
        input=step.input,
        started_at=step.started_at,
    )


def _placed(run: Run, drawing: _Drawing, copies: list[Step], new_id: UUID, whole: set[str]) -> list[Step]:
    """The copies in their order, followed by what is skipped; copies on a way that is dead now are left out."""
    graph = drawing.graph
    levels: dict[str, Frontier] = {"": Frontier(graph)}
    skipped = [*levels[""].fire(run.trigger, {"out"}).skipped]
    for step in copies:
        level = prefix_of(step.path)
        if (level and split_prefix(level)[0] in whole) or drawing.is_made_up(step.path):
            continue
        if level not in levels:
            levels[level] = Frontier(graph, node_of(split_prefix(level)[0]))
            levels[level].enter()
        if step.ports and step.path != run.trigger:
            change = levels[level].settle(step.node, set(step.ports))
            skipped += [level + node_id for node_id in change.skipped]
    dead = set(skipped)
    rows = [
        step
        for step in copies
        if step.path not in dead
        and dead.isdisjoint(container for container, _ in containers_around(step.path))
    ]
    rows += [
        Step(
            run_id=new_id,
            path=path,
            node=node_of(path),
            type=drawing.nodes[node_of(path)].type,
            status=StepStatus.SKIPPED,
        )
        for path in skipped
    ]
    for position, step in enumerate(rows):
        step.position = position
    return rows
