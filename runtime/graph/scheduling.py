"""What may start next: two counters per node say whether it is ready or skipped.

A node is ready when all its incoming edges are settled and at least one is live; if none is live it is skipped,
and so on (dead-path elimination). With `join: first` its first live edge is enough, and it runs once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from copy import copy
from dataclasses import dataclass, field

from runtime.graph.schema import Edge, Graph, Node


@dataclass(frozen=True)
class Change:
    """What follows from one node being settled, both in graph order."""

    ready: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


@dataclass
class _Counter:
    """open: incoming edges that are not settled; live: those settled and taken; done: ready or skipped before;
    settled: its own edges were counted."""

    open: int
    live: int = 0
    done: bool = False
    settled: bool = False


def handles_error(graph: Graph, node_id: str) -> bool:
    """Whether a failure of the node has somewhere to go."""
    return any(edge.source == node_id and edge.port == "error" for edge in graph.edges)


class Frontier:
    """The ready set of one level of a graph: the outside (`parent` None) or the body of one container."""

    def __init__(self, graph: Graph, parent: str | None = None) -> None:
        self._nodes: dict[str, Node] = {node.id: node for node in graph.nodes if node.parent == parent}
        self._order = {node_id: position for position, node_id in enumerate(self._nodes)}
        self._outgoing: dict[str, list[Edge]] = {node_id: [] for node_id in self._nodes}
        self._incoming = dict.fromkeys(self._nodes, 0)
        for edge in graph.edges:
            if edge.source in self._nodes and edge.target in self._nodes:
                self._outgoing[edge.source].append(edge)
                self._incoming[edge.target] += 1
        self._counters = self._fresh_counters()

    def fresh(self) -> Frontier:
        """The same level before anything has happened in it, as each iteration of a container begins."""
        again = copy(self)
        again._counters = self._fresh_counters()
        return again

    @property
    def ends(self) -> list[str]:
        """Nodes that nothing follows but what is switched off, in graph order."""
        return [
            node_id
            for node_id, node in self._nodes.items()
            if not node.settings.disabled and not self._leads_on(node_id)
        ]

    def _leads_on(self, node_id: str) -> bool:
        """Whether a step that is switched on comes after a node."""
        seen, pending = {node_id}, [node_id]
        while pending:
            for edge in self._outgoing[pending.pop()]:
                if not self._nodes[edge.target].settings.disabled:
                    return True
                if edge.target not in seen:
                    seen.add(edge.target)
                    pending.append(edge.target)
        return False

    def not_before(self, node_id: str) -> frozenset[str]:
        """The nodes of this level from which no way leads to a node; itself is one of them."""
        return frozenset(self._nodes.keys() - self._before(node_id))

    def perhaps_before(self, node_id: str) -> frozenset[str]:
        """The others, where a node may begin without them, because it or one before it waits only for the first."""
        before = self._before(node_id)
        waits_for_first = any(self._nodes[name].settings.join == "first" for name in (node_id, *before))
        return frozenset(before) if waits_for_first else frozenset()

    def _before(self, node_id: str) -> set[str]:
        sources: dict[str, list[str]] = {name: [] for name in self._nodes}
        for edges in self._outgoing.values():
            for edge in edges:
                sources[edge.target].append(edge.source)
        before: set[str] = set()
        pending = [*sources[node_id]]
        while pending:
            source = pending.pop()
            if source not in before:
                before.add(source)
                pending += sources[source]
        return before

    def _fresh_counters(self) -> dict[str, _Counter]:
        return {node_id: _Counter(count) for node_id, count in self._incoming.items()}

    def fire(self, trigger_id: str, live_ports: Collection[str]) -> Change:
        """One trigger has fired: it is settled, everything else that nothing leads to is skipped."""
        others = [
            node_id
            for node_id, counter in self._counters.items()
            if counter.open == 0 and node_id != trigger_id
        ]
        self._counters[trigger_id].done = True
        return self._spread([(trigger_id, live_ports)], skipped=others)

    def enter(self) -> Change:
        """Begin a container's body: the nodes without incoming edges are ready."""
        ready = [node_id for node_id, counter in self._counters.items() if counter.open == 0]
        for node_id in ready:
            self._counters[node_id].done = True
        return Change(ready=ready)

    def settle(self, node_id: str, live_ports: Collection[str]) -> Change:
        """A node has succeeded, or failed with its error port drawn: these ports are live, the others dead.

        The first outcome stands: nothing follows from settling a node that is settled or skipped already, as
        when an answer comes twice.
        """
        self._counters[node_id].done = True
        return self._spread([(node_id, live_ports)], skipped=[])

    def unsettled(self) -> list[str]:
        """Nodes that are neither ready nor skipped nor settled yet, in graph order."""
        return [node_id for node_id, counter in self._counters.items() if not counter.done]

    def _spread(self, settled: Iterable[tuple[str, Collection[str]]], *, skipped: list[str]) -> Change:
        ready: list[str] = []
        dead: list[str] = []
        pending = deque(settled)
        for node_id in skipped:
            self._counters[node_id].done = True
            dead.append(node_id)
            pending.append((node_id, ()))
        while pending:
            node_id, ports = pending.popleft()
            if self._counters[node_id].settled:
                continue
            self._counters[node_id].settled = True
            for edge in self._outgoing[node_id]:
                target, counter = edge.target, self._counters[edge.target]
                counter.open -= 1
                counter.live += edge.port in ports
                if counter.done:
                    continue
                if self._is_ready(target, counter):
                    counter.done = True
                    ready.append(target)
                elif counter.open == 0:
                    counter.done = True
                    dead.append(target)
                    pending.append((target, ()))
        return Change(ready=self._in_order(ready), skipped=self._in_order(dead))

    def _is_ready(self, node_id: str, counter: _Counter) -> bool:
        if counter.live == 0:
            return False
        return counter.open == 0 or self._nodes[node_id].settings.join == "first"

    def _in_order(self, node_ids: list[str]) -> list[str]:
        return sorted(node_ids, key=self._order.__getitem__)
