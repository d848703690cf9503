"""Brings the nodes of an older graph to today's versions, in memory; a frozen graph is never rewritten."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.graph.node_types import NodeTypeFacts
from runtime.graph.schema import Graph, Node


def upgrade_nodes(graph: Graph, types: Mapping[str, NodeTypeFacts]) -> Graph:
    """The graph with every config as the current version of its type writes it."""
    nodes = [_upgraded(node, types.get(node.type)) for node in graph.nodes]
    return graph if nodes == graph.nodes else graph.model_copy(update={"nodes": nodes})


def _upgraded(node: Node, node_type: NodeTypeFacts | None) -> Node:
    if node_type is None or node.version >= node_type.version:
        return node
    config = dict(node_type.upgrade(node.config, node.version))
    return node.model_copy(update={"config": config, "version": node_type.version})
