"""Started by an AI assistant or another agent: the workflow is a tool of Patchbay's own MCP endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.json_schema import SchemaUnusable, problems_in
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType

NAME_LENGTH = 64
"""What model providers allow; the protocol itself would take twice as much."""


def no_arguments() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


class Config(NodeConfig):
    name: str = Field(
        min_length=1,
        max_length=NAME_LENGTH,
        # The length is told by a sentence of its own, so the pattern lets an empty name pass.
        pattern="^[A-Za-z0-9_-]*$",
        title="Tool name",
        description="Letters, digits, - and _, for example order_status. Once in the workspace.",
    )
    description: str = Field(
        default="",
        max_length=4000,
        title="What it does",
        description="Callers, often models, choose the tool by this text: say when to use it and what it answers.",
        json_schema_extra={"x-widget": "long_text"},
    )
    input_schema: dict[str, Any] = Field(
        default_factory=no_arguments,
        title="Arguments",
        description="A JSON Schema of an object, as tools of MCP have it.",
        json_schema_extra={"x-widget": "json"},
    )


def output(config: Mapping[str, Any], known: Known) -> JsonSchema:
    """The arguments, as the definition promises them."""
    schema = config.get("input_schema")
    if not isinstance(schema, Mapping):
        return no_arguments()
    properties = schema.get("properties")
    return {**schema, "type": "object", "properties": properties if isinstance(properties, Mapping) else {}}


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """Arguments that cannot be checked, and a tool that nobody would know when to call."""
    if config.get("name") and not config.get("description"):
        text = "Say what the tool does: callers choose it by its description."
        yield Problem(node.id, "description", "no_description", text, severity="warning")
    schema = config.get("input_schema")
    if not isinstance(schema, Mapping):
        return
    if schema.get("type") != "object":
        text = 'The arguments are an object: write "type": "object" and its "properties".'
        yield Problem(node.id, "input_schema", "invalid_config", text)
        return
    try:
        problems_in({}, schema)
    except SchemaUnusable as error:
        text = f"The arguments are not a JSON Schema that can be used: {error}."
        yield Problem(node.id, "input_schema", "invalid_config", text)


async def run(config: Config, ctx: NodeContext) -> Leave:
    return Leave(ctx.trigger)


NODE = NodeType(
    name="tool_trigger",
    title="Called as a tool",
    group="Triggers",
    description="An AI assistant or another agent calls the workflow as a tool of this workspace.",
    icon="wrench",
    config=Config,
    output=output,
    run=run,
    check=check,
    is_trigger=True,
    has_error_port=False,
    summary="{name}",
    default_config={"name": "", "description": "", "input_schema": no_arguments()},
)
