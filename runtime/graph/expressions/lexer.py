"""Cuts an expression into tokens. The end of a `{{ }}` part is found by reading tokens until `}}` stands alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runtime.errors import ExpressionError

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      |(?P<number>0x[0-9a-fA-F]+|(?:[0-9]*\.)?[0-9]+(?:[eE][+-]?[0-9]+)?)(?P<unsigned>[uU]?)
      |(?P<text>[rR](?:'''.*?'''|\"\"\".*?\"\"\"|'[^'\n]*'|"[^"\n]*")
              |(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))
      |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
      |(?P<operator>\.\?|\[\?|&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL
)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Token:
    """kind is "number", "text", "name", "operator" or "end"."""

    kind: str
    value: Any
    position: int


def failure(message: str, position: int, text: str) -> ExpressionError:
    """An error that says where in the text it is."""
    return ExpressionError(message, details={"position": position, "expression": text[:500]})


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """Tokens from `start` on, then one of kind "end"; raises ExpressionError at what is none."""
    position = start
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise failure(
                f"This is not part of an expression: {text[position : position + 10]!r}.", position, text
            )
        kind = match.lastgroup or ""
        if kind == "unsigned":
            kind = "number"
        if kind != "space":
            yield Token(kind, _value(kind, match.group(kind), position, text), position)
        position = match.end()
    yield Token("end", "", len(text))


def _value(kind: str, raw: str, position: int, text: str) -> Any:
    if kind == "number":
        return _number(raw, position, text)
    return _string(raw, position, text) if kind == "text" else raw


def _number(raw: str, position: int, text: str) -> int | float:
    if raw.startswith("0x"):
        value: int | float = int(raw, 16)
    elif raw.isdigit():
        value = int(raw) if len(raw) < 20 else 2**64
    else:
        value = float(raw)
    if isinstance(value, int) and value > 2**63:
        raise failure("The number has more than 64 bits.", position, text)
    if value == float("inf"):
        raise failure("The number is too large.", position, text)
    return value


def _string(raw: str, position: int, text: str) -> str:
    is_raw = raw[0] in "rR"
    body = raw[1:] if is_raw else raw
    quote = 3 if body[:3] in {"'''", '"""'} and len(body) >= 6 else 1
    body = body[quote:-quote]
    if is_raw or "\\" not in body:
        return body
    return _ESCAPE.sub(lambda match: _escaped(match, position, text), body)


def _escaped(match: re.Match[str], position: int, text: str) -> str:
    short, four, eight, octal, simple = match.groups()
    if simple is not None:
        if simple in _SIMPLE:
            return _SIMPLE[simple]
        if simple in "\\'\"`?":
            return simple
        raise failure(f"\\{simple} is no escape sequence.", position, text)
    code = int(octal, 8) if octal else int(short or four or eight, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise failure("This escape is no character.", position, text)
    return chr(code)
