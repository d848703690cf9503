"""Reads what a provider sent: nothing in it is taken for granted.

The SDK's own models are built without validation, so a provider that is only nearly compatible would surface as
an attribute error somewhere later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.json_schema import first_problem

MAX_CALLS = 32
"""More functions called at once than this are left out."""


@dataclass(frozen=True)
class FunctionCall:
    """A function that the model wants called; arguments is the text that it wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """text is the arguments where the model called the function that it was given; said is what it wrote besides."""

    text: str
    was_cut: bool
    declined: str
    input_tokens: int
    output_tokens: int
    said: str = ""
    calls: tuple[FunctionCall, ...] = ()


def read_answer(body: bytes) -> Answer | None:
    """A chat completion; None when the body is none at all."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(whole, dict):
        return None
    choice = _first(whole.get("choices"))
    message = _mapping(choice.get("message"))
    called = _mapping(_first(message.get("tool_calls")).get("function"))
    usage = _mapping(whole.get("usage"))
    return Answer(
        text=_text(called.get("arguments")) or _text(message.get("content")),
        said=_text(message.get("content")),
        calls=_calls(message.get("tool_calls")),
        was_cut=choice.get("finish_reason") == "length",
        declined=_text(message.get("refusal")),
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def read_model_names(body: bytes, limit: int) -> list[str]:
    """The names in a list of models; empty when there is no list."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return []
    rows = _mapping(whole).get("data")
    names = [_text(_mapping(row).get("id")) for row in rows[:limit]] if isinstance(rows, list) else []
    return [name for name in names if name]


def fitting(answer: Answer, schema: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The object in an answer, or why there is none that fits."""
    if answer.declined:
        return None, f"the model declined ({answer.declined[:200]})"
    text = answer.text.strip()
    if text.startswith("```"):
        text = text.strip("`").removeprefix("json").strip()
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None, "it was cut off at the limit of tokens" if answer.was_cut else "it is no JSON"
    if not isinstance(value, dict):
        return None, "it is no JSON object"
    problem = first_problem(value, schema)
    return (None, f"{problem[0] or 'the object'} {problem[1]}") if problem else (value, "")


def _calls(rows: Any) -> tuple[FunctionCall, ...]:
    found = []
    for number, row in enumerate(rows[:MAX_CALLS] if isinstance(rows, list) else []):
        function = _mapping(_mapping(row).get("function"))
        if name := _text(function.get("name")):
            call_id = _text(_mapping(row).get("id")) or f"call_{number}"
            found.append(FunctionCall(call_id[:100], name[:200], _text(function.get("arguments"))))
    return tuple(found)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _first(value: Any) -> Mapping[str, Any]:
    return _mapping(value[0]) if isinstance(value, list) and value else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
