"""The MCP server itself: what is listed, called, read and prompted; every caller sees what their role allows.

https://modelcontextprotocol.io/specification/2026-07-28/server
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

import mcp_types as wire
from django.conf import settings
from mcp import MCPError
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from builder.accounts.access import Member
from builder.accounts.matrix import MCP_PROMPTS, MCP_TOOLS, MCP_WORKFLOW_TOOL, may
from builder.http.database import in_database
from builder.mcp_endpoint.calling import LONGEST_WAIT_S, Call, caller_of, run_and_wait
from builder.mcp_endpoint.failures import ToolFailed, error_result, failure_of
from builder.mcp_endpoint.models import OfferedTool
from builder.mcp_endpoint.offered import offered_tools
from builder.mcp_endpoint.own_tools import OWN_TOOLS, answer_own, forbidden
from builder.mcp_endpoint.resources import (
    contents_of,
    introduction,
    read_resource,
    resources_of,
    templates_of,
)

Context = ServerRequestContext[Any, Any]
Item = TypeVar("Item")

PER_PAGE = 200
OLD_RESOURCE_NOT_FOUND = -32002
PROMPT = "use_this_workspace"
INSTRUCTIONS = (
    "Patchbay runs workflows, which may take long and may wait for people. Its workflows are tools here; "
    "list_workflows and describe_workflow tell of the others. An answer with a run_id means that the run goes on: "
    "ask get_run for the rest. The prompt use_this_workspace explains more."
)


def make_server() -> Server[Any]:
    """A server without state: whoever calls stands on the request's scope."""
    nothing_kept = CacheHint(ttl_ms=0, scope="private")
    return Server(
        "patchbay",
        version=settings.VERSION,
        title="Patchbay",
        description="Workflows with language models, tools and people.",
        instructions=INSTRUCTIONS,
        website_url=settings.PUBLIC_URL or None,
        cache_hints={
            "tools/list": nothing_kept,
            "resources/list": nothing_kept,
            "resources/templates/list": nothing_kept,
            "resources/read": nothing_kept,
            "prompts/list": nothing_kept,
        },
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_resource_templates,
        on_read_resource=read,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


# --- tools ------------------------------------------------------------------------------------------------


async def list_tools(context: Context, params: wire.PaginatedRequestParams | None) -> wire.ListToolsResult:
    tools, cursor = page(await in_database(tools_for, caller_of(context).member), params)
    return wire.ListToolsResult(tools=tools, next_cursor=cursor)


def tools_for(member: Member) -> list[wire.Tool]:
    """Those of workflows first, by name; then Patchbay's own, as far as the role goes.

    A program sees also what it lacks the scope for: the call then tells it to ask the person.
    """
    offered = offered_tools(member.workspace) if may(member.role, MCP_WORKFLOW_TOOL) else []
    own = [tool.as_definition() for name, tool in OWN_TOOLS.items() if may(member.role, MCP_TOOLS[name])]
    return [*(definition_of(row) for row in offered), *own]


def definition_of(row: OfferedTool) -> wire.Tool:
    return wire.Tool(
        name=row.name,
        title=row.workflow.name,
        description=row.description or row.workflow.description or None,
        input_schema=row.input_schema,
        output_schema=row.output_schema,
        annotations=wire.ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
        ),
    )


async def call_tool(context: Context, params: wire.CallToolRequestParams) -> wire.CallToolResult:
    """What cannot be done is a result with `isError`, so that a model reads it; only an unknown name is a protocol error."""
    try:
        call = Call.of(context, params.arguments)
        if params.name in OWN_TOOLS:
            return await answer_own(call, OWN_TOOLS[params.name], MCP_TOOLS[params.name])
        return await call_workflow(call, params.name)
    except MCPError:
        raise
    except Exception as error:
        return error_result(failure_of(error))


async def call_workflow(call: Call, name: str) -> wire.CallToolResult:
    row = await in_database(_offered, call.member, name)
    if row is None:
        raise MCPError(wire.INVALID_PARAMS, f"There is no tool {name[:200]!r}. List the tools anew.")
    if not call.member.may(MCP_WORKFLOW_TOOL):
        raise forbidden(name, call)
    return await run_and_wait(
        call,
        row.workflow,
        scope=f"tool.{name}",
        given=call.arguments,
        trigger=row.node,
        wait_s=LONGEST_WAIT_S,
    )


def _offered(member: Member, name: str) -> OfferedTool | None:
    return offered_tools(member.workspace).filter(name=name).first()


# --- resources and prompts --------------------------------------------------------------------------------


async def list_resources(
    context: Context, params: wire.PaginatedRequestParams | None
) -> wire.ListResourcesResult:
    found, cursor = page(await in_database(resources_of, caller_of(context).member), params)
    return wire.ListResourcesResult(resources=found, next_cursor=cursor)


async def list_resource_templates(
    context: Context, params: wire.PaginatedRequestParams | None
) -> wire.ListResourceTemplatesResult:
    return wire.ListResourceTemplatesResult(resource_templates=templates_of(caller_of(context).member))


async def read(context: Context, params: wire.ReadResourceRequestParams) -> wire.ReadResourceResult:
    try:
        value = await in_database(read_resource, caller_of(context).member, params.uri)
    except ToolFailed as failed:
        is_modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
        code = wire.INVALID_PARAMS if is_modern else OLD_RESOURCE_NOT_FOUND
        raise MCPError(code, failed.message, {"uri": params.uri, "code": failed.code}) from failed
    return contents_of(params.uri, value)


async def list_prompts(
    context: Context, params: wire.PaginatedRequestParams | None
) -> wire.ListPromptsResult:
    task = wire.PromptArgument(name="task", description="What you want to get done.", required=False)
    prompt = wire.Prompt(
        name=PROMPT,
        title="Use this workspace",
        description="Which workflows and tools there are, and how to work with runs that wait for people.",
        arguments=[task],
    )
    is_allowed = caller_of(context).member.may(MCP_PROMPTS[PROMPT])
    return wire.ListPromptsResult(prompts=[prompt] if is_allowed else [])


async def get_prompt(context: Context, params: wire.GetPromptRequestParams) -> wire.GetPromptResult:
    member = caller_of(context).member
    if params.name != PROMPT or not member.may(MCP_PROMPTS[PROMPT]):
        raise MCPError(wire.INVALID_PARAMS, f"There is no prompt {params.name[:200]!r}.")
    text = await in_database(introduction, member, (params.arguments or {}).get("task", ""))
    message = wire.PromptMessage(role="user", content=wire.TextContent(type="text", text=text))
    return wire.GetPromptResult(description="How to use this Patchbay workspace", messages=[message])


# --- pages ------------------------------------------------------------------------------------------------


def page(items: Sequence[Item], params: wire.PaginatedRequestParams | None) -> tuple[list[Item], str | None]:
    """A part of a list that is always in the same order, and the cursor of the next one."""
    start = _decoded(params.cursor) if params and params.cursor else 0
    end = start + PER_PAGE
    more = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return list(items[start:end]), more


def _decoded(cursor: str) -> int:
    try:
        return max(int(base64.urlsafe_b64decode(cursor)), 0)
    except (ValueError, binascii.Error):
        raise MCPError(wire.INVALID_PARAMS, "The cursor was not given out by this list.") from None
