"""Calls one tool of a registered MCP server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field

from runtime.errors import NodeFailure
from runtime.gateways import McpServerSettings
from runtime.graph.argument_limits import check_limits, in_words, refused_arguments
from runtime.graph.node_types import Effect, JsonSchema, Known, ToolFacts
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.graph.templates import has_parts
from runtime.json_schema import SchemaUnusable, problems_in
from runtime.mcp.input_required import InputRequired
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, Park, Proceed, Waited
from runtime.nodes.tool_questions import (
    StepAsker,
    check_answered,
    continuation,
    is_question,
    next_question,
)

if TYPE_CHECKING:
    from runtime.mcp.results import ToolResult

APPROVE, DECLINE = "approve", "decline"
DEFINITIONS = ("$defs", "definitions")
ROUNDS_AT_MOST = 20
"""Calls in a row that a server may want answered by models and the like, without a person."""
SOON_S, LATER_S = 0.1, 5.0
"""It is called again so soon when it only wants time, then ever later."""
ANYONE = {"kind": "anyone"}
UNSTRUCTURED_OUTPUT: JsonSchema = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "title": "Text"},
        "content": {"type": "array", "title": "Content", "items": {}},
        "data": {"title": "Data (the text read as JSON)"},
    },
    "required": ["text", "content", "data"],
}


class Config(NodeConfig):
    server: str = Field(title="Server", min_length=1, json_schema_extra={"x-widget": "server"})
    tool: str = Field(title="Tool", min_length=1, json_schema_extra={"x-widget": "tool"})
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        title="Arguments",
        json_schema_extra={"x-widget": "tool_arguments", "additionalProperties": {"x-expression": True}},
    )


def pinned_tool(config: Mapping[str, Any], known: Known) -> ToolFacts | None:
    server = known.server(str(config.get("server", "")))
    return server.tools.get(str(config.get("tool", ""))) if server else None


def output(config: Mapping[str, Any], known: Known) -> JsonSchema | None:
    tool = pinned_tool(config, known)
    if tool is None:
        return None
    return tool.output_schema or UNSTRUCTURED_OUTPUT


def refine(schema: JsonSchema, config: Mapping[str, Any], known: Known) -> JsonSchema:
    """The config's schema with the tool's own in the place of the arguments."""
    tool = pinned_tool(config, known)
    if tool is None:
        return schema
    arguments = {**tool.input_schema, "x-expression": True}
    definitions = {name: tool.input_schema[name] for name in DEFINITIONS if name in tool.input_schema}
    return {**schema, **definitions, "properties": {**schema["properties"], "arguments": arguments}}


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """An unknown server or tool, one that may not be used, arguments that are missing or that nobody takes."""
    yield from registration_problems(config, node, known)
    if tool := pinned_tool(config, known):
        yield from _argument_problems(config, node, tool)
        yield from _limit_problems(config, node, tool)


def registration_problems(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """Whether the server and the tool are there and may be used."""
    slug, name = str(config.get("server", "")), str(config.get("tool", ""))
    if not slug or not name:
        return
    server = known.server(slug)
    if server is None:
        yield Problem(
            node.id, "server", "unknown_server", f'There is no MCP server "{slug}" in this workspace.'
        )
        return
    tool = server.tools.get(name)
    if tool is None:
        if not server.listed:
            text = f'The tools of "{server.name}" were never read. Open the server and refresh it.'
            yield Problem(node.id, "server", "server_not_listed", text, severity="warning")
            return
        yield Problem(node.id, "tool", "unknown_tool", f'"{server.name}" has no tool "{name}".')
        return
    if not tool.enabled:
        text = f'"{name}" may not be used yet. An admin can allow it on the page of "{server.name}".'
        yield Problem(node.id, "tool", "mcp_tool_blocked", text)
    if tool.reserved:
        text = f'"{name}" is kept for other workflows. An admin can add this one on the tool\'s page.'
        yield Problem(node.id, "tool", "mcp_tool_reserved", text)


def _limit_problems(config: Mapping[str, Any], node: Node, tool: ToolFacts) -> Iterable[Problem]:
    """Fixed values that an admin does not allow."""
    arguments = config.get("arguments") or {}
    if isinstance(arguments, Mapping):
        for field, why in refused_arguments(arguments, tool.limits, unknown=_holds_parts):
            text = f'An admin decided that "{field}" of {tool.name} {why}.'
            yield Problem(node.id, f"arguments/{field}", "mcp_argument_refused", text)


def _argument_problems(config: Mapping[str, Any], node: Node, tool: ToolFacts) -> Iterable[Problem]:
    """The schema is somebody else's: its properties may be plain `true`, and more may fit by pattern."""
    arguments, properties = config.get("arguments") or {}, tool.input_schema.get("properties") or {}
    if not isinstance(arguments, Mapping) or not isinstance(properties, Mapping):
        return
    required = tool.input_schema.get("required")
    for name in required if isinstance(required, list) else []:
        if arguments.get(name) in (None, ""):
            about = properties.get(name)
            title = about.get("title") if isinstance(about, Mapping) else None
            yield Problem(
                node.id, f"arguments/{name}", "required", f'"{title or name}" is required by {tool.name}.'
            )
    yield from _fixed_value_problems(arguments, properties, node, tool)


def _fixed_value_problems(
    arguments: Mapping[str, Any], properties: Mapping[str, Any], node: Node, tool: ToolFacts
) -> Iterable[Problem]:
    """Values without expressions, judged by the tool's definition; those of expressions are judged by theirs."""
    given = {name: value for name, value in arguments.items() if value not in (None, "")}
    try:
        found = problems_in(given, tool.input_schema)
    except SchemaUnusable:
        # The call itself says why; until then the tool's author is the one to ask.
        return
    for field, sentence, value in found:
        if field and "/" not in field and field not in given:
            # It is required, and that is told already.
            continue
        if field in given and field not in properties:
            text = f'{tool.name} takes no "{field}".'
            yield Problem(node.id, f"arguments/{field}", "unknown_argument", text)
        elif not _holds_parts(value):
            name = field.rpartition("/")[2] or tool.name
            yield Problem(
                node.id, f"arguments/{field}".rstrip("/"), "invalid_config", f'"{name}" {sentence}.'
            )


def _holds_parts(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_parts(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_parts(item) for item in value)
    return has_parts(value)


async def effect(config: Config, ctx: NodeContext) -> Effect:
    _, tool = await ctx.tool(config.server, config.tool)
    return tool.effect


async def ask_first(config: Config, ctx: NodeContext) -> Park | None:
    """What the server asked besides, or a handoff that shows the exact call where somebody must agree to it."""
    _, tool = await ctx.tool(config.server, config.tool)
    return question_before_call(config, tool, tool.approval, ctx)


def question_before_call(
    config: Config, tool: ToolFacts, approval: Mapping[str, Any] | None, ctx: NodeContext
) -> Park | None:
    """What somebody is to be asked before the next call of the step.

    approval   who must agree to its first one, as a handoff's `assign_to`
    """
    if ctx.asked:
        return next_question(ctx.asked)
    return approval_question(config, tool, approval, ctx) if approval is not None else None


def approval_question(config: Config, tool: ToolFacts, asked: Mapping[str, Any], ctx: NodeContext) -> Park:
    """The handoff in which somebody sees the exact call and agrees to it or not.

    asked    who, as a handoff's `assign_to`
    raises   McpError for arguments that an admin does not allow
    """
    arguments = allowed_arguments(config, tool)
    shown = [{"label": name, "value": value} for name, value in arguments.items()]
    where = [{"label": "Server", "value": config.server}, {"label": "Tool", "value": config.tool}]
    limits = [in_words(path, limit) for path, limit in tool.limits.items()]
    held_to = [{"label": "An admin decided", "value": limits}] if limits else []
    question = {
        "title": f"Allow {config.tool}?",
        "message": "The workflow wants to make this call. Nothing is called before somebody agrees.",
        "choices": [{"id": APPROVE, "title": "Approve"}, {"id": DECLINE, "title": "Decline"}],
        "data": where + shown + held_to,
        "fields": [],
        "assign_to": dict(asked),
    }
    due_s = tool.approval_due_s
    due_at = None if due_s is None else ctx.now() + timedelta(seconds=due_s)
    return Park("handoff", due_at=due_at, data=question)


def resume(config: Config, waited: Waited, ctx: NodeContext) -> Proceed:
    """Make the call, or make it again with an answer for its server, or fail because nobody agreed to it."""
    if is_question(waited):
        check_answered(waited)
        return Proceed()
    if waited.signal is None:
        raise NodeFailure(
            f"Nobody agreed to the call of {config.tool} in time. Nothing was sent.",
            code="approval_timed_out",
            details={"server": config.server, "tool": config.tool, "sent": False},
        )
    answer = waited.signal
    if answer.get("choice") == APPROVE:
        return Proceed()
    by, comment = answer.get("answered_by") or "Somebody", answer.get("comment") or ""
    raise NodeFailure(
        f"{by} declined the call of {config.tool}. {comment}".strip(),
        code="approval_declined",
        details={"server": config.server, "tool": config.tool, "by": by, "comment": comment, "sent": False},
    )


def allowed_arguments(config: Config, tool: ToolFacts) -> dict[str, Any]:
    """What is to be sent: null stands for what is not there; raises McpError for what an admin does not allow."""
    arguments = {name: value for name, value in config.arguments.items() if value is not None}
    check_limits(config.server, config.tool, arguments, tool.limits)
    return arguments


async def run(config: Config, ctx: NodeContext) -> Leave | Park:
    settings, tool = await ctx.tool(config.server, config.tool)
    arguments = allowed_arguments(config, tool)
    if tool.rate is not None:
        await ctx.admit(config.server, config.tool)
    result = await _called(config, arguments, settings, tool, ctx)
    if isinstance(result, Park):
        return result
    if tool.output_schema and isinstance(result.structured, dict):
        return Leave(result.structured)
    return Leave({"text": result.text, "content": result.content, "data": result.data})


async def _called(
    config: Config,
    arguments: Mapping[str, Any],
    settings: McpServerSettings,
    tool: ToolFacts,
    ctx: NodeContext,
) -> ToolResult | Park:
    """The result, or what the server asks a person first; what needs no person is answered at once."""
    asker = StepAsker(settings, config.tool, tool.approval or ANYONE, ctx)
    further = await asker.agreed(continuation(ctx.asked))
    left_s, pause_s, rounds = ctx.timeout_s, SOON_S, 0
    ends = time.monotonic() + left_s
    while rounds < ROUNDS_AT_MOST:
        result = await ctx.mcp.call_tool(
            settings,
            config.tool,
            arguments,
            timeout_s=min(left_s, tool.timeout_s or left_s),
            idempotency_key=ctx.idempotency_key,
            input_schema=tool.input_schema,
            output_schema=tool.output_schema,
            on_progress=ctx.progress,
            on_log=ctx.log,
            asker=asker,
            responses=further.responses,
            state=further.state,
        )
        if not isinstance(result, InputRequired):
            return result
        further, question = await asker.answered(result)
        if question is not None:
            return question
        left_s = ends - time.monotonic()
        if left_s < pause_s:
            raise asker.wrong(f"has not come to an end after {ctx.timeout_s:g} s")
        if further.responses is not None:
            rounds += 1
            continue
        await asyncio.sleep(pause_s)
        left_s, pause_s = left_s - pause_s, min(pause_s * 2, LATER_S)
    raise asker.wrong(f"has got {ROUNDS_AT_MOST} answers in a row and wants more")


NODE = NodeType(
    name="mcp_tool",
    title="MCP tool",
    group="Tools",
    description="Calls a tool of a connected MCP server: look something up, or do something.",
    icon="plug",
    config=Config,
    output=output,
    run=run,
    ask_first=ask_first,
    resume=resume,
    effect=effect,
    check=check,
    refine=refine,
    summary="{server} · {tool}",
    default_config={"server": "", "tool": "", "arguments": {}},
)
