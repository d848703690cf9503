"""What a call of a workflow's tool gives back, as far as its graph tells beforehand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from builder.mcp_endpoint.failures import ERROR_SCHEMA
from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.schema import Graph, Node
from runtime.graph.templates import parse_template
from runtime.nodes import reply
from runtime.nodes.catalogue import NODE_TYPES

TEXT_REPLY: JsonSchema = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
}
HANDLE: JsonSchema = {
    "type": "object",
    "properties": {
        "run_id": {"type": "string", "description": "Ask get_run with it for the rest."},
        "status": {"type": "string"},
        "message": {"type": "string"},
    },
    "required": ["run_id", "status", "message"],
}
KEPT = ("type", "title", "description")
STEP_PATH = re.compile(r"\{\{\s*steps\.([a-z][a-z0-9_]*)((?:\.[A-Za-z_]\w*)*)\s*\}\}")


def output_schema(graph: Graph, known: Known) -> JsonSchema | None:
    """Of the structured result: one of the replies, a handle or an error; None if a reply's form is not known."""
    replies = [
        _reply_schema(node, graph, known)
        for node in graph.nodes
        if node.type == reply.NODE.name and not node.settings.disabled
    ]
    if not replies or any(schema.get("type") != "object" for schema in replies):
        return None
    forms = [*replies, HANDLE, ERROR_SCHEMA]
    return {"type": "object", "anyOf": [form for at, form in enumerate(forms) if form not in forms[:at]]}


def _reply_schema(node: Node, graph: Graph, known: Known) -> JsonSchema:
    data = node.config.get("data")
    return TEXT_REPLY if data is None else _value_schema(data, graph, known)


def _value_schema(value: Any, graph: Graph, known: Known) -> JsonSchema:
    """Of what a value of the config becomes; an empty schema means unknown."""
    if isinstance(value, Mapping):
        properties = {name: _value_schema(item, graph, known) for name, item in value.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}
    if not isinstance(value, str):
        return {}
    if path := STEP_PATH.fullmatch(value):
        return _step_schema(path[1], path[2].split(".")[1:], graph, known)
    return {} if parse_template(value).single is not None else {"type": "string"}


def _step_schema(step: str, path: list[str], graph: Graph, known: Known) -> JsonSchema:
    """Of a value that a step gives, where its definition stands alone: no guess from a sample, no reference."""
    node = next((node for node in graph.nodes if node.id == step), None)
    node_type = NODE_TYPES.get(node.type) if node else None
    schema: Any = node_type.output_schema(node.config, known) if node and node_type else None
    for name in path:
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        schema = properties.get(name) if isinstance(properties, Mapping) else None
    if not isinstance(schema, Mapping):
        return {}
    text = json.dumps(schema)
    return {} if '"$ref"' in text or '"x-sample"' in text else _loosened(schema)


def _loosened(schema: Mapping[str, Any]) -> JsonSchema:
    """Names and types only: what a server's tool gives may grow after the workflow was published."""
    kept: dict[str, Any] = {name: schema[name] for name in KEPT if name in schema}
    if isinstance(schema.get("properties"), Mapping):
        kept["properties"] = {
            name: _loosened(item) if isinstance(item, Mapping) else item
            for name, item in schema["properties"].items()
        }
    if isinstance(schema.get("items"), Mapping):
        kept["items"] = _loosened(schema["items"])
    return kept
