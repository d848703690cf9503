"""What a new run takes over from another one: outcomes that stand, so that nothing is called again for them.

A retry takes over everything that was settled. A fork takes over what is settled and neither the named step nor
reachable from it; inside a container, also the iterations before the named one, with their failures if it goes on after
them. A container that had not come to its end, or that the named step stands in, begins where its iterations are. Steps
that the new graph does not have any more are left out; those whose type, place or exits it changed are refused.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import networkx

from runtime.engine.edits import Edits
from runtime.errors import ForkImpossible
from runtime.graph.node_types import NodeTypeFacts
from runtime.graph.paths import containers_around, is_path, node_of, prefix_of, shape_of, split_prefix
from runtime.graph.scheduling import Frontier, handles_error
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
    before: Graph | None = None,
) -> list[Step]:
    """Rows of the new run: outcomes that are taken over, and what is skipped because of them.

    before       the graph of the run, where the new one has another
    again_from   the step to begin again at; None takes over everything that was settled
    data         path -> another output for a step that is taken over, see edits.py
    raises       ForkImpossible
    """
    drawing = _Drawing(graph, types)
    check_trigger(run, graph, before)
    _check_start(steps, drawing, again_from)
    again, edits = _Again(graph, again_from), Edits(data or {}, run.trigger)
    copies: list[Step] = []
    whole: set[str] = set()
    anew: set[str] = set()
    tolerant = {step.path for step in steps if _goes_on_after_failures(step)}
    for step in steps:
        around = [container for container, _ in containers_around(step.path)]
        # Wherever it stands in the new graph, nothing of it is taken over.
        if again.executes(step.path) or not anew.isdisjoint(around):
            continue
        node = drawing.node_for(step)
        if node is None:
            continue
        node_type = types[node.type]
        is_behind = _has_failed_for_good(step) and again.leaves_behind(step.path, tolerant)
        if is_settled(step) and drawing.lost_failure(step) and step.path not in (data or {}):
            anew.add(step.path)
        elif not whole.isdisjoint(around):
            # The record of a container that is over: nothing follows from it any more.
            copies.append(_copy(step, run, new_id))
        elif not is_behind and (again.enters(step.path) or _had_entered(step, node_type)):
            _check_fits(step, node, types)
            edits.check_container(step, node, node_type)
            copies.append(_entered_again(step, _given_again(step, node, before, types), new_id))
        elif is_behind or is_settled(step):
            copy = _copy(step, run, new_id)
            if not is_behind:
                edits.apply(copy, node, node_type)
            _check_fits(copy, node, types)
            copies.append(copy)
            if _holds_steps(node_type):
                whole.add(step.path)
        elif step.status == StepStatus.UNKNOWN:
            raise ForkImpossible(
                f'Nobody has said yet what became of "{step.path}"; settle it first.',
                details={"path": step.path},
            )
    edits.check_all_used()
    return _placed(run, drawing, copies, new_id, whole, again_from)


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

    def leaves_behind(self, path: str, tolerant: Container[str]) -> bool:
        """Whether it stands in an iteration before the named step's, of a container that goes on after failures."""
        return any(
            index < self._entered.get(container, 0) and container in tolerant
            for container, index in containers_around(path)
        )

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

    def lost_failure(self, step: Step) -> bool:
        """Whether it failed by an exit that leads nowhere any more, so that it must show again what it does."""
        is_drawn = not self.is_made_up(step.path)
        return step.status == StepStatus.FAILED and is_drawn and not handles_error(self.graph, step.node)

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
    return _holds_steps(node_type) and step.input is not None and not is_settled(step)


def _goes_on_after_failures(step: Step) -> bool:
    return (step.input or {}).get("on_item_error") == "continue"


def _has_failed_for_good(step: Step) -> bool:
    """Nothing took its failure but what is around it."""
    return step.status == StepStatus.FAILED and not step.ports


def is_settled(step: Step) -> bool:
    """It left by an exit: a `stop` and a failure that ended the run did not, and are executed again."""
    return step.status in (StepStatus.SUCCEEDED, StepStatus.FAILED) and bool(step.ports)


def check_trigger(run: Run, graph: Graph, before: Graph | None = None) -> None:
    """Raises ForkImpossible where the graph does not have the trigger that the run began at in its own graph, before."""
    nodes = {node.id: node for node in graph.nodes}
    trigger = nodes.get(run.trigger)
    details = {"path": run.trigger}
    if trigger is None:
        raise ForkImpossible(f'The workflow no longer has the trigger "{run.trigger}".', details=details)
    old = next((node for node in before.nodes if node.id == run.trigger), None) if before else None
    if old is None:
        return
    if trigger.type != old.type:
        raise ForkImpossible(f'"{run.trigger}" is another kind of step now: {trigger.type}.', details=details)
    if trigger.settings.disabled and not old.settings.disabled:
        raise ForkImpossible(f'The trigger "{run.trigger}" is switched off there.', details=details)


def _check_start(steps: Iterable[Step], drawing: _Drawing, again_from: str | None) -> None:
    if again_from is None:
        return
    level = prefix_of(again_from)
    has_begun = not level or any(step.path.startswith(level) for step in steps)
    if not is_path(again_from) or not drawing.has(again_from) or not has_begun:
        raise ForkImpossible(
            f'There is no step "{again_from}" to begin again at.', details={"path": again_from}
        )


def _check_fits(step: Step, node: Node, types: Mapping[str, NodeTypeFacts]) -> None:
    details = {"path": step.path}
    if node.type != step.type:
        raise ForkImpossible(f'"{step.path}" is another kind of step now: {node.type}.', details=details)
    # A step that is switched off has the one exit by which it is passed.
    found = {port.name for port in types[node.type].ports(node.config)}
    ports = {"out"} if node.settings.disabled else found
    gone = [port for port in step.ports if port not in ports]
    if gone:
        raise ForkImpossible(
            f'"{step.path}" left by the exit "{gone[0]}", which it does not have any more.', details=details
        )


def _copy(step: Step, run: Run, new_id: UUID) -> Step:
    return Step(
        run_id=new_id,
        path=step.path,
        node=step.node,
        type=step.type,
        status=step.status,
        ports=step.ports,
        input=step.input,
        output=step.output,
        error=step.error,
        started_at=step.started_at,
        ended_at=step.ended_at,
        taken_from=step.taken_from or run.pk,
    )


def _given_again(
    step: Step, node: Node, before: Graph | None, types: Mapping[str, NodeTypeFacts]
) -> dict[str, Any]:
    """What a container that goes on is given: what it was given, with the settings of the new graph.

    raises   ForkImpossible where a new one would have to be computed from what was there when the container began
    """
    given = dict(step.input or {})
    old = next((found for found in before.nodes if found.id == node.id), None) if before else None
    if old is None or (old.config == node.config and not node.settings.disabled):
        return given
    declared = types[node.type].config_schema.get("properties", {})
    kept = {name for name in given if name in node.config and old.config.get(name) == node.config[name]}
    fresh = {
        name: value
        for name, value in node.config.items()
        if declared.get(name, {}).get("x-expression") == "body" or "{{" not in json.dumps(value)
    }
    if node.settings.disabled or node.config.keys() - kept - fresh.keys():
        raise ForkImpossible(
            f'"{step.path}" was changed so that it cannot go on where it was. Begin again at "{step.path}" itself.',
            details={"path": step.path},
        )
    return {name: given[name] for name in kept} | fresh


def _entered_again(step: Step, given: dict[str, Any], new_id: UUID) -> Step:
    """A container that goes on in the new run."""
    return Step(
        run_id=new_id,
        path=step.path,
        node=step.node,
        type=step.type,
        status=StepStatus.RUNNING,
        attempts=1,
        input=given,
        started_at=step.started_at,
    )


def _placed(
    run: Run, drawing: _Drawing, copies: list[Step], new_id: UUID, whole: set[str], again_from: str | None
) -> list[Step]:
    """The copies in their order, followed by what is skipped; copies on a way that is dead now are left out.

    raises   ForkImpossible where the step to begin again at is on such a way
    """
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
    if again_from is not None and _is_on(again_from, dead):
        raise ForkImpossible(
            f'"{again_from}" is on a way that this run did not take, so that it cannot begin again there.'
            " Begin again at the step that chooses the way, or replace what that step gave.",
            details={"path": again_from},
        )
    rows = [step for step in copies if not _is_on(step.path, dead)]
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


def _is_on(path: str, dead: set[str]) -> bool:
    return path in dead or not dead.isdisjoint(container for container, _ in containers_around(path))
