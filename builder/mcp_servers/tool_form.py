"""A plain form for a tool's input schema: one control per property, JSON text for what is nested."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def form_fields(schema: Mapping[str, Any], given: Mapping[str, str]) -> list[dict[str, Any]]:
    """[{"name", "label", "hint", "kind", "options", "required", "value"}] in the schema's order."""
    required = set(schema.get("required") or ())
    fields = []
    for name, row in (schema.get("properties") or {}).items():
        kind = _kind(row)
        default = row.get("default")
        shown = given.get(f"arg-{name}", "" if default is None else _text(default))
        fields.append(
            {
                "name": name,
                "label": row.get("title") or name.replace("_", " ").capitalize(),
                "hint": row.get("description", ""),
                "kind": kind,
                "options": [_text(option) for option in row.get("enum", ()) if option is not None],
                "required": name in required,
                "value": shown,
            }
        )
    return fields


def read_arguments(
    schema: Mapping[str, Any], given: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The arguments in the types that the schema asks for, and name -> sentence for each that cannot be read."""
    arguments: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, row in (schema.get("properties") or {}).items():
        text = given.get(f"arg-{name}", "").strip()
        if text == "":
            continue
        try:
            arguments[name] = read_value(row, text)
        except ValueError as error:
            problems[name] = str(error)
    return arguments, problems


def _kind(row: Mapping[str, Any]) -> str:
    types = row.get("type")
    names = [name for name in types if name != "null"] if isinstance(types, list) else [types]
    if "enum" in row:
        return "choice"
    return {"number": "number", "integer": "number", "boolean": "boolean", "string": "text"}.get(
        str(names[0]), "json"
    )


def read_value(row: Mapping[str, Any], text: str) -> Any:
    """A text as the type that a property asks for; raises ValueError with a sentence."""
    match _kind(row):
        case "choice":
            return next((option for option in row["enum"] if _text(option) == text), text)
        case "number":
            try:
                number = float(text)
            except ValueError:
                raise ValueError("Write a number.") from None
            return int(number) if number.is_integer() else number
        case "boolean":
            return text == "true"
        case "json":
            try:
                return json.loads(text)
            except ValueError:
                raise ValueError("Write JSON, for example [1, 2] or {}.") from None
    return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
