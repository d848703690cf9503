"""Asking a server through a host and waiting for the answer: refresh, the doctor, and trying a tool out."""

from __future__ import annotations

import logging
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from builder.accounts.access import Member
from builder.audit.actions import record
from builder.http.errors import ProblemError
from builder.http.waiting import errand_result
from builder.mcp_servers import listings
from builder.mcp_servers.models import McpServer, McpTool
from runtime.errors import PatchbayError
from runtime.mcp.doctor.report import as_report

logger = logging.getLogger(__name__)

REFRESH_TIMEOUT_S = 25.0
CALL_TIMEOUT_S = 30.0
EXAMINE_TIMEOUT_S = 55.0
SUGGEST_TIMEOUT_S = 4.0
"""Whoever types waits for no suggestion longer."""


async def refresh_server(server: McpServer, by: Member | None = None) -> McpServer:
    """Read the tools of a server anew; how it went stands on the returned server.

    by   whose account is used where each person has their own; None for anybody's
    """
    try:
        listing = await errand_result(
            server.workspace_id,
            "mcp.list",
            {"server": server.slug, "person": _person(by), "timeout_s": REFRESH_TIMEOUT_S - 5},
            REFRESH_TIMEOUT_S,
        )
    except PatchbayError as error:
        return await sync_to_async(listings.note_failure)(server, error.as_dict())
    return await sync_to_async(listings.take_listing)(server, listing)


def _person(by: Member | None) -> str:
    return by.actor if by else ""


async def examine_server(by: Member, server: McpServer) -> McpServer:
    """Ask the doctor; the report stands on the returned server."""
    await sync_to_async(_note)(by, "mcp_server.examine", server)
    tool = await sync_to_async(_harmless_tool)(server)
    try:
        report = await errand_result(
            server.workspace_id,
            "mcp.examine",
            {"server": server.slug, "person": _person(by), "tool": tool},
            EXAMINE_TIMEOUT_S,
        )
    except PatchbayError as error:
        report = _not_begun(error)
    return await sync_to_async(_keep_report)(server, report)


def _not_begun(error: PatchbayError) -> dict[str, Any]:
    """No worker took it, or what is stored cannot be used at all."""
    if error.code == "no_worker":
        return as_report("worker", "Worker", error.message, "The instance admin starts a worker.")
    return as_report("settings", "Settings", error.message, "Change the settings of this server.")


def _harmless_tool(server: McpServer) -> str:
    """A tool that an admin allowed as one that only reads, and that needs no arguments."""
    rows = server.tools.filter(enabled=True, effect="none", changed=None, missing_since=None, approval=None)
    return next((row.name for row in rows if not row.input_schema.get("required")), "")


def _keep_report(server: McpServer, report: dict[str, Any]) -> McpServer:
    server.report, server.examined_at = report, timezone.now()
    server.save(update_fields=["report", "examined_at"])
    return server


@transaction.atomic
def _note(by: Member, verb: str, server: McpServer, **details: Any) -> None:
    record(
        by,
        verb,
        workspace_id=server.workspace_id,
        kind="mcp_server",
        object_id=server.pk,
        name=server.slug,
        **details,
    )


async def try_tool(by: Member, tool: McpTool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a tool once for a person; raises McpError as the server gave it, or ProblemError (approval_needed)."""
    answer: dict[str, Any] = await _tool_errand(by, tool, "mcp.call_tool", arguments)
    return answer


async def inspect_tool(by: Member, tool: McpTool, arguments: dict[str, Any]) -> dict[str, Any]:
    """The same over a connection of its own, with every message; arguments are not checked before."""
    answer: dict[str, Any] = await _tool_errand(by, tool, "mcp.inspect_tool", arguments)
    return answer


async def inspect_server(
    by: Member, server: McpServer, method: str, params: dict[str, Any]
) -> dict[str, Any]:
    """Read a resource (`resources/read`) or get a prompt (`prompts/get`), with every message."""
    await sync_to_async(_note)(by, "mcp_server.inspect", server, method=method)
    answer: dict[str, Any] = await errand_result(
        server.workspace_id,
        "mcp.inspect",
        {"server": server.slug, "person": _person(by), "method": method, "params": params},
        CALL_TIMEOUT_S + 20,
    )
    return answer


async def suggest_values(
    server: McpServer, *, kind: str, name: str, argument: str, value: str, given: dict[str, str]
) -> dict[str, Any]:
    """{"values", "has_more"} for an argument of a prompt or a template of addresses, as the server suggests them.

    Nothing where it suggests nothing, or cannot be asked: whoever fills in a form is not held up by that.
    """
    payload = {
        "server": server.slug,
        "kind": kind,
        "name": name,
        "argument": argument,
        "value": value,
        "given": given,
        "timeout_s": SUGGEST_TIMEOUT_S,
    }
    try:
        answer: dict[str, Any] = await errand_result(
            server.workspace_id, "mcp.complete", payload, SUGGEST_TIMEOUT_S + 1
        )
    except PatchbayError as error:
        logger.info("no suggestions", extra={"action": "mcp.complete", "error": error.code})
        return {"values": [], "has_more": False}
    return answer


async def _tool_errand(by: Member, tool: McpTool, kind: str, arguments: dict[str, Any]) -> Any:
    if tool.approval is not None and not by.may("mcp.manage"):
        raise ProblemError(
            403, "approval_needed", f'Each call of "{tool.name}" needs an approval: only admins try it out.'
        )
    await sync_to_async(_note_trial)(by, tool)
    payload = {
        "server": tool.server.slug,
        "person": _person(by),
        "tool": tool.name,
        "arguments": arguments,
        "timeout_s": CALL_TIMEOUT_S,
    }
    return await errand_result(tool.server.workspace_id, kind, payload, CALL_TIMEOUT_S + 20)


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
