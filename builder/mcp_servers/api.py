"""REST: /mcp-servers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from ninja import Router, Status

from builder.accounts.access import Member, calling_member, object_for
from builder.http.paging import Page
from builder.mcp_servers import actions, errands
from builder.mcp_servers.health import health_of
from builder.mcp_servers.imports import read_proposals
from builder.mcp_servers.models import McpServer, McpTool
from builder.mcp_servers.queries import dependents_of
from builder.mcp_servers.schemas import (
    CallIn,
    CallOut,
    DependentOut,
    HealthOut,
    ImportIn,
    InspectIn,
    InspectionOut,
    McpServerIn,
    McpServerOut,
    McpServerPatch,
    PromptOut,
    ProposalOut,
    ProposalsOut,
    RefreshOut,
    ReportOut,
    ResourceOut,
    SuggestIn,
    SuggestionsOut,
    ToolOut,
    ToolPatch,
)

router = Router(tags=["MCP servers"])


def servers() -> QuerySet[McpServer]:
    return McpServer.objects.prefetch_related("tools").select_related("workspace")


def server_for(request: HttpRequest, server_id: UUID) -> tuple[McpServer, Member]:
    return object_for(request, servers(), pk=server_id)


def tool_for(request: HttpRequest, server_id: UUID, name: str) -> tuple[McpTool, Member]:
    server, member = server_for(request, server_id)
    tool = next((tool for tool in server.tools.all() if tool.name == name), None)
    if tool is None:
        raise Http404
    return tool, member


@router.get("/mcp-servers", response=Page[McpServerOut])
def list_servers(request: HttpRequest) -> dict[str, Any]:
    """Every registered server of the workspace, by name."""
    member = calling_member(request)
    rows = servers().filter(workspace=member.workspace).order_by("name")
    return {"items": [McpServerOut.of(row) for row in rows], "next": None}


@router.post("/mcp-servers", response={201: McpServerOut})
def register_server(request: HttpRequest, payload: McpServerIn) -> Status[McpServerOut]:
    """Register a server; refresh it to read its tools."""
    member = calling_member(request)
    server = actions.register_server(member, **payload.dict())
    return Status(201, McpServerOut.of(server))


@router.post("/mcp-servers/import", response=ProposalsOut)
def read_servers(request: HttpRequest, payload: ImportIn) -> ProposalsOut:
    """What a settings file of another host, or of the public registry, describes; nothing is registered by it."""
    calling_member(request)
    found = [ProposalOut.from_orm(proposal) for proposal in read_proposals(payload.document)]
    return ProposalsOut(proposals=found)


@router.get("/mcp-servers/{uuid:server_id}", response=McpServerOut)
def get_server(request: HttpRequest, server_id: UUID) -> McpServerOut:
    server, _ = server_for(request, server_id)
    return McpServerOut.of(server)


@router.patch("/mcp-servers/{uuid:server_id}", response=McpServerOut)
def change_server(request: HttpRequest, server_id: UUID, payload: McpServerPatch) -> McpServerOut:
    server, member = server_for(request, server_id)
    return McpServerOut.of(actions.change_server(member, server, payload.dict(exclude_unset=True)))


@router.delete("/mcp-servers/{uuid:server_id}", response={204: None})
def remove_server(request: HttpRequest, server_id: UUID) -> Status[None]:
    server, member = server_for(request, server_id)
    actions.remove_server(member, server)
    return Status(204, None)


@router.get("/mcp-servers/{uuid:server_id}/health", response=HealthOut)
def get_health(request: HttpRequest, server_id: UUID) -> HealthOut:
    server, _ = server_for(request, server_id)
    return HealthOut.from_orm(health_of(server))


@router.get("/mcp-servers/{uuid:server_id}/dependents", response=Page[DependentOut])
def list_dependents(request: HttpRequest, server_id: UUID) -> dict[str, Any]:
    """Workflows that use the server, to look at before it is removed."""
    server, _ = server_for(request, server_id)
    return {"items": [DependentOut.from_orm(row) for row in dependents_of(server)], "next": None}


@router.post("/mcp-servers/{uuid:server_id}/refresh", response=RefreshOut)
async def refresh_server(request: HttpRequest, server_id: UUID) -> RefreshOut:
    """Connect and read the tools; what went wrong stands in `error`."""
    server, member = await sync_to_async(server_for)(request, server_id)
    server = await errands.refresh_server(server, member)
    tools = await sync_to_async(server.tools.filter(missing_since=None).count)()
    return RefreshOut(status=server.status, tools=tools, error=server.error)


@router.post("/mcp-servers/{uuid:server_id}/doctor", response=ReportOut)
async def examine_server(request: HttpRequest, server_id: UUID) -> ReportOut:
    """Try a new connection step by step; each step says what was seen, and after a failure what to do."""
    server, member = await sync_to_async(server_for)(request, server_id)
    return ReportOut.model_validate((await errands.examine_server(member, server)).report)


@router.post("/mcp-servers/{uuid:server_id}/inspect", response=InspectionOut)
async def inspect_server(request: HttpRequest, server_id: UUID, payload: InspectIn) -> InspectionOut:
    """One request over a new connection, with every message on it; what the server refuses stands in `error`."""
    if payload.method == "tools/call":
        tool, member = await sync_to_async(tool_for)(request, server_id, payload.name)
        found = await errands.inspect_tool(member, tool, payload.arguments)
    else:
        server, member = await sync_to_async(server_for)(request, server_id)
        about: dict[str, Any] = {"name": payload.name, "arguments": payload.arguments}
        params = {"uri": payload.uri} if payload.method == "resources/read" else about
        found = await errands.inspect_server(member, server, payload.method, params)
    return InspectionOut.model_validate(found)


@router.get("/mcp-servers/{uuid:server_id}/tools", response=Page[ToolOut])
def list_tools(request: HttpRequest, server_id: UUID) -> dict[str, Any]:
    server, _ = server_for(request, server_id)
    return {"items": [ToolOut.of(tool) for tool in server.tools.all()], "next": None}


@router.get("/mcp-servers/{uuid:server_id}/resources", response=Page[ResourceOut])
def list_resources(request: HttpRequest, server_id: UUID) -> dict[str, Any]:
    """Resources and templates of addresses, as the server listed them last."""
    server, _ = server_for(request, server_id)
    return {"items": [ResourceOut.of(row) for row in server.resources.all()], "next": None}


@router.get("/mcp-servers/{uuid:server_id}/prompts", response=Page[PromptOut])
def list_prompts(request: HttpRequest, server_id: UUID) -> dict[str, Any]:
    """Prompts, as the server listed them last."""
    server, _ = server_for(request, server_id)
    return {"items": [PromptOut.of(row) for row in server.prompts.all()], "next": None}


@router.post("/mcp-servers/{uuid:server_id}/suggestions", response=SuggestionsOut)
async def suggest_values(request: HttpRequest, server_id: UUID, payload: SuggestIn) -> SuggestionsOut:
    """Values that the server suggests for an argument of a prompt or resource; none where it cannot."""
    server, _ = await sync_to_async(server_for)(request, server_id)
    return SuggestionsOut(**await errands.suggest_values(server, **payload.dict()))


@router.patch("/mcp-servers/{uuid:server_id}/tools/{str:name}", response=ToolOut)
def change_tool(request: HttpRequest, server_id: UUID, name: str, payload: ToolPatch) -> ToolOut:
    tool, member = tool_for(request, server_id, name)
    return ToolOut.of(actions.change_tool(member, tool, payload.dict(exclude_unset=True)))


@router.post("/mcp-servers/{uuid:server_id}/tools/{str:name}/approve", response=ToolOut)
def approve_tool(request: HttpRequest, server_id: UUID, name: str) -> ToolOut:
    """Accept the definition that the server gives now."""
    tool, member = tool_for(request, server_id, name)
    return ToolOut.of(actions.approve_tool(member, tool))


@router.post("/mcp-servers/{uuid:server_id}/tools/{str:name}/call", response=CallOut)
async def call_tool(request: HttpRequest, server_id: UUID, name: str, payload: CallIn) -> CallOut:
    """Call a tool once, for a person who tries it out."""
    tool, member = await sync_to_async(tool_for)(request, server_id, name)
    return CallOut(**await errands.try_tool(member, tool, payload.arguments))
