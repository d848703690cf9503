"""Makes any value fit for a row: what PostgreSQL cannot store is replaced, what is too large is refused."""

import math
from typing import Any

from pydantic_core import to_json

from runtime.errors import NodeFailure
from runtime.graph.expressions.values import MAX_WHOLE

MAX_VALUE_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 100
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(value: Any, *, what: str) -> Any:
    """The value as plain JSON, without NUL characters, lone surrogates or numbers that JSON does not know.

    raises   NodeFailure (value_too_large) over 8 MB or 100 levels
    """
    return measured(value, what=what)[0]


def measured(value: Any, *, what: str) -> tuple[Any, int]:
    """The same, with how many bytes it takes."""
    clean = _clean(value, what, 0)
    size = len(to_json(clean))
    if size > MAX_VALUE_BYTES:
        raise NodeFailure(
            f"{what} has {size:,} bytes; a value may have {MAX_VALUE_BYTES:,}.",
            code="value_too_large",
            details={"size_bytes": size, "limit_bytes": MAX_VALUE_BYTES},
        )
    return clean, size


def _clean(value: Any, what: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise NodeFailure(f"{what} is nested deeper than {MAX_DEPTH} levels.", code="value_too_large")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_WHOLE else _double(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_text(str(key)): _clean(item, what, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item, what, depth + 1) for item in value]
    return _text(str(value))


def _double(value: int) -> float | None:
    """Whole numbers are exact to 64 bits, as in expressions; what is larger is a double."""
    try:
        return float(value)
    except OverflowError:
        return None


def _text(value: str) -> str:
    if "\x00" in value:
        value = value.replace("\x00", _REPLACEMENT)
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()
    return value
