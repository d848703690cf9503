"""What pages of the registry show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from builder.mcp_servers.models import McpPrompt, McpResource, McpServer, McpTool

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
        "missing": [tool for tool in tools if tool.missing_since is not None],
    }


def _fitting(rows: Iterable[Offer], text: str) -> list[Offer]:
    words = text.casefold().split()
    return [row for row in rows if all(word in _text(row) for word in words)]


def _text(row: McpTool | McpResource | McpPrompt) -> str:
    address = row.uri if isinstance(row, McpResource) else ""
    return f"{row.name} {row.title} {row.description} {address}".casefold()
