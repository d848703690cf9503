"""What an admin allows of a tool's arguments: a fixed value, or texts that fit a pattern.

A limit belongs to a path of names such as `folder` or `customer/country`. A fixed value must be given; what only has a
pattern may be left out. In a list every element must fit. Patterns are google-re2's, so that none takes long, and must
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
        value = _at(arguments, path.split("/"), unknown)
        if value is not MISSING and unknown(value):
            continue
        if why := _broken(value, limit):
            yield path, why


def check_limits(server: str, tool: str, arguments: Mapping[str, Any], limits: Limits) -> None:
    """Raise McpError (mcp_argument_refused) for the first argument that an admin does not allow."""
    for field, why in refused_arguments(arguments, limits):
        raise McpError(
            f'An admin decided that "{field}" of {tool} {why}.',
            code="mcp_argument_refused",
            details={"server": server, "tool": tool, "field": field, "sent": False},
        )


def _at(value: Any, path: list[str], unknown: Callable[[Any], bool]) -> Any:
    for name in path:
        if isinstance(value, str) and unknown(value):
            return value
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value


def _broken(value: Any, limit: Mapping[str, Any]) -> str:
    if "value" in limit:
        return "" if value == limit["value"] else f"must be {_shown(limit['value'])}"
    if value is MISSING or value is None:
        return ""
    values = value if isinstance(value, list) else [value]
    if all(re2.fullmatch(limit["pattern"], _text(each)) for each in values):
        return ""
    return f"must fit the pattern {limit['pattern']}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
