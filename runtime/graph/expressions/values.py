"""The values an expression works on: JSON, moments and durations, and "perhaps nothing".

Numbers are one type: whole numbers exact to 64 bits, else doubles; a double without a fraction counts as whole.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_WHOLE = 2**63 - 1
EXACT_DOUBLE = 2**53


@dataclass(frozen=True, slots=True)
class Perhaps:
    """What optional access gives: a value, or nothing."""

    present: bool
    value: Any = None


NOTHING = Perhaps(False)


class ValueProblem(Exception):
    """Something that cannot be done with a value; the evaluator adds the position."""


def number(value: int | float) -> int | float:
    """A result of arithmetic in its one form; raises ValueProblem where it is no number or too large."""
    if isinstance(value, int):
        if -MAX_WHOLE - 1 <= value <= MAX_WHOLE:
            return value
        raise ValueProblem("The number is too large (more than 64 bits).")
    if not math.isfinite(value):
        raise ValueProblem("The result is not a number.")
    return int(value) if value.is_integer() and abs(value) <= EXACT_DOUBLE else value


def known(value: int) -> int | float:
    """A whole number as it was given: PostgreSQL writes out large doubles, such as 1e22, and they are read as whole ones."""
    return value if -MAX_WHOLE - 1 <= value <= MAX_WHOLE else float(value)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def type_name(value: Any) -> str:
    """What people call the type."""
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return "true/false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case datetime():
            return "a moment"
        case timedelta():
            return "a duration"
    return "a value"


def equal(left: Any, right: Any) -> bool:
    """Deep equality; true is not 1, and values of different types are not equal."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return bool(left == right)


def as_text(value: Any) -> str:
    """How a value reads inside a text; raises ValueProblem for null."""
    match value:
        case None:
            raise ValueProblem('The value is empty (null). Give a text for this case with coalesce(…, "…").')
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number_text(value)
        case datetime() | timedelta():
            return as_text(plain(value))
    return json_text(value)


def json_text(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def number_text(value: int | float) -> str:
    """The shortest decimal that reads back as the same number."""
    value = number(value)
    return str(value) if isinstance(value, int) else repr(value)


def plain(value: Any) -> Any:
    """The value as JSON: a moment becomes an RFC 3339 text, a duration its seconds, nothing becomes null."""
    match value:
        case Perhaps():
            return plain(value.value) if value.present else None
        case datetime():
            return moment_text(value)
        case timedelta():
            return number(value.total_seconds())
        case float():
            return number(value)
        case bool():
            return value
        case int():
            return known(value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
    return value


def moment_text(value: datetime) -> str:
    """RFC 3339 in UTC, with a fraction only where there is one."""
    text = value.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")
