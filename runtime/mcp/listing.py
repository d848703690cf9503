"""Reading what a server offers, page by page and within bounds."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from mcp import Client

from runtime.errors import McpError
from runtime.mcp import errors
from runtime.mcp.connection import Connection
from runtime.mcp.results import (
    Prompt,
    Resource,
    ServerListing,
    ToolDefinition,
    read_definition,
    read_prompt,
    read_resource_row,
    read_resource_template,
)

MAX_ITEMS = 1000
MAX_PAGES = 100
MAX_LISTING_BYTES = 2 * 1024 * 1024


async def read_listing(connection: Connection, slug: str, deadline: float) -> ServerListing:
    """Everything that the server says it has; raises McpError, also for a listing beyond all measure."""
    client = connection.client
    has = client.server_capabilities
    tools = await read_tools(connection, slug, deadline)
    resources: list[Resource] = []
    prompts: list[Prompt] = []
    if has.resources is not None:
        resources = await _optional(
            connection,
            slug,
            deadline,
            "resources",
            Client.list_resources,
            lambda page: map(read_resource_row, page.resources),
        )
        resources += await _optional(
            connection,
            slug,
            deadline,
            "resource templates",
            Client.list_resource_templates,
            lambda page: map(read_resource_template, page.resource_templates),
        )
    if has.prompts is not None:
        prompts = await _optional(
            connection,
            slug,
            deadline,
            "prompts",
            Client.list_prompts,
            lambda page: map(read_prompt, page.prompts),
        )
    info = client.server_info
    return ServerListing(
        protocol_version=str(client.protocol_version or ""),
        server_name=info.name if info else "",
        server_version=info.version if info else "",
        instructions=client.instructions or "",
        wire=connection.wire,
        tools=tools,
        resources=resources,
        prompts=prompts,
    )


async def read_tools(connection: Connection, slug: str, deadline: float) -> list[ToolDefinition]:
    """Every tool, in the server's own order; none where the server says that it has other things only."""
    has = connection.client.server_capabilities
    if has.tools is None and (has.resources is not None or has.prompts is not None):
        return []
    return await _pages(
        connection, slug, deadline, "tools", Client.list_tools, lambda page: map(read_definition, page.tools)
    )


async def _optional(
    connection: Connection, slug: str, deadline: float, what: str, ask: Any, rows: Callable[[Any], Any]
) -> list[Any]:
    """A server that announces what it then does not know is still of use."""
    try:
        return await _pages(connection, slug, deadline, what, ask, rows)
    except McpError as error:
        if error.details.get("rpc_code") == errors.METHOD_NOT_FOUND:
            return []
        raise


async def _pages(
    connection: Connection,
    slug: str,
    deadline: float,
    what: str,
    ask: Callable[..., Awaitable[Any]],
    rows: Callable[[Any], Any],
) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = None
    size_bytes = 0
    for _ in range(MAX_PAGES):
        page = await connection.call(_page(ask, cursor), max(deadline - time.monotonic(), 0.05))
        size_bytes += len(page.model_dump_json())
        found += rows(page)
        if size_bytes > MAX_LISTING_BYTES or len(found) > MAX_ITEMS:
            message = f'"{slug}" lists more {what} than can be taken (1,000 {what}, 2 MB).'
            raise errors.failure(slug, "mcp_too_large", message, sent=True, answered=True)
        cursor = page.next_cursor
        if not cursor:
            return found
    message = f'The list of {what} of "{slug}" has no end.'
    raise errors.failure(slug, "mcp_too_large", message, sent=True, answered=True)


def _page(ask: Callable[..., Awaitable[Any]], cursor: str | None) -> Callable[[Client], Awaitable[Any]]:
    return lambda client: ask(client, cursor=cursor)
