"""What pages of the registry show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from builder.mcp_servers.health import health_of
from builder.mcp_servers.models import McpPrompt, McpResource, McpServer, McpTool

SERVER_TYPES = ("mcp_tool", "mcp_resource", "mcp_prompt", "watch_trigger")
"""Types of steps whose config names a server."""
SEARCH_FROM = 6
"""Fewer offers than these are seen at a glance."""

Offer = TypeVar("Offer", McpTool, McpResource, McpPrompt)


def offers(server: McpServer, text: str = "") -> dict[str, Any]:
    """What a server offers, by kind; with a text only what has it in its name, title, description or address."""
    tools = list(server.tools.all())
    listed = [tool for tool in tools if tool.missing_since is None]
    resources, prompts = list(server.resources.all()), list(server.prompts.all())
    q = text.strip()
    return {
        "server": server,
        "q": q,
        "searchable": len(listed) + len(resources) + len(prompts) >= SEARCH_FROM,
        "tools": _fitting(listed, q),
        "resources": _fitting(resources, q),
        "prompts": _fitting(prompts, q),
        "health": health_of(server),
        "dependents": dependents_of(server),
        "missing": [tool for tool in tools if tool.missing_since is not None],
    }


@dataclass(frozen=True)
class Dependent:
    """A workflow that names a server; is_live tells whether its live version does, or only its draft."""

    id: UUID
    slug: str
    name: str
    is_live: bool
    tools: list[str]


def dependents_of(server: McpServer) -> list[Dependent]:
    """Workflows that would miss a server, by name; the archived ones left out."""
    rows = server.workspace.workflows.filter(archived_at=None).select_related("live_version__graph")
    found = []
    for row in rows.order_by("name"):
        live = _used_tools(row.live_version.graph.document if row.live_version else None, server.slug)
        drafted = _used_tools(row.draft, server.slug)
        if live or drafted:
            found.append(Dependent(row.pk, row.slug, row.name, bool(live), sorted(live | drafted)))
    return found


def _used_tools(document: Any, slug: str) -> set[str]:
    """Names of what a graph uses of a server."""
    nodes = document.get("nodes") if isinstance(document, dict) else None
    used = set()
    for node in nodes if isinstance(nodes, list) else []:
        config = node.get("config") if isinstance(node, dict) else None
        if isinstance(config, dict) and node.get("type") in SERVER_TYPES and config.get("server") == slug:
            used.add(str(config.get("tool") or config.get("uri") or config.get("prompt") or ""))
    return used


def _fitting(rows: Iterable[Offer], text: str) -> list[Offer]:
    words = text.casefold().split()
    return [row for row in rows if all(word in _text(row) for word in words)]


def _text(row: McpTool | McpResource | McpPrompt) -> str:
    address = row.uri if isinstance(row, McpResource) else ""
    return f"{row.name} {row.title} {row.description} {address}".casefold()
