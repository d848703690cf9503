"""What a server says, in our own words: tool definitions and results, and whether a value fits its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as wire

from runtime.json_schema import SchemaUnusable, first_problem
from runtime.mcp import errors


@dataclass(frozen=True)
class ToolDefinition:
    name: str
    title: str | None
    description: str | None
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    annotations: dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A resource, or with `is_template` a pattern of addresses such as `file:///{path}`."""

    uri: str
    is_template: bool
    name: str
    title: str | None
    description: str | None
    media_type: str | None


@dataclass(frozen=True)
class Prompt:
    """arguments   [{"name", "description", "required"}]"""

    name: str
    title: str | None
    description: str | None
    arguments: list[dict[str, Any]]


@dataclass(frozen=True)
class ServerListing:
    """What a server says of itself, and what it offers in its own order.

    wire   the transport that worked: `stdio`, `streamable` or `sse`
    """

    protocol_version: str
    server_name: str
    server_version: str
    instructions: str
    wire: str
    tools: list[ToolDefinition]
    resources: list[Resource]
    prompts: list[Prompt]


DATA_LEVELS_AT_MOST = 90
"""Of text that is read as JSON: less than a step may keep, so that reading it fails no call whose text can be kept."""


@dataclass(frozen=True)
class ToolResult:
    """data is the text read as JSON, or None where it is none, or is nested too deeply."""

    text: str
    content: list[dict[str, Any]]
    structured: Any
    data: Any
    is_error: bool
    duration_ms: float


def read_definition(tool: wire.Tool) -> ToolDefinition:
    annotations = tool.annotations.model_dump(by_alias=True, exclude_none=True) if tool.annotations else {}
    return ToolDefinition(
        name=tool.name,
        title=tool.title or annotations.get("title"),
        description=tool.description,
        input_schema=dict(tool.input_schema),
        output_schema=dict(tool.output_schema) if tool.output_schema else None,
        annotations=annotations,
    )


def read_resource_row(row: wire.Resource) -> Resource:
    return Resource(str(row.uri), False, row.name, row.title, row.description, row.mime_type)


def read_resource_template(row: wire.ResourceTemplate) -> Resource:
    return Resource(row.uri_template, True, row.name, row.title, row.description, row.mime_type)


def read_prompt(row: wire.Prompt) -> Prompt:
    arguments = [
        {"name": entry.name, "description": entry.description or "", "required": bool(entry.required)}
        for entry in row.arguments or ()
    ]
    return Prompt(row.name, row.title, row.description, arguments)


def read_result(answer: wire.CallToolResult, duration_ms: float) -> ToolResult:
    content = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in answer.content]
    text = "\n".join(block["text"] for block in content if block.get("type") == "text")
    return ToolResult(
        text=text,
        content=content,
        structured=answer.structured_content,
        data=_json(text),
        is_error=bool(answer.is_error),
        duration_ms=round(duration_ms, 2),
    )


def _json(text: str) -> Any:
    try:
        data = json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return None
    return data if _fits(data, DATA_LEVELS_AT_MOST) else None


def _fits(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    return levels > 0 and all(
        _fits(item, levels - 1) for item in (value.values() if isinstance(value, dict) else value)
    )


def check_arguments(server: str, arguments: Mapping[str, Any], schema: Mapping[str, Any] | None) -> None:
    if not schema:
        return
    try:
        problem = first_problem(dict(arguments), schema)
    except SchemaUnusable as error:
        message = f'The input schema of this tool of "{server}" cannot be used: {error}.'
        raise errors.failure(server, "mcp_protocol_error", message, sent=False) from error
    if problem is not None:
        field, why = problem
        message = f'The argument "{field}" {why}.' if field else f"The arguments do not fit: {why}."
        raise errors.failure(server, "mcp_invalid_arguments", message, sent=False, field=field, problem=why)


def check_result(server: str, tool: str, result: ToolResult, schema: Mapping[str, Any]) -> None:
    if result.structured is None:
        problem: tuple[str, str] | None = ("", "the structured result is missing")
    else:
        try:
            problem = first_problem(result.structured, schema)
        except SchemaUnusable:
            # The effect has happened; a definition that nobody can check must not turn it into a failure.
            return
    if problem is not None:
        field, why = problem
        what = f'"{field}" {why}' if field else why
        message = f'The result of "{tool}" does not fit its own definition: {what}.'
        raise errors.failure(
            server, "mcp_invalid_result", message, sent=True, answered=True, field=field, problem=why
        )
