"""What an admin allows of a tool's arguments: a fixed value, or texts that fit a pattern.

A limit belongs to a path of names such as `folder`, `customer/country` or `items/sku`, and on its way goes through every
element of a list. A fixed value must be given; what only has a pattern may be left out. In a list every element must fit.
Patterns are google-re2's, so that none takes long, and must
match the whole text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import re2

from runtime.errors import McpError

Limits = Mapping[str, Mapping[str, Any]]
MISSING = object()
UNFIT = object()
"""Stands where there should be an object, so that nobody can say what a server reads in it."""
MAX_PATTERN = 500


def limit_problem(limit: Any) -> str:
    """Why a limit itself cannot be used, or an empty text."""
    if not isinstance(limit, Mapping) or len(limit) != 1 or not {"value", "pattern"} & limit.keys():
        return "needs either a value or a pattern"
    if "value" in limit:
        return ""
    pattern = limit["pattern"]
    if not isinstance(pattern, str) or not 0 < len(pattern) <= MAX_PATTERN:
        return f"has a pattern of 1 to {MAX_PATTERN} characters"
    try:
        re2.compile(pattern)
    except re2.error as error:
        return f"has a pattern that cannot be read: {error}"
    return ""


def refused_arguments(
    arguments: Mapping[str, Any], limits: Limits, *, unknown: Callable[[Any], bool] = lambda value: False
) -> Iterator[tuple[str, str]]:
    """(path, sentence) for each argument that breaks its limit.

    unknown   says of a value that it is not known yet, so that nothing can be said of it
    """
    for path, limit in limits.items():
        reached = _reached(arguments, path.split("/"), unknown)
        broken = (_broken(value, limit) for value in reached if value is UNFIT or not unknown(value))
        if why := next(filter(None, broken), ""):
            yield path, why


def check_limits(server: str, tool: str, arguments: Mapping[str, Any], limits: Limits) -> None:
    """Raise McpError (mcp_argument_refused) for the first argument that an admin does not allow."""
    for field, why in refused_arguments(arguments, limits):
        raise McpError(
            f'An admin decided that "{field}" of {tool} {why}.',
            code="mcp_argument_refused",
            details={"server": server, "tool": tool, "field": field, "sent": False},
        )


def in_words(path: str, limit: Mapping[str, Any]) -> str:
    """A limit for people: `customer.country must be "DE"`."""
    name = path.replace("/", ".")
    return (
        f"{name} must be {_shown(limit['value'])}"
        if "value" in limit
        else f"{name} must fit {limit['pattern']}"
    )


def _reached(value: Any, path: list[str], unknown: Callable[[Any], bool]) -> Iterator[Any]:
    """What stands at a path, once for each element of the lists on the way."""
    if not path or (isinstance(value, str) and unknown(value)):
        yield value
    elif isinstance(value, list):
        for element in value:
            yield from _reached(element, path, unknown)
    elif isinstance(value, Mapping):
        yield from _reached(value[path[0]], path[1:], unknown) if path[0] in value else (MISSING,)
    else:
        yield MISSING if value is None else UNFIT


def _broken(value: Any, limit: Mapping[str, Any]) -> str:
    if value is UNFIT:
        return "is limited, and stands in something that is no object"
    if "value" in limit:
        return "" if _same(value, limit["value"]) else f"must be {_shown(limit['value'])}"
    if value is MISSING or value is None:
        return ""
    values = value if isinstance(value, list) else [value]
    if all(re2.fullmatch(limit["pattern"], _text(each)) for each in values):
        return ""
    return f"must fit the pattern {limit['pattern']}"


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
