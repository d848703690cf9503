"""A small frame for MCP servers whose tools are plain functions with JSON Schemas."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import mcp_types as wire
from jsonschema import Draft202012Validator
from mcp import MCPError
from mcp.server.lowlevel import Server

from examples.calls import IDEMPOTENCY_KEY, ToolFailed, once, record

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}


@dataclass(frozen=True)
class Tool:
    """One tool; `apply` gets the database and the arguments and returns the structured result."""

    name: str
    title: str
    description: str
    arguments: dict[str, Any]
    result: dict[str, Any]
    apply: Callable[[sqlite3.Connection, dict[str, Any]], dict[str, Any]]
    required: tuple[str, ...] = ()
    reads_only: bool = False
    idempotent: bool = False
    optional_result: tuple[str, ...] = field(default=())

    @property
    def input_schema(self) -> dict[str, Any]:
        return _object(self.arguments, self.required)

    @property
    def output_schema(self) -> dict[str, Any]:
        return _object(self.result, tuple(name for name in self.result if name not in self.optional_result))

    def as_definition(self) -> wire.Tool:
        return wire.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.input_schema,
            output_schema=self.output_schema,
            annotations=wire.ToolAnnotations(
                read_only_hint=self.reads_only,
                idempotent_hint=self.reads_only or self.idempotent,
                destructive_hint=not self.reads_only,
                open_world_hint=False,
            ),
        )


def _object(properties: Mapping[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def make_server(
    name: str,
    version: str,
    instructions: str,
    tools: list[Tool],
    database: sqlite3.Connection,
    besides: Mapping[str, Any] | None = None,
) -> Any:
    """An MCP server with these tools; besides them what `examples.documents.handlers` gave."""
    by_name = {tool.name: tool for tool in tools}

    async def list_tools(ctx: Any, params: Any) -> wire.ListToolsResult:
        return wire.ListToolsResult(tools=[tool.as_definition() for tool in tools])

    async def call_tool(ctx: Any, params: wire.CallToolRequestParams) -> wire.CallToolResult:
        tool = by_name.get(params.name)
        if tool is None:
            raise MCPError(wire.INVALID_PARAMS, f"There is no tool {params.name}.")
        meta = dict(params.meta or {})
        key = str(meta.get(IDEMPOTENCY_KEY) or "")
        return await anyio.to_thread.run_sync(_call, tool, dict(params.arguments or {}), key, database)

    return Server(
        name,
        version=version,
        instructions=instructions,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        **(besides or {}),
    )


def _call(
    tool: Tool, arguments: dict[str, Any], key: str, database: sqlite3.Connection
) -> wire.CallToolResult:
    error = next(iter(Draft202012Validator(tool.input_schema).iter_errors(arguments)), None)
    if error is not None:
        return _failed(ToolFailed("INVALID_ARGUMENTS", error.message))
    record(database, tool.name, key, arguments)
    try:
        if tool.reads_only:
            result = tool.apply(database, arguments)
        else:
            result = once(database, key, lambda: tool.apply(database, arguments))
    except ToolFailed as failure:
        return _failed(failure)
    return wire.CallToolResult(
        content=[wire.TextContent(type="text", text=json.dumps(result))], structured_content=result
    )


def _failed(failure: ToolFailed) -> wire.CallToolResult:
    return wire.CallToolResult(content=[wire.TextContent(type="text", text=failure.as_text())], is_error=True)
