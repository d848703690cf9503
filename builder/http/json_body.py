"""Bodies as JSON, read alike wherever somebody sends one."""

import json
import math
from typing import Any

from builder.http.errors import ProblemError

DIGITS_AT_MOST = 308
"""Whole numbers beyond 64 bits are stored as doubles, and none of those has more."""


def parsed(body: bytes) -> Any:
    """What a body says; raises ProblemError where it is no JSON, or has a number that nobody could give back."""
    try:
        return json.loads(body, parse_constant=_refuse, parse_float=_double, parse_int=_whole)
    except RecursionError as error:
        raise ProblemError(400, "bad_request", "The body is nested too deep.") from error
    except UnicodeDecodeError as error:
        raise ProblemError(400, "bad_request", "The body is not JSON: it is not UTF-8.") from error
    except ValueError as error:
        raise ProblemError(400, "bad_request", f"The body is not JSON: {error}.") from error


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number there")


def _double(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:40]} is larger than any number that can be stored")
    return number


def _whole(digits: str) -> int:
    if len(digits) > DIGITS_AT_MOST:
        raise ValueError(f"{digits[:40]}… is larger than any number that can be stored")
    return int(digits)
