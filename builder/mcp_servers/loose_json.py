"""JSON as people write it into settings files: with comments and trailing commas."""

from __future__ import annotations

import json
import re
from typing import Any

from builder.http.errors import Invalid

MAX_CHARACTERS = 256 * 1024
_STRING_OR_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_STRING_OR_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])')


def read_loose_json(text: str) -> Any:
    """The value; raises Invalid (invalid_document) saying in which line it goes wrong."""
    if len(text) > MAX_CHARACTERS:
        raise Invalid("invalid_document", "The document is longer than 256,000 characters.")
    plain = _STRING_OR_COMMENT.sub(_kept, text.removeprefix("\ufeff"))
    plain = _STRING_OR_COMMA.sub(lambda found: found.group(1) or " ", plain)
    try:
        return json.loads(plain, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise Invalid(
            "invalid_document",
            f"Line {error.lineno} is no JSON: {error.msg[:1].lower()}{error.msg[1:]}.",
            {"line": error.lineno, "column": error.colno},
        ) from None
    except (RecursionError, ValueError):
        raise Invalid("invalid_document", "The document is no JSON that can be read.") from None


def _kept(found: re.Match[str]) -> str:
    """Strings stay; a comment leaves its line ends, so that a problem is told in the right line."""
    return found.group(1) or "\n" * found.group(0).count("\n") or " "


def _refuse(name: str) -> None:
    raise ValueError(name)
