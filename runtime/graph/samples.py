"""A JSON Schema guessed from one example; it says what there is, not what there must be."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 8


def schema_of_sample(value: Any, depth: int = 0) -> dict[str, Any]:
    """The shape of an example. `x-sample` marks it as a guess: a property beyond it is only warned of."""
    if depth > MAX_DEPTH:
        return {}
    if isinstance(value, dict):
        properties = {str(key): schema_of_sample(item, depth + 1) for key, item in value.items()}
        return {"type": "object", "properties": properties, "required": sorted(properties), "x-sample": True}
    if isinstance(value, list):
        return {
            "type": "array",
            "items": schema_of_sample(value[0], depth + 1) if value else {},
            "x-sample": True,
        }
    if isinstance(value, bool):
        return {"type": "boolean", "x-sample": True}
    if isinstance(value, (int, float)):
        return {"type": "number", "x-sample": True}
    if isinstance(value, str):
        return {"type": "string", "x-sample": True}
    return {}
