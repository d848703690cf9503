"""The graph as networkx sees it: what comes before what, and what the drawing gets wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from runtime.graph.node_types import NodeTypeFacts, Port
from runtime.graph.problems import Problem
from runtime.graph.schema import Edge, Graph, Node

MAX_NESTING = 5
"""Containers around a step, so that a path stays short enough for its row."""
PASSED_ON = Port("out")
"""The one exit of a step that is switched off, whatever exits its type has."""


@dataclass(frozen=True)
class Structure:
    """A graph with its types; edges that point nowhere are left out of every answer but `problems`."""

    graph: Graph
    types: Mapping[str, NodeTypeFacts]

    @cached_property
    def nodes(self) -> dict[str, Node]:
        return {node.id: node for node in self.graph.nodes}

    @cached_property
    def ports(self) -> dict[str, tuple[Port, ...]]:
        """Node id -> its ports; a node of an unknown type has none."""
        return {
            node.id: self.types[node.type].ports(node.config) if node.type in self.types else ()
            for node in self.graph.nodes
        }

    @cached_property
    def edges(self) -> list[Edge]:
        """Edges between nodes that exist."""
        return [edge for edge in self.graph.edges if edge.source in self.nodes and edge.target in self.nodes]

    @cached_property
    def network(self) -> nx.DiGraph[str]:
        network: nx.DiGraph[str] = nx.DiGraph()
        network.add_nodes_from(node.id for node in self.graph.nodes)
        network.add_edges_from((edge.source, edge.target) for edge in self.edges)
        return network

    @cached_property
    def outgoing(self) -> dict[str, list[Edge]]:
        found: dict[str, list[Edge]] = {node.id: [] for node in self.graph.nodes}
        for edge in self.edges:
            found[edge.source].append(edge)
        return found

    @cached_property
    def incoming(self) -> dict[str, list[Edge]]:
        found: dict[str, list[Edge]] = {node.id: [] for node in self.graph.nodes}
        for edge in self.edges:
            found[edge.target].append(edge)
        return found

    @cached_property
    def bodies(self) -> dict[str | None, list[Node]]:
        """Container -> the nodes drawn directly inside it; None -> those outside of any."""
        found: dict[str | None, list[Node]] = {}
        for node in self.graph.nodes:
            found.setdefault(node.parent, []).append(node)
        return found

    def entries(self, container: str) -> list[str]:
        """The nodes that a body starts at."""
        return [node.id for node in self.bodies.get(container, []) if not self.incoming[node.id]]

    def containers_around(self, node_id: str) -> list[str]:
        """Every container around a node, the nearest first; a wrong drawing is followed as far as it is sound."""
        found: list[str] = []
        parent = self.nodes[node_id].parent
        while parent in self.nodes and parent not in found and parent != node_id:
            found.append(parent)
            parent = self.nodes[parent].parent
        return found

    @cached_property
    def triggers(self) -> list[str]:
        return [node.id for node in self.graph.nodes if self.is_trigger(node.id)]

    def is_trigger(self, node_id: str) -> bool:
        node_type = self.types.get(self.nodes[node_id].type)
        return node_type is not None and node_type.is_trigger

    def before(self, node_id: str) -> set[str]:
        """Every node from which a way leads here: of its own level, and of those around its containers."""
        found = set(nx.ancestors(self.network, node_id))
        for container in self.containers_around(node_id):
            found |= nx.ancestors(self.network, container)
        return found

    def inside(self, container: str) -> set[str]:
        """What the end of an iteration may refer to: the body's own nodes, and those before the container."""
        return {node.id for node in self.bodies.get(container, [])} | self.before(container)

    @cached_property
    def _reached(self) -> set[str]:
        reached = set(self.triggers)
        for trigger in self.triggers:
            reached |= nx.descendants(self.network, trigger)
        outermost = {node_id: (self.containers_around(node_id) or [node_id])[-1] for node_id in self.nodes}
        return {node_id for node_id, outer in outermost.items() if outer in reached}

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the drawing itself."""
        if not self.triggers:
            yield Problem(None, None, "no_trigger", "The workflow needs a trigger: a step that starts it.")
        yield from self._edge_problems()
        yield from self._cycles()
        for node in self.graph.nodes:
            if node.type in self.types and self.triggers and node.id not in self._reached:
                yield Problem(
                    node.id,
                    None,
                    "unreachable",
                    f'No trigger leads to "{self.title(node.id)}". Connect it or delete it.',
                )
            yield from self._wall_problems(node)
            yield from self._dead_exits(node)
            yield from self._free_outputs(node)

    def title(self, node_id: str) -> str:
        node = self.nodes[node_id]
        node_type = self.types.get(node.type)
        return node.title or (node_type.title if node_type else node.type)

    def _wall_problems(self, node: Node) -> Iterator[Problem]:
        """Whether it may stand where it stands, and whether a container holds anything."""
        title, node_type = self.title(node.id), self.types.get(node.type)
        around = self.containers_around(node.id)
        if node.parent is not None:
            holder = self.nodes.get(node.parent)
            if holder is None:
                text = f'"{title}" stands in "{node.parent}", which does not exist.'
                yield Problem(node.id, None, "unknown_node", text)
            elif holder.type in self.types and not self.types[holder.type].is_container:
                text = f'"{title}" stands in "{self.title(holder.id)}", which is no loop.'
                yield Problem(node.id, None, "invalid_parent", text)
            elif not around or self.nodes[around[-1]].parent is not None:
                yield Problem(node.id, None, "invalid_parent", f'"{title}" stands inside itself.')
            if self.is_trigger(node.id):
                text = f'The trigger "{title}" cannot stand in a loop. Move it outside.'
                yield Problem(node.id, None, "invalid_parent", text)
        if node_type is not None and node_type.is_container:
            if len(around) >= MAX_NESTING:
                text = f'"{title}" stands deeper than {MAX_NESTING} loops; that is as deep as they go.'
                yield Problem(node.id, None, "nested_too_deep", text)
            if not self.bodies.get(node.id):
                yield Problem(node.id, None, "empty_loop", f'There is no step inside "{title}". Add one.')

    def _edge_problems(self) -> Iterator[Problem]:
        seen: set[tuple[str, str, str]] = set()
        for edge in self.graph.edges:
            key = (edge.source, edge.port, edge.target)
            if missing := [end for end in (edge.source, edge.target) if end not in self.nodes]:
                place = next((end for end in (edge.source, edge.target) if end in self.nodes), None)
                yield Problem(
                    place,
                    None,
                    "unknown_node",
                    f'A connection leads to "{missing[0]}", which does not exist.',
                )
                continue
            if key in seen:
                yield Problem(
                    edge.source,
                    None,
                    "duplicate_edge",
                    f'"{self.title(edge.source)}" is connected twice to the same step.',
                )
            seen.add(key)
            yield from self._ends(edge)

    def _ends(self, edge: Edge) -> Iterator[Problem]:
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        exits = {port.name for port in (*self.ports[source.id], *self._ways_on(source))}
        if source.type in self.types and edge.port not in exits:
            yield Problem(
                source.id, None, "unknown_port", f'"{self.title(source.id)}" has no exit "{edge.port}".'
            )
        if self.is_trigger(target.id):
            yield Problem(
                target.id,
                None,
                "edge_into_trigger",
                f'Nothing can lead into the trigger "{self.title(target.id)}".',
            )
        if source.parent != target.parent:
            yield Problem(
                source.id, None, "edge_crosses_wall", "A connection cannot cross the edge of a loop."
            )

    def _cycles(self) -> Iterator[Problem]:
        for component in nx.strongly_connected_components(self.network):
            first = next(node.id for node in self.graph.nodes if node.id in component)
            if len(component) > 1 or self.network.has_edge(first, first):
                names = ", ".join(
                    f'"{self.title(node.id)}"' for node in self.graph.nodes if node.id in component
                )
                yield Problem(first, None, "cycle", f"These steps lead in a circle: {names}.")

    def _ways_on(self, node: Node) -> tuple[Port, ...]:
        """The exits by which a run may leave the step; one that is switched off only passes its input on."""
        if node.settings.disabled:
            return (PASSED_ON,)
        return tuple(port for port in self.ports[node.id] if port.takable)

    def _dead_exits(self, node: Node) -> Iterator[Problem]:
        """Of a step that is switched off: what follows exits by which it cannot be left."""
        drawn = {edge.port for edge in self.outgoing[node.id]}
        if node.settings.disabled and drawn - {"error"} and PASSED_ON.name not in drawn:
            text = (
                f'What follows "{self.title(node.id)}" will not be executed while that step is switched off, for none '
                f'of its drawn exits is taken then. Draw a line from its exit "{PASSED_ON.name}" to the next step, '
                "or remove the step."
            )
            yield Problem(node.id, None, "free_output", text, severity="warning")

    def _free_outputs(self, node: Node) -> Iterator[Problem]:
        node_type = self.types.get(node.type)
        if node_type is None or node_type.is_end or node.id not in self._reached or node.parent is not None:
            return
        used = {edge.port for edge in self.outgoing[node.id]}
        if node.settings.disabled and used - {"error"}:
            return  # _dead_exits tells of it
        for port in self._ways_on(node):
            if port.name != "error" and port.name not in used:
                exit_name = (
                    f'The exit "{port.title or port.name}" of' if port.name != "out" else "Nothing follows"
                )
                text = f'{exit_name} "{self.title(node.id)}"' + (
                    " leads nowhere." if port.name != "out" else "."
                )
                yield Problem(node.id, None, "free_output", text, severity="warning")
