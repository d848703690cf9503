"""Fields that people fill in: one shape for forms, handoffs and what a model extracts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting

from runtime.graph.schema import ID_PATTERN

Kind = Literal[
    "text",
    "long_text",
    "number",
    "boolean",
    "date",
    "datetime",
    "email",
    "phone",
    "url",
    "choice",
    "multi_choice",
    "file",
]
MAX_TEXT = 4_000
MAX_LONG_TEXT = 100_000


class Choice(BaseModel):
    """One of several; `id` names the port or the stored value, `title` is what people read."""

    model_config = ConfigDict(extra="forbid")
    id: str = Setting(pattern=ID_PATTERN, title="Id")
    title: str = Setting(default="", max_length=120, title="Title")

    @property
    def label(self) -> str:
        return self.title or self.id


class Field(BaseModel):
    """One thing to fill in or to find."""

    # The schema asks for choices where there is something to choose; stored versions without any go on as they are.
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "if": {"properties": {"kind": {"enum": ["choice", "multi_choice"]}}, "required": ["kind"]},
            "then": {"properties": {"choices": {"title": "Choices", "minItems": 1}}, "required": ["choices"]},
        },
    )
    id: str = Setting(pattern=ID_PATTERN, title="Id")
    title: str = Setting(default="", max_length=120, title="Title")
    kind: Kind = Setting(default="text", title="Kind")
    description: str = Setting(default="", max_length=1000, title="Description")
    required: bool = Setting(default=False, title="Required")
    choices: list[Choice] = Setting(default_factory=list, max_length=200, title="Choices")

    @property
    def label(self) -> str:
        return self.title or self.id


def field_schema(field: Field) -> dict[str, Any]:
    """JSON Schema of one field's value."""
    ids = [choice.id for choice in field.choices]
    schemas: dict[str, dict[str, Any]] = {
        "number": {"type": "number"},
        "boolean": {"type": "boolean"},
        "date": {"type": "string", "format": "date"},
        "datetime": {"type": "string", "format": "date-time"},
        "email": {"type": "string", "format": "email"},
        "url": {"type": "string", "format": "uri"},
        "choice": {"type": "string", "enum": ids} if ids else {"type": "string"},
        "multi_choice": {
            "type": "array",
            "items": {"type": "string", "enum": ids} if ids else {"type": "string"},
        },
        "file": {
            "type": "object",
            "properties": {
                "file": {"type": "string"},
                "name": {"type": "string"},
                "media_type": {"type": "string"},
                "size_bytes": {"type": "number"},
            },
            "required": ["file", "name", "media_type", "size_bytes"],
        },
    }
    schema = schemas.get(field.kind, {"type": "string"})
    described = {"title": field.label} | ({"description": field.description} if field.description else {})
    return described | schema


def fields_schema(fields: Sequence[Field], *, nullable: bool) -> dict[str, Any]:
    """JSON Schema of an object with these fields.

    nullable   every field is there and may be null (what a model found); else the optional ones may be missing
    """
    properties = {field.id: field_schema(field) for field in fields}
    if nullable:
        properties = {name: _or_null(schema) for name, schema in properties.items()}
    required = [field.id for field in fields if nullable or field.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    widened = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        widened["enum"] = [*schema["enum"], None]
    return widened


def check_answers(
    fields: Sequence[Field], answers: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Answers brought to their kinds, and field id -> sentence for each that does not fit.

    Empty answers of optional fields are left out; unknown names are refused.
    """
    clean: dict[str, Any] = {}
    problems = {
        name: "This field is not asked for." for name in answers if name not in {field.id for field in fields}
    }
    for field in fields:
        value = answers.get(field.id)
        if value is None or value in ("", []):
            if field.required and not (field.kind == "boolean" and value is not None):
                problems[field.id] = "Please fill this in."
            elif field.kind == "boolean" and value is not None:
                clean[field.id] = False
            continue
        try:
            clean[field.id] = normalised(field, value)
        except ValueError as error:
            problems[field.id] = str(error)
    return clean, problems


def normalised(field: Field, value: Any) -> Any:
    """The value in the form its kind is stored in; raises ValueError with a sentence."""
    return _NORMALISE[field.kind](field, value)


def _text(field: Field, value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError("Write a text.")
    text = str(value).strip()
    limit = MAX_LONG_TEXT if field.kind == "long_text" else MAX_TEXT
    if len(text) > limit:
        raise ValueError(f"Write at most {limit:,} characters.")
    return text


def _number(field: Field, value: Any) -> int | float:
    if isinstance(value, bool):
        raise ValueError("Write a number.")
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            raise ValueError("Write a number.")
        return value
    text = str(value).strip().replace(" ", "").replace("€", "").replace("$", "")
    if "," in text:
        text = (
            text.replace(".", "").replace(",", ".")
            if text.rfind(",") > text.rfind(".")
            else text.replace(",", "")
        )
    try:
        number = float(text)
    except ValueError:
        raise ValueError("Write a number.") from None
    if not math.isfinite(number):
        raise ValueError("Write a number.")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in {"true", "yes", "on", "1"}:
        return True
    if text in {"false", "no", "off", "0"}:
        return False
    raise ValueError("Choose yes or no.")


def _date(field: Field, value: Any) -> str:
    text = str(value).strip()
    try:
        return (datetime.fromisoformat(text) if len(text) > 10 else date.fromisoformat(text)).strftime(
            "%Y-%m-%d"
        )
    except ValueError:
        raise ValueError("Write a date such as 2026-11-21.") from None


def _datetime(field: Field, value: Any) -> str:
    try:
        return datetime.fromisoformat(str(value).strip().replace("Z", "+00:00")).isoformat()
    except ValueError:
        raise ValueError("Write a date with time such as 2026-11-21T09:30.") from None


def _email(field: Field, value: Any) -> str:
    text = _text(field, value)
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,180}\.[^@\s.]{2,63}", text):
        raise ValueError("Write an e-mail address.")
    return text


def _phone(field: Field, value: Any) -> str:
    text = _text(field, value)
    if not re.fullmatch(r"\+?[0-9][0-9 ()/.-]{3,30}", text):
        raise ValueError("Write a phone number.")
    return text


def _url(field: Field, value: Any) -> str:
    text = _text(field, value)
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("Write an address that begins with https://.")
    return text


def _choice(field: Field, value: Any) -> str:
    text = str(value)
    if field.choices and text not in {choice.id for choice in field.choices}:
        raise ValueError("Choose one of the answers that are offered.")
    return text


def _multi_choice(field: Field, value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(_choice(field, item) for item in values))


def _file(field: Field, value: Any) -> dict[str, Any]:
    raise ValueError("A file cannot be given here.")


_NORMALISE: dict[Kind, Callable[[Field, Any], Any]] = {
    "text": _text,
    "long_text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "email": _email,
    "phone": _phone,
    "url": _url,
    "choice": _choice,
    "multi_choice": _multi_choice,
    "file": _file,
}
