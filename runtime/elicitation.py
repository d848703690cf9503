"""What a tool's server asks a person in the middle of a call: its small schema as a form, and answers that fit it.

The protocol allows one level of texts, numbers, yes or no, and choices (MCP, "Elicitation", requested schema). Ids of
fields are the names in the schema, so that what is answered goes back as it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from runtime.json_schema import SchemaUnusable, problems_in

ACCEPT, DECLINE, CANCEL = "accept", "decline", "cancel"
MAX_FIELDS = 50
MAX_CHOICES = 500
MAX_TEXT = 20_000
MAX_SCHEMA_BYTES = 64 * 1024
LONG_TEXT_FROM = 300
FORMATS = {"email": "email", "uri": "url", "date": "date", "date-time": "datetime"}
LIMITS = {"minimum": "minimum", "maximum": "maximum", "minLength": "min_length", "maxLength": "max_length"}


def form_fields(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields of the form, as the inbox shows them; raises SchemaUnusable for what no form can ask.

    Each has id, title, kind, description, required and choices, and where given default, minimum, maximum,
    min_length and max_length.
    """
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    if not isinstance(properties, Mapping) or not isinstance(required, list):
        raise SchemaUnusable("it has no properties")
    if len(properties) > MAX_FIELDS or len(json.dumps(schema)) > MAX_SCHEMA_BYTES:
        raise SchemaUnusable("it is too large")
    problems_in({}, schema)
    return [_field(name, about, name in required) for name, about in properties.items()]


def check_content(
    schema: Mapping[str, Any], answers: Mapping[str, Any], *, zone: str = "UTC"
) -> tuple[dict[str, Any], dict[str, str]]:
    """What goes back to the server, and name -> sentence for each answer that does not fit.

    zone   of dates with a time that name none
    """
    fields = {field["id"]: field for field in form_fields(schema)}
    content: dict[str, Any] = {}
    problems = {name: "This is not asked for." for name in answers if name not in fields}
    for name, field in fields.items():
        value = answers.get(name)
        if value is None or value in ("", []):
            if field["required"]:
                problems[name] = "Please fill this in."
            continue
        try:
            content[name] = _brought_to(field["kind"], value, zone)
        except ValueError as error:
            problems[name] = str(error)
    for path, sentence, _ in problems_in(content, schema):
        name = path.split("/")[0]
        if name in fields:
            problems.setdefault(name, f"It {sentence}.")
    return content, problems


def _field(name: str, about: Any, required: bool) -> dict[str, Any]:
    if not isinstance(about, Mapping):
        raise SchemaUnusable(f'"{name[:100]}" has no type')
    kind, choices = _kind(name, about)
    field: dict[str, Any] = {
        "id": name,
        "title": str(about.get("title") or name)[:200],
        "kind": kind,
        "description": str(about.get("description") or "")[:1000],
        "required": required,
        "choices": choices,
    }
    limits = {ours: about[theirs] for theirs, ours in LIMITS.items() if _is_number(about.get(theirs))}
    default = {"default": about["default"]} if "default" in about else {}
    return field | limits | default


def _kind(name: str, about: Mapping[str, Any]) -> tuple[str, list[dict[str, str]]]:
    match about.get("type"):
        case "array":
            items = about.get("items")
            choices = _choices(items if isinstance(items, Mapping) else {})
            if choices:
                return "multi_choice", choices
        case "boolean":
            return "boolean", []
        case "number" | "integer" as kind:
            return str(kind), []
        case "string":
            if choices := _choices(about):
                return "choice", choices
            longest = about.get("maxLength")
            is_long = isinstance(longest, (int, float)) and longest >= LONG_TEXT_FROM
            return FORMATS.get(str(about.get("format")), "long_text" if is_long else "text"), []
    raise SchemaUnusable(f'"{name[:100]}" is nothing that a form can ask')


def _choices(about: Mapping[str, Any]) -> list[dict[str, str]]:
    """Of `enum`, with the titles that older revisions put beside it, or of `oneOf` or `anyOf` with titles."""
    named = about.get("oneOf") or about.get("anyOf")
    if isinstance(named, list):
        rows = [(row.get("const"), row.get("title")) for row in named if isinstance(row, Mapping)]
    else:
        values = about.get("enum")
        values = values if isinstance(values, list) else []
        titles = about.get("enumNames")
        titles = titles if isinstance(titles, list) and len(titles) == len(values) else values
        rows = list(zip(values, titles, strict=True))
    if len(rows) > MAX_CHOICES:
        raise SchemaUnusable("it offers too many choices")
    return [
        {"id": value, "title": str(title or value)[:200]} for value, title in rows if isinstance(value, str)
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _brought_to(kind: str, value: Any, zone: str) -> Any:
    """The value as JSON of its kind, also from the text of a form; raises ValueError with a sentence."""
    match kind:
        case "boolean":
            return _boolean(value)
        case "number" | "integer":
            return _number(value, whole=kind == "integer")
        case "multi_choice":
            return [str(item) for item in (value if isinstance(value, list) else [value])]
    if isinstance(value, (dict, list, bool)):
        raise ValueError("Write a text.")
    text = str(value) if kind in {"text", "long_text"} else str(value).strip()
    if len(text) > MAX_TEXT:
        raise ValueError(f"Write at most {MAX_TEXT:,} characters.")
    match kind:
        case "email" if not _is_email(text):
            raise ValueError("Write an e-mail address.")
        case "url" if not _is_uri(text):
            raise ValueError("Write an address such as https://example.com.")
        case "date":
            return _date(text)
        case "datetime":
            return _datetime(text, zone)
    return text


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "false": False}
    if str(value).strip().lower() not in known:
        raise ValueError("Choose yes or no.")
    return known[str(value).strip().lower()]


def _number(value: Any, *, whole: bool) -> int | float:
    words = "Write a whole number." if whole else "Write a number."
    if isinstance(value, (bool, dict, list)):
        raise ValueError(words)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(words) from None
    if not math.isfinite(number) or (whole and not number.is_integer()):
        raise ValueError(words)
    return int(value if isinstance(value, int) else number) if number.is_integer() else number


def _is_email(text: str) -> bool:
    name, at, host = text.partition("@")
    return bool(name and at and host) and "@" not in host and not any(sign.isspace() for sign in text)


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path)) and not any(sign.isspace() for sign in text)


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("Write a date such as 2026-11-21.") from None


def _datetime(text: str, zone: str) -> str:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("Write a date with time such as 2026-11-21T09:30.") from None
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).isoformat()
