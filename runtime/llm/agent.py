"""A conversation in which a model works towards a goal: its messages, the functions it may call, and what it called.

The model chooses among the functions of its list only; whatever else it names is told to it as a mistake. Results of
tools are marked as data, and cut to a length that leaves room for the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.graph.node_types import JsonSchema, ToolFacts
from runtime.json_schema import SchemaUnusable, first_problem
from runtime.llm.answers import FunctionCall
from runtime.llm.prompts import DATA_RULE, data_block

ANSWER = "give_answer"
MAX_NAME = 64
MAX_RESULT = 8_000
MAX_DESCRIPTION = 2_000


@dataclass(frozen=True)
class OfferedTool:
    server: str
    facts: ToolFacts


def opening(goal: str, given: Any, *, wants_fields: bool) -> list[dict[str, Any]]:
    """The first messages: the rules, the goal, and the material."""
    how = (
        f"When you are done, call {ANSWER} with the result."
        if wants_fields
        else "When you are done, answer in plain words."
    )
    system = (
        "You work towards a goal for a business, with the functions that you are given and no others. "
        f"{DATA_RULE} What functions give back stands in such blocks too. {how}"
    )
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": f"Goal: {goal}\n\n{data_block(given)}"},
    ]


def functions_of(tools: Iterable[OfferedTool], answer: JsonSchema | None) -> dict[str, OfferedTool | None]:
    """The model's name for each tool, unique and of the characters that providers take; None is the answer itself."""
    named: dict[str, OfferedTool | None] = {} if answer is None else {ANSWER: None}
    for tool in tools:
        base = re.sub(r"[^A-Za-z0-9_-]", "_", f"{tool.server}__{tool.facts.name}")[:MAX_NAME]
        name, number = base, 2
        while name in named:
            name, number = f"{base[: MAX_NAME - 3]}_{number}", number + 1
        named[name] = tool
    return named


def declared(functions: Mapping[str, OfferedTool | None], answer: JsonSchema | None) -> list[dict[str, Any]]:
    """The functions as the API takes them."""
    found = []
    for name, tool in functions.items():
        parameters = answer if tool is None else tool.facts.input_schema
        description = "Give the result and end." if tool is None else tool.facts.description
        found.append(
            {
                "name": name,
                "description": description[:MAX_DESCRIPTION],
                "parameters": dict(parameters or {"type": "object"}),
            }
        )
    return found


def read_call(
    call: FunctionCall, functions: Mapping[str, OfferedTool | None], answer: JsonSchema | None
) -> dict[str, Any]:
    """{"id", "name", "server", "tool", "arguments", "problem"}: what is wrong with it is told to the model."""
    read: dict[str, Any] = {"id": call.id, "name": call.name, "server": "", "tool": "", "arguments": {}}
    if call.name not in functions:
        return {**read, "problem": f'There is no function "{call.name[:100]}".'}
    tool = functions[call.name]
    if tool is not None:
        read |= {"server": tool.server, "tool": tool.facts.name}
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return {**read, "problem": "The arguments are no JSON."}
    if not isinstance(arguments, dict):
        return {**read, "problem": "The arguments are no JSON object."}
    read["arguments"] = arguments
    return {**read, "problem": _misfit(arguments, answer if tool is None else tool.facts.input_schema)}


def _misfit(arguments: Mapping[str, Any], schema: JsonSchema | None) -> str:
    try:
        problem = first_problem(dict(arguments), schema or {})
    except SchemaUnusable as error:
        return f"Its definition cannot be used: {error}."
    return f"{problem[0] or 'The object'} {problem[1]}." if problem else ""


def said(text: str, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the model said, as the next turn reminds it."""
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {
                    "name": call["name"],
                    "arguments": json.dumps(call["arguments"], ensure_ascii=False),
                },
            }
            for call in calls
        ]
    return message


def result_message(call: Mapping[str, Any], result: Any) -> dict[str, Any]:
    """What came back from a call: data, never instructions."""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    if len(text) > MAX_RESULT:
        text = f"{text[:MAX_RESULT]}\n(cut: {len(text) - MAX_RESULT} more characters)"
    return {"role": "tool", "tool_call_id": call["id"], "content": data_block(text)}
