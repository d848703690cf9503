"""Reads a resource of a registered MCP server: a document, a record, whatever stands at an address of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field

from runtime.errors import McpError
from runtime.graph.node_types import Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, without_effect
from runtime.nodes.listed import argument_problems, as_texts, named_server, server_problems


class Config(NodeConfig):
    server: str = Field(title="Server", min_length=1, json_schema_extra={"x-widget": "server"})
    uri: str = Field(
        title="Resource",
        min_length=1,
        max_length=4000,
        json_schema_extra={"x-widget": "resource", "x-expression": True, "format": "uri"},
    )
    variables: dict[str, Any] = Field(
        default_factory=dict,
        title="Parts of the address",
        json_schema_extra={
            "x-widget": "resource_variables",
            "additionalProperties": {"type": "string", "x-expression": True},
        },
    )


class Content(BaseModel):
    uri: str = Field(title="Address")
    mimeType: str | None = Field(default=None, title="Kind of content")  # noqa: N815  as the protocol names it
    text: str | None = Field(default=None, title="Text")
    blob: str | None = Field(default=None, title="Bytes, in base64")


class Output(BaseModel):
    text: str = Field(title="Text", description="Everything in it that is text.")
    content: list[Content] = Field(title="Content", description="Each part as the server gave it.")


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """An unknown server, an address whose beginning is not fixed, variables that are missing."""
    # It takes a second to load, and the protocol's library has it; by now whoever checks a graph has loaded it.
    from runtime.mcp.addresses import AddressUnusable, open_origin, variables_of

    yield from server_problems(config, node, known, "resources")
    uri = config.get("uri")
    if not isinstance(uri, str) or not uri:
        return
    if why := open_origin(uri):
        code = "expression_not_allowed" if "{" in uri else "invalid_config"
        yield Problem(node.id, "uri", code, why)
        return
    given = config.get("variables")
    if "{{" in uri:
        yield from argument_problems(given, {}, node, "variables", "an address with data in it")
        return
    try:
        wanted = {variable.name: variable.required for variable in variables_of(uri)}
    except AddressUnusable as error:
        yield Problem(node.id, "uri", "invalid_config", f"This is no address: {error}.")
        return
    yield from argument_problems(given, wanted, node, "variables", "the address")
    server = named_server(config, known)
    if server is not None and server.listed and uri not in server.resources:
        text = f'"{server.name}" does not list this address. It may know it all the same.'
        yield Problem(node.id, "uri", "unknown_resource", text, severity="warning")


async def run(config: Config, ctx: NodeContext) -> Leave:
    settings = await ctx.server(config.server)
    found = await ctx.mcp.read_resource(settings, address_of(config), timeout_s=ctx.timeout_s, on_log=ctx.log)
    return Leave({"text": found.text, "content": found.content})


def address_of(config: Config) -> str:
    """The address to read; raises McpError (mcp_invalid_arguments) where a part of it has no value."""
    from runtime.mcp.addresses import expanded, variables_of

    if "{" not in config.uri:
        return config.uri
    values = as_texts(config.variables)
    for variable in variables_of(config.uri):
        if variable.required and not values.get(variable.name):
            raise McpError(
                f'"{variable.name}" has no value, so there is no address to read.',
                code="mcp_invalid_arguments",
                details={"server": config.server, "field": f"variables/{variable.name}", "sent": False},
            )
    return expanded(config.uri, values)


NODE = NodeType(
    name="mcp_resource",
    title="MCP resource",
    group="Tools",
    description="Reads a document or record that a connected MCP server offers.",
    icon="file-text",
    config=Config,
    output=Output,
    run=run,
    effect=without_effect,
    check=check,
    summary="{server} · {uri}",
    default_config={"server": "", "uri": "", "variables": {}},
)
