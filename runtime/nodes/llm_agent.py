"""Lets a model work towards a goal with a closed list of tools, turn by turn, within budgets.

Each turn and each call is a step of its own, so that a worker's death repeats nothing that was finished. What comes
next follows from the steps before alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from runtime.errors import NodeFailure
from runtime.fields import Field as FormField
from runtime.fields import fields_schema
from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.llm.agent import ANSWER, opening, result_message, said
from runtime.nodes import mcp_tool
from runtime.nodes.base import (
    OUT,
    Begin,
    Expand,
    Iteration,
    Leave,
    Loop,
    NodeType,
    Planned,
    PortRule,
    Progress,
    enter,
)
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.lists import models_of, rows_of
from runtime.nodes.model_field import check_model, model_field

SAME_CALL_AT_MOST = 3
REMINDERS = 2
ANSWER_TOKENS = 4096
MAX_DUE_S = 366 * 24 * 3600
SHOWN = 2_000
REASONS = {
    "steps": "It took as many turns as it may.",
    "tokens": "It used as many tokens as it may.",
    "cost": "It spent as much money as it may.",
    "loop": "It asked for the same call again and again.",
    "no_answer": "It did not give the answer in its form.",
}


class AgentTool(NodeConfig):
    server: str = Field(min_length=1, title="Server")
    tool: str = Field(min_length=1, title="Tool")
    approval: bool = Field(default=False, title="Ask a person before each call")
    due_in_s: float | None = Field(
        default=None,
        gt=0,
        le=MAX_DUE_S,
        title="Time to answer",
        description="After it the call is not made, and the model is told so.",
    )


class Config(NodeConfig):
    model: str = model_field()
    goal: str = Field(
        min_length=1,
        max_length=20_000,
        title="Goal",
        description="What is to be achieved, and what to keep to.",
        json_schema_extra={"x-expression": True, "x-widget": "long_text"},
    )
    input: Any = Field(
        default="",
        title="Material",
        description="What the model works on. It is treated as data, never as instructions.",
        json_schema_extra={"x-expression": True, "x-widget": "long_text"},
    )
    tools: list[AgentTool] = Field(
        default_factory=list,
        max_length=50,
        title="Tools",
        description="The model may call these and no others.",
        json_schema_extra={"x-widget": "agent_tools"},
    )
    output_fields: list[FormField] = Field(
        default_factory=list,
        max_length=100,
        title="Fields of the answer",
        description="Values that later steps can use, besides the answer in words.",
        json_schema_extra={"x-widget": "fields"},
    )
    max_steps: int = Field(default=10, ge=1, le=100, title="Turns at most")
    max_tokens: int = Field(
        default=100_000, ge=100, le=10_000_000, title="Tokens at most", json_schema_extra={"x-advanced": True}
    )
    max_cost_usd: float | None = Field(
        default=None, gt=0, le=1000, title="US dollars at most", json_schema_extra={"x-advanced": True}
    )


def output(config: Mapping[str, Any], known: Known) -> JsonSchema:
    fields = fields_schema(models_of(FormField, config.get("output_fields")), nullable=True)
    steps = {
        "type": "object",
        "properties": {
            "server": {"type": "string"},
            "tool": {"type": "string"},
            "arguments": {"type": "object", "additionalProperties": True},
            "status": {"type": "string"},
        },
        "required": ["server", "tool", "arguments", "status"],
    }
    return {
        "type": "object",
        "properties": {
            **fields.get("properties", {}),
            "answer": {"title": "Answer", "type": "string"},
            "steps": {"title": "Calls that it made", "type": "array", "items": steps},
            "reason": {"title": "Why it gave up", "type": "string"},
        },
        "required": [*fields.get("properties", {}), "answer", "steps", "reason"],
    }


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    yield from check_model(config, node, known)
    seen: set[tuple[str, str]] = set()
    for position, row in rows_of(config.get("tools")):
        name = str(row.get("server", "")), str(row.get("tool", ""))
        if name in seen and all(name):
            text = f'"{name[1]}" of "{name[0]}" stands twice in the list.'
            yield Problem(node.id, f"tools/{position}", "duplicate_id", text)
        seen.add(name)
        for problem in mcp_tool.registration_problems(row, node, known):
            yield Problem(
                node.id,
                f"tools/{position}/{problem.field}",
                problem.code,
                problem.message,
                severity=problem.severity,
            )


# --- what comes next ----------------------------------------------------------------------------------


def following(config: Config, progress: Progress) -> Begin | Expand | Leave:
    """A turn of the model, the calls that it asked for, or the end."""
    if progress.running:
        return Begin(0)
    history = [progress.ended[index] for index in range(len(progress.ended))]
    turns = [iteration.values["turn"] for iteration in history if "turn" in iteration.values]
    if not history or "turn" not in history[-1].values:
        return _turn_or_end(config, history, turns)
    last = turns[-1]
    if last["status"] != "succeeded":
        error = last["error"] or {}
        raise NodeFailure(
            str(error.get("message", "")), code=str(error.get("code")), details=error.get("details", {})
        )
    calls: list[dict[str, Any]] = last["output"]["calls"]
    given = next((call for call in calls if call["name"] == ANSWER and not call["problem"]), None)
    if given is not None:
        return _answer(config, history, given["arguments"])
    if not calls and not config.output_fields:
        return _answer(config, history, {"answer": last["output"]["text"]})
    if _repeats_itself(turns):
        return _gave_up(config, history, "loop")
    wanted = [call for call in calls if not call["problem"]]
    if not wanted:
        return _turn_or_end(config, history, turns)
    tools = {(tool.server, tool.tool): tool for tool in config.tools}
    return Expand(tuple(_call(call, number, tools) for number, call in enumerate(wanted, start=1)))


def _turn_or_end(
    config: Config, history: Sequence[Iteration], turns: Sequence[Mapping[str, Any]]
) -> Expand | Leave:
    tokens = sum(_tokens(turn["usage"]) for turn in turns)
    cost = sum(turn["usage"].get("cost_usd") or 0 for turn in turns)
    silent = sum(not turn["output"]["calls"] for turn in turns if turn["output"])
    for reason, is_over in {
        "steps": len(turns) >= config.max_steps,
        "tokens": tokens >= config.max_tokens,
        "cost": config.max_cost_usd is not None and cost >= config.max_cost_usd,
        "no_answer": silent > REMINDERS,
    }.items():
        if is_over:
            return _gave_up(config, history, reason)
    messages = conversation(config, history)
    planned = Planned(
        id="turn",
        type="llm_turn",
        title=f"Turn {len(turns) + 1}",
        config={
            "model": config.model,
            "messages": messages,
            "tools": [{"server": tool.server, "tool": tool.tool} for tool in config.tools],
            "answer_schema": _answer_schema(config),
            "max_tokens": min(ANSWER_TOKENS, config.max_tokens - tokens),
        },
        shown={
            "model": config.model,
            "messages": len(messages),
            "last": str(messages[-1]["content"])[:SHOWN],
        },
    )
    return Expand((planned,))


def conversation(config: Config, history: Sequence[Iteration]) -> list[dict[str, Any]]:
    """Everything said so far, as the model is reminded of it."""
    messages = opening(config.goal, config.input, wants_fields=bool(config.output_fields))
    for number, iteration in enumerate(history):
        if "turn" not in iteration.values:
            continue
        spoken = iteration.values["turn"]["output"]
        messages.append(said(spoken["text"], spoken["calls"]))
        results = history[number + 1].values if number + 1 < len(history) else {}
        done = 0
        for call in spoken["calls"]:
            if call["problem"]:
                messages.append(result_message(call, f"Not called: {call['problem']}"))
                continue
            done += 1
            messages.append(result_message(call, _result(results.get(f"call_{done}"))))
        if not spoken["calls"]:
            messages.append({"role": "user", "content": f"Call {ANSWER} with the result."})
    return messages


def _result(step: Mapping[str, Any] | None) -> Any:
    if step is None:
        return "Not called."
    if step["status"] == "succeeded":
        return step["output"]
    error = step["error"] or {}
    return {"failed": error.get("code"), "message": error.get("message")}


def _call(call: Mapping[str, Any], number: int, tools: Mapping[tuple[str, str], AgentTool]) -> Planned:
    config = {"server": call["server"], "tool": call["tool"], "arguments": call["arguments"]}
    tool = tools.get((call["server"], call["tool"]))
    asked = {"approval": tool.approval if tool else True, "due_in_s": tool.due_in_s if tool else None}
    return Planned(f"call_{number}", "agent_call", str(call["tool"]), {**config, **asked}, shown=config)


def _repeats_itself(turns: Sequence[Mapping[str, Any]]) -> bool:
    counts: dict[str, int] = {}
    for turn in turns:
        for call in turn["output"]["calls"]:
            key = json.dumps([call["name"], call["arguments"]], sort_keys=True)
            counts[key] = counts.get(key, 0) + 1
    return any(count > SAME_CALL_AT_MOST for count in counts.values())


# --- ends -----------------------------------------------------------------------------------------------


def _answer_schema(config: Config) -> dict[str, Any] | None:
    if not config.output_fields:
        return None
    fields = fields_schema(config.output_fields, nullable=True)
    answer = {"type": "string", "description": "The answer in words."}
    return {
        **fields,
        "properties": {"answer": answer, **fields["properties"]},
        "required": ["answer", *fields["required"]],
    }


def _answer(config: Config, history: Sequence[Iteration], given: Mapping[str, Any]) -> Leave:
    fields = {field.id: given.get(field.id) for field in config.output_fields}
    return Leave({**fields, "answer": str(given.get("answer", "")), "steps": _steps(history), "reason": ""})


def _gave_up(config: Config, history: Sequence[Iteration], reason: str) -> Leave:
    fields = dict.fromkeys(field.id for field in config.output_fields)
    texts = [
        iteration.values["turn"]["output"]["text"] for iteration in history if "turn" in iteration.values
    ]
    last = next((text for text in reversed(texts) if text), "")
    output = {**fields, "answer": last, "steps": _steps(history), "reason": REASONS[reason]}
    return Leave(output, ("gave_up",))


def _steps(history: Sequence[Iteration]) -> list[dict[str, Any]]:
    made = []
    for number, iteration in enumerate(history):
        if "turn" not in iteration.values:
            continue
        calls = [call for call in iteration.values["turn"]["output"]["calls"] if not call["problem"]]
        results = history[number + 1].values if number + 1 < len(history) else {}
        for place, call in enumerate(calls, start=1):
            if f"call_{place}" in results:
                made.append(
                    {
                        "server": call["server"],
                        "tool": call["tool"],
                        "arguments": call["arguments"],
                        "status": results[f"call_{place}"]["status"],
                    }
                )
    return made


def _tokens(usage: Mapping[str, Any]) -> int:
    return int(usage.get("input_tokens", 0)) + int(usage.get("output_tokens", 0))


NODE = NodeType(
    name="llm_agent",
    title="Agent",
    group="AI",
    description="A model works towards a goal and calls the tools that you allow it.",
    icon="bot",
    config=Config,
    output=output,
    run=enter,
    loop=Loop(next=following, expands=True),
    check=check,
    port_rules=(OUT, PortRule("gave_up", "Gave up")),
    summary="{goal}",
    default_config={"model": "default", "goal": "", "input": "", "tools": [], "max_steps": 10},
)
