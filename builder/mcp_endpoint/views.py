"""The page that says how to connect an assistant to this workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from builder.accounts.access import calling_member
from builder.accounts.matrix import MCP_TOOLS, MCP_WORKFLOW_TOOL, Role, may
from builder.mcp_endpoint.endpoint import PATH
from builder.mcp_endpoint.models import OfferedTool
from builder.mcp_endpoint.own_tools import OWN_TOOLS

TOKEN = "YOUR_TOKEN"  # noqa: S105  a place to fill in


@dataclass(frozen=True)
class Client:
    """Settings to copy; `where` says into which file or terminal."""

    slug: str
    name: str
    where: str
    text: str


def settings_page(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    address = (settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")) + PATH
    rows = OfferedTool.objects.filter(workspace=member.workspace).select_related("workflow").order_by("name")
    context = {
        "address": address,
        "clients": clients(address),
        "offered": list(rows),
        "own": [{"tool": tool, "roles": roles_with(MCP_TOOLS[name])} for name, tool in OWN_TOOLS.items()],
        "workflow_roles": roles_with(MCP_WORKFLOW_TOOL),
    }
    return render(request, "mcp_endpoint/settings.html", context)


def roles_with(verb: str) -> str:
    return ", ".join(role.label.lower() for role in Role if may(role, verb))


def clients(address: str) -> list[Client]:
    """What people paste into the program that they work with."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    asked = {"type": "promptString", "id": "patchbay-token", "description": "Patchbay API token"}
    code = {
        "inputs": [{**asked, "password": True}],
        "servers": {
            "patchbay": {
                "type": "http",
                "url": address,
                "headers": {"Authorization": "Bearer ${input:patchbay-token}"},
            }
        },
    }
    return [
        Client(
            "claude-code",
            "Claude Code",
            "In a terminal",
            f'claude mcp add --transport http patchbay {address} --header "Authorization: Bearer {TOKEN}"',
        ),
        Client("vs-code", "VS Code", ".vscode/mcp.json (it asks for the token)", _json(code)),
        Client(
            "cursor",
            "Cursor",
            ".cursor/mcp.json",
            _json({"mcpServers": {"patchbay": {"url": address, "headers": headers}}}),
        ),
        Client(
            "inspector",
            "MCP inspector",
            "In a terminal: the tools, as a client sees them",
            f"npx @modelcontextprotocol/inspector --cli {address} --transport http --method tools/list "
            f'--header "Authorization: Bearer {TOKEN}"',
        ),
    ]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)
