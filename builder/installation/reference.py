"""Pages of docs/reference/ that are made from the code, so that they cannot say anything else than it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from builder.api import api
from runtime.graph.expressions.functions import function_table
from runtime.graph.node_types import JsonSchema
from runtime.nodes.base import NodeType
from runtime.nodes.catalogue import NODE_TYPES


def reference_files() -> dict[str, str]:
    """File name -> content."""
    return {
        "openapi.json": json.dumps(api.get_openapi_schema(), indent=2, sort_keys=True, default=str) + "\n",
        "functions.md": "\n".join(_functions()) + "\n",
        "steps.md": "\n".join(_steps()) + "\n",
    }


def _functions() -> Iterator[str]:
    yield "# Functions of the expression language"
    yield ""
    yield "Made from the code by `make reference`. [expressions.md](expressions.md) explains the language."
    yield ""
    yield "| Written | Gives | Example |"
    yield "|---|---|---|"
    for row in function_table():
        yield f"| `{_cell(row['signature'])}` | {_cell(row['description'])} | `{_cell(row['example'])}` |"


def _steps() -> Iterator[str]:
    yield "# Steps"
    yield ""
    yield "Made from the code by `make reference`. A field marked *expression* takes `{{ }}`."
    for node_type in NODE_TYPES.values():
        yield ""
        yield f"## {node_type.title} (`{node_type.name}`)"
        yield ""
        yield node_type.description
        yield ""
        yield f"Exits: {', '.join(_exits(node_type)) or 'none'}."
        yield from _fields("Setting", node_type.config_schema)
        if isinstance(node_type.output, type) and issubclass(node_type.output, BaseModel):
            yield from _fields("Gives", node_type.output.model_json_schema(mode="serialization"))
        elif node_type.output is not None:
            yield ""
            yield "What it gives depends on its settings; the editor lists it."


def _exits(node_type: NodeType[Any]) -> Iterator[str]:
    for rule in node_type.port_rules:
        if rule.each:
            yield f"one for each of `{rule.each}`"
        else:
            yield f"`{rule.name}`" + (f" (only with `{'` or `'.join(rule.needs)}`)" if rule.needs else "")
    if node_type.has_error_port:
        yield "`error`"


def _fields(heading: str, schema: JsonSchema) -> Iterator[str]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    if not properties:
        return
    yield ""
    yield f"| {heading} | Type | Meaning |"
    yield "|---|---|---|"
    for name, field in properties.items():
        kind = _kind(field, schema)
        if field.get("x-expression"):
            kind += ", expression"
        if name in schema.get("required", ()) and heading == "Setting":
            kind += ", required"
        meaning = ": ".join(text for text in (field.get("title", ""), field.get("description", "")) if text)
        yield f"| `{name}` | {_cell(kind)} | {_cell(meaning)} |"


def _kind(field: Mapping[str, Any], schema: JsonSchema) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "$ref" in field:
        return _kind(schema.get("$defs", {}).get(str(field["$ref"]).rsplit("/", 1)[-1], {}), schema)
    if options := field.get("anyOf") or field.get("oneOf"):
        kinds = dict.fromkeys(_kind(option, schema) for option in options if option.get("type") != "null")
        return " or ".join(kinds) or "any"
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_kind(field.get('items', {}), schema)}"
    return {"string": "text", "integer": "whole number"}.get(kind, str(kind))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
