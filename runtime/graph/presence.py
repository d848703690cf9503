"""Whether a step is certain to have succeeded before another one runs.

With U = the nodes from which x is unavoidable (x itself, or every takable port leads by an edge into U), x may
be absent before y if there is a way from a trigger to y whose every port leads outside U. Where x may fail and
go on by its `error` port, any way to y that does not leave x by another port is enough.
"""

from __future__ import annotations

from collections.abc import Callable

from runtime.graph.structure import Structure


def may_be_absent(structure: Structure, x: str, y: str) -> bool:
    """True if a run is possible in which y executes and x has not succeeded before it."""
    if structure.nodes[x].settings.disabled or not _settles_before(structure, x, y):
        return True
    if any(edge.port == "error" for edge in structure.outgoing[x]):
        return _way(structure, y, lambda node_id, port: node_id != x or port == "error")
    unavoidable = _unavoidable(structure, x)
    return y not in unavoidable and _way(
        structure,
        y,
        lambda node_id, port: unavoidable.isdisjoint({node_id, *_targets(structure, node_id, port)}),
    )


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


def _way(structure: Structure, y: str, passable: Callable[[str, str], bool]) -> bool:
    """A way from a trigger to y along ports that may be passed."""
    seen = set(structure.triggers)
    pending = list(structure.triggers)
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
