"""Fetches a prompt of a registered MCP server, with its arguments filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from runtime.graph.node_types import Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, without_effect
from runtime.nodes.listed import argument_problems, as_texts, named_server, server_problems


class Config(NodeConfig):
    server: str = Field(title="Server", min_length=1, json_schema_extra={"x-widget": "server"})
    prompt: str = Field(
        title="Prompt", min_length=1, max_length=300, json_schema_extra={"x-widget": "prompt"}
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        title="Arguments",
        json_schema_extra={
            "x-widget": "prompt_arguments",
            "additionalProperties": {"type": "string", "x-expression": True},
        },
    )


class Content(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str = Field(title="Kind")
    text: str | None = Field(default=None, title="Text")


class Message(BaseModel):
    role: str = Field(title="Role")
    content: Content = Field(title="Content")


class Output(BaseModel):
    text: str = Field(title="Text", description="The words of all messages.")
    messages: list[Message] = Field(title="Messages", description="Each one as the server gave it.")


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """An unknown server or prompt, arguments that are missing or that nobody takes."""
    yield from server_problems(config, node, known, "prompts")
    server, name = named_server(config, known), config.get("prompt")
    if server is None or not server.listed or not isinstance(name, str) or not name:
        return
    prompt = server.prompts.get(name)
    if prompt is None:
        yield Problem(node.id, "prompt", "unknown_prompt", f'"{server.name}" has no prompt "{name}".')
        return
    yield from argument_problems(config.get("arguments"), prompt.arguments, node, "arguments", name)


async def run(config: Config, ctx: NodeContext) -> Leave:
    settings = await ctx.server(config.server)
    found = await ctx.mcp.get_prompt(
        settings, config.prompt, as_texts(config.arguments), timeout_s=ctx.timeout_s, on_log=ctx.log
    )
    return Leave({"text": found.text, "messages": found.messages})


NODE = NodeType(
    name="mcp_prompt",
    title="MCP prompt",
    group="Tools",
    description="Fetches a prompt that a connected MCP server keeps, for a model that comes after.",
    icon="message-square-text",
    config=Config,
    output=Output,
    run=run,
    effect=without_effect,
    check=check,
    summary="{server} · {prompt}",
    default_config={"server": "", "prompt": "", "arguments": {}},
)
