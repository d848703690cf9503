"""Whether a step is certain to have succeeded before another one runs.

With U = the nodes from which x is unavoidable (x itself, or every takable port leads by an edge into U), x may
be absent before y if there is a way from a trigger to y whose every port leads outside U. Where x may fail and
go on by its `error` port, any way to y that does not leave x by another port is enough.

All of this holds inside one level. Seen from the body of a container, a step before the container is judged as if
the container asked; a body has one entry, from which all its first steps start.
"""

from __future__ import annotations

from collections.abc import Callable

from runtime.graph.schema import Edge, Graph, NodeSettings
from runtime.graph.structure import Structure

FAILURE = "a failure"  # no id of a node can be this


def may_be_absent(structure: Structure, x: str, y: str) -> bool:
    """True if a run is possible in which y executes and x has not succeeded before it."""
    level = structure.nodes[x].parent
    y = next((z for z in (y, *structure.containers_around(y)) if structure.nodes[z].parent == level), y)
    if structure.nodes[x].settings.disabled or not _settles_before(structure, x, y):
        return True
    if any(edge.port == "error" for edge in structure.outgoing[x]):
        return _way(structure, level, y, lambda node_id, port: node_id != x or port == "error")
    unavoidable = _unavoidable(structure, x)
    if level is not None and not unavoidable.isdisjoint(structure.entries(level)):
        return False
    return y not in unavoidable and _way(
        structure,
        level,
        y,
        lambda node_id, port: unavoidable.isdisjoint({node_id, *_targets(structure, node_id, port)}),
    )


def may_be_absent_at_end(structure: Structure, x: str) -> bool:
    """True if an iteration of the body that x stands in may succeed without x."""
    container = structure.nodes[x].parent
    if structure.nodes[x].settings.disabled or container is None:
        return True
    if any(edge.port == "error" for edge in structure.outgoing[x]):
        return True
    return _unavoidable(structure, x).isdisjoint(structure.entries(container))


def with_failure_of(structure: Structure, x: str) -> Structure:
    """The same drawing with a step FAILURE on the `error` port of x, before all that the port leads to.

    It succeeds where x leaves by that port, and nowhere else: the failure may be absent where this step may be.
    """
    step = structure.nodes[x].model_copy(update={"id": FAILURE, "type": FAILURE, "settings": NodeSettings()})
    edges = [
        edge.model_copy(update={"source": FAILURE, "port": "out"})
        if (edge.source, edge.port) == (x, "error")
        else edge
        for edge in structure.edges
    ]
    into = Edge.model_construct(source=x, port="error", target=FAILURE)
    graph = Graph.model_construct(nodes=[*structure.graph.nodes, step], edges=[*edges, into])
    return Structure(graph, structure.types)


def _settles_before(structure: Structure, x: str, y: str) -> bool:
    """Whether x is settled in one way or another before y starts: with `join: first` y waits for no one else."""
    certain = {x}
    changed = True
    while changed:
        changed = False
        for node in structure.graph.nodes:
            sources = [edge.source in certain for edge in structure.incoming[node.id]]
            waits = all(sources) if node.settings.join == "first" else any(sources)
            if node.id not in certain and sources and waits:
                certain.add(node.id)
                changed = True
    return y in certain


def _unavoidable(structure: Structure, x: str) -> set[str]:
    """Nodes after which x is certain to be executed."""
    found = {x}
    changed = True
    while changed:
        changed = False
        for node in structure.graph.nodes:
            if node.id not in found and _all_ports_lead_into(structure, node.id, found):
                found.add(node.id)
                changed = True
    return found


def _all_ports_lead_into(structure: Structure, node_id: str, targets: set[str]) -> bool:
    takable = _takable(structure, node_id)
    return bool(takable) and not any(
        targets.isdisjoint(_targets(structure, node_id, port)) for port in takable
    )


def _takable(structure: Structure, node_id: str) -> set[str]:
    """Ports by which a run that goes on may leave a node; of an unknown type all that are drawn."""
    node, drawn = structure.nodes[node_id], {edge.port for edge in structure.outgoing[node_id]}
    if node.settings.disabled:
        return {"out"}
    if node.type not in structure.types:
        return drawn
    # A failure without a drawn error port ends the run, so that nothing after it executes.
    return {
        port.name
        for port in structure.ports[node_id]
        if port.takable and (port.name != "error" or "error" in drawn)
    }


def _way(structure: Structure, level: str | None, y: str, passable: Callable[[str, str], bool]) -> bool:
    """A way from a trigger, or from the start of a body, to y along ports that may be passed."""
    pending = list(structure.triggers if level is None else structure.entries(level))
    seen = set(pending)
    while pending:
        node_id = pending.pop()
        if node_id == y:
            return True
        for port in _takable(structure, node_id):
            if passable(node_id, port):
                fresh = [target for target in _targets(structure, node_id, port) if target not in seen]
                seen.update(fresh)
                pending += fresh
    return False


def _targets(structure: Structure, node_id: str, port: str) -> list[str]:
    return [edge.target for edge in structure.outgoing[node_id] if edge.port == port]
