"""The graph as networkx sees it: what comes before what, and what the drawing gets wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from runtime.graph.node_types import NodeTypeFacts, Port
from runtime.graph.problems import Problem
from runtime.graph.schema import Edge, Graph, Node


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
    def triggers(self) -> list[str]:
        return [node.id for node in self.graph.nodes if self.is_trigger(node.id)]

    def is_trigger(self, node_id: str) -> bool:
        node_type = self.types.get(self.nodes[node_id].type)
        return node_type is not None and node_type.is_trigger

    def before(self, node_id: str) -> set[str]:
        """Every node from which a way leads here."""
        return set(nx.ancestors(self.network, node_id))

    @cached_property
    def _reached(self) -> set[str]:
        reached = set(self.triggers)
        for trigger in self.triggers:
            reached |= nx.descendants(self.network, trigger)
        return reached

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
            if node.parent is not None and node.parent not in self.nodes:
                text = f'"{self.title(node.id)}" stands in "{node.parent}", which does not exist.'
                yield Problem(node.id, None, "unknown_node", text)
            yield from self._free_outputs(node)

    def title(self, node_id: str) -> str:
        node = self.nodes[node_id]
        node_type = self.types.get(node.type)
        return node.title or (node_type.title if node_type else node.type)

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
        if source.type in self.types and edge.port not in {port.name for port in self.ports[source.id]}:
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

    def _free_outputs(self, node: Node) -> Iterator[Problem]:
        node_type = self.types.get(node.type)
        if node_type is None or node_type.is_end or node.id not in self._reached:
            return
        used = {edge.port for edge in self.outgoing[node.id]}
        for port in self.ports[node.id]:
            if port.takable and port.name != "error" and port.name not in used:
                exit_name = (
                    f'The exit "{port.title or port.name}" of' if port.name != "out" else "Nothing follows"
                )
                text = f'{exit_name} "{self.title(node.id)}"' + (
                    " leads nowhere." if port.name != "out" else "."
                )
                yield Problem(node.id, None, "free_output", text, severity="warning")
