"""The page that says how to connect an assistant to this workspace."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from builder.accounts.access import calling_member
from builder.accounts.matrix import MCP_TOOLS, MCP_WORKFLOW_TOOL, Role, may
from builder.mcp_endpoint.connecting import clients
from builder.mcp_endpoint.models import OfferedTool
from builder.mcp_endpoint.own_tools import OWN_TOOLS
from builder.oauth_server.addresses import origin_of, resource_of

SERVER_JSON_PATH = "/.well-known/mcp/server.json"


def settings_page(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    origin = origin_of(request)
    address = resource_of(origin)
    rows = OfferedTool.objects.filter(workspace=member.workspace).select_related("workflow").order_by("name")
    context = {
        "address": address,
        "clients": clients(address),
        "version": settings.VERSION,
        "server_json": origin + SERVER_JSON_PATH,
        "offered": list(rows),
        "own": [{"tool": tool, "roles": roles_with(MCP_TOOLS[name])} for name, tool in OWN_TOOLS.items()],
        "workflow_roles": roles_with(MCP_WORKFLOW_TOOL),
    }
    return render(request, "mcp_endpoint/settings.html", context)


def roles_with(verb: str) -> str:
    return ", ".join(role.label.lower() for role in Role if may(role, verb))


def server_json(request: HttpRequest) -> HttpResponse:
    """How registries and clients describe this server (server.json, schema 2025-12-11)."""
    origin = origin_of(request)
    host = urlsplit(origin).hostname or "localhost"
    document = {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": f"{'.'.join(reversed(host.split('.')))}/patchbay",
        "title": "Patchbay",
        "description": "Workflows with language models, tools and people, as tools.",
        "version": settings.VERSION,
        "remotes": [{"type": "streamable-http", "url": resource_of(origin)}],
    }
    return JsonResponse(document, headers={"Access-Control-Allow-Origin": "*"})
