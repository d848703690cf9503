"""What the editor is told about node types and about the graph that is being drawn."""

from __future__ import annotations

from typing import Any

from builder.accounts.models import Workspace
from builder.workflows.actions import current_graph
from builder.workflows.known import WorkspaceKnown
from runtime.engine import clock
from runtime.graph.expressions.functions import function_table
from runtime.graph.schema import Graph, Node
from runtime.graph.validation import check_graph, describe_nodes
from runtime.nodes.base import Moment
from runtime.nodes.catalogue import NODE_TYPES
from runtime.time_zones import is_zone


def node_types() -> dict[str, Any]:
    """Every node type in palette order, and the functions of the expression language."""
    return {
        "items": [node_type.as_dict() for node_type in NODE_TYPES.values()],
        "functions": function_table(),
    }


def describe_graph(document: Any, known: WorkspaceKnown) -> dict[str, Any]:
    """{"problems", "nodes": {id: {"ports", "output", "before", "inside", "item", "names", "trigger", "hint", "example"}}}; raises GraphMalformed."""
    graph = current_graph(document)
    described = describe_nodes(graph, NODE_TYPES, known)
    now = moment_of(graph, known.workspace)
    nodes = {node.id: node for node in graph.nodes}
    return {
        "problems": [problem.as_dict() for problem in check_graph(graph, NODE_TYPES, known)],
        "nodes": {
            node_id: {
                "ports": [
                    {"name": port.name, "title": port.title, "takable": port.takable} for port in node.ports
                ],
                "output": node.output,
                "before": list(node.before),
                "inside": list(node.inside),
                "item": node.item,
                "names": node.names,
                "trigger": node.trigger,
                **_told(nodes[node_id], now),
            }
            for node_id, node in described.items()
        },
    }


def moment_of(graph: Graph, workspace: Workspace) -> Moment:
    """Now, in the time zone that counts for a workflow: its own, else the workspace's."""
    own = graph.settings.timezone
    return Moment(clock.now(), own if own and is_zone(own) else workspace.timezone)


def _told(node: Node, now: Moment) -> dict[str, Any]:
    """What a type says of a config at this moment."""
    node_type = NODE_TYPES.get(node.type)
    return {
        "hint": node_type.hint(node.config, now) if node_type and node_type.hint else None,
        "example": dict(node_type.example(node.config, now)) if node_type and node_type.example else None,
    }
