"""The rows of a tool's form that limit its arguments, those inside of objects and lists included."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from builder.http.errors import Invalid
from builder.mcp_servers.models import McpTool
from builder.mcp_servers.tool_form import read_value
from runtime.graph.shapes import Shape

DEPTH_AT_MOST, ROWS_AT_MOST = 5, 100


def limit_rows(tool: McpTool) -> list[dict[str, str]]:
    """[{"path", "name", "kind", "text"}] in the order of the definition; what it does not name stands at the end."""
    known = dict(_paths(tool))
    left = [path for path in tool.limits if path not in known]
    rows = [(path, name) for path, (name, _) in known.items()] + [
        (path, path.replace("/", ".")) for path in left
    ]
    return [{"path": path, "name": name, **_shown(tool.limits.get(path))} for path, name in rows]


def read_limits(tool: McpTool, given: Mapping[str, Any]) -> dict[str, Any]:
    """The limits as the API takes them; raises Invalid for a value that cannot be read."""
    known = dict(_paths(tool))
    limits: dict[str, Any] = {}
    for path in [*known, *(path for path in tool.limits if path not in known)]:
        kind, text = given.get(f"limit-kind:{path}", ""), given.get(f"limit:{path}", "").strip()
        if kind == "pattern":
            limits[path] = {"pattern": text}
        elif kind == "value":
            limits[path] = {"value": _read(path, known[path][1] if path in known else {}, text, tool)}
    return limits


def _read(path: str, schema: Mapping[str, Any], text: str, tool: McpTool) -> Any:
    # A value that nobody touched keeps its type, also where the definition names none.
    before = tool.limits.get(path) or {}
    if "value" in before and _text(before["value"]) == text:
        return before["value"]
    try:
        return read_value(schema, text) if schema else text
    except ValueError as error:
        why = f"{path.replace('/', '.')}: {error}"
        raise Invalid(
            "invalid_request", why, {"fields": [{"field": f"arguments/{path}", "message": why}]}
        ) from None


def _paths(tool: McpTool) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    """(path, (name for people, schema)) of everything that can be limited, the outer before the inner."""
    root = tool.input_schema
    for number, row in enumerate(_inside(Shape(root, root), "", "", 0)):
        if number == ROWS_AT_MOST:
            return
        yield row


def _inside(
    shape: Shape, path: str, name: str, depth: int
) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    schema = shape.resolved
    properties, items = schema.get("properties"), schema.get("items")
    if depth == DEPTH_AT_MOST:
        return
    if isinstance(items, Mapping) and path:
        yield from _inside(Shape(items, shape.root), path, f"{name}[]", depth + 1)
    for key, row in (properties if isinstance(properties, Mapping) else {}).items():
        # A path could not tell such a name from two.
        if "/" in key or not key:
            continue
        inner = Shape(row if isinstance(row, Mapping) else {}, shape.root)
        own, shown = f"{path}/{key}".lstrip("/"), f"{name}.{key}".lstrip(".")
        yield own, (shown, inner.resolved)
        yield from _inside(inner, own, shown, depth + 1)


def _shown(limit: Mapping[str, Any] | None) -> dict[str, str]:
    if limit is None:
        return {"kind": "", "text": ""}
    if "pattern" in limit:
        return {"kind": "pattern", "text": limit["pattern"]}
    return {"kind": "value", "text": _text(limit["value"])}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
