"""Asking a server through a host and waiting for the answer: refresh, and trying a tool out."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction

from builder.accounts.access import Member
from builder.audit.actions import record
from builder.http.waiting import errand_result
from builder.mcp_servers import actions
from builder.mcp_servers.models import McpServer, McpTool
from runtime.errors import PatchbayError

REFRESH_TIMEOUT_S = 25.0
CALL_TIMEOUT_S = 30.0


async def refresh_server(server: McpServer) -> McpServer:
    """Read the tools of a server anew; how it went stands on the returned server."""
    try:
        listing = await errand_result(
            server.workspace_id,
            "mcp.list",
            {"server": server.slug, "timeout_s": REFRESH_TIMEOUT_S - 5},
            REFRESH_TIMEOUT_S,
        )
    except PatchbayError as error:
        return await sync_to_async(actions.note_failure)(server, error.as_dict())
    return await sync_to_async(actions.take_listing)(server, listing)


async def try_tool(by: Member, tool: McpTool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a tool once for a person; raises McpError as the server gave it."""
    await sync_to_async(_note_trial)(by, tool)
    answer: dict[str, Any] = await errand_result(
        tool.server.workspace_id,
        "mcp.call_tool",
        {
            "server": tool.server.slug,
            "tool": tool.name,
            "arguments": arguments,
            "timeout_s": CALL_TIMEOUT_S,
        },
        CALL_TIMEOUT_S + 10,
    )
    return answer


@transaction.atomic
def _note_trial(by: Member, tool: McpTool) -> None:
    record(
        by,
        "mcp_tool.call",
        workspace_id=tool.server.workspace_id,
        kind="mcp_tool",
        object_id=tool.pk,
        name=f"{tool.server.slug}.{tool.name}",
    )
