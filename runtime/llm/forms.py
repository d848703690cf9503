"""The three ways to ask a model for an object, best first, and the request that each of them makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

Way = Literal["json_schema", "tool", "json_mode"]
WAYS: tuple[Way, ...] = ("json_schema", "tool", "json_mode")
Messages = list[dict[str, str]]
_STRICT_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)


def request_form(way: Way, schema: Mapping[str, Any], name: str, messages: Messages) -> dict[str, Any]:
    """The part of a chat request that holds the messages and asks for an object of this schema."""
    if way == "json_schema":
        wanted = {"name": name, "schema": dict(schema), "strict": can_be_strict(schema)}
        return {"messages": messages, "response_format": {"type": "json_schema", "json_schema": wanted}}
    if way == "tool":
        function = {"name": name, "description": "Give the answer.", "parameters": dict(schema)}
        return {
            "messages": messages,
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": name}},
        }
    shown = json.dumps(schema, ensure_ascii=False)
    told = f"{messages[0]['content']}\n\nAnswer with one JSON object that fits this JSON Schema:\n{shown}"
    first = {"role": "system", "content": told}
    return {"messages": [first, *messages[1:]], "response_format": {"type": "json_object"}}


def can_be_strict(schema: Mapping[str, Any]) -> bool:
    """Whether providers that force the form accept it: closed objects, every property required, known formats."""
    if schema.get("format", "date") not in _STRICT_FORMATS:
        return False
    properties = schema.get("properties", {})
    if "properties" in schema or schema.get("type") == "object":
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != set(properties):
            return False
    items = schema.get("items")
    inner = [*properties.values(), *([items] if isinstance(items, Mapping) else [])]
    return all(can_be_strict(part) for part in inner)
