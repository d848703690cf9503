"""Pages of the registry: servers, their tools, and trying a tool out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from builder.accounts.access import Member, calling_member
from builder.http.errors import Invalid, ProblemError
from builder.http.slugs import free_slug
from builder.mcp_servers import actions, errands
from builder.mcp_servers.api import server_for, servers, tool_for
from builder.mcp_servers.differences import changes_of
from builder.mcp_servers.imports import Proposal, read_proposals
from builder.mcp_servers.models import Account, McpServer, McpTool
from builder.mcp_servers.oauth import account_for, may_connect
from builder.mcp_servers.policy_form import policy_form, read_policies
from builder.mcp_servers.queries import dependents_of, offers
from builder.mcp_servers.questions_form import questions_form, read_questions
from builder.mcp_servers.sampling import today_of
from builder.mcp_servers.sign_in import MAX_HEADERS
from builder.mcp_servers.templates import command_templates
from builder.mcp_servers.tool_form import form_fields, read_arguments
from builder.mcp_servers.tool_tests import tests_of
from runtime.errors import PatchbayError

EMPTY_HEADER_LINES = 2


def server_list(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    rows = servers().filter(workspace=member.workspace).order_by("name")
    return render(request, "mcp_servers/list.html", {"rows": rows})


async def new_server(request: HttpRequest) -> HttpResponse:
    member = await sync_to_async(calling_member)(request)
    context: dict[str, Any] = {
        "templates": command_templates().values(),
        "given": request.POST,
        "header_rows": _header_rows([]),
    }
    if request.method != "POST":
        return await sync_to_async(render)(request, "mcp_servers/new.html", context)
    try:
        server = await sync_to_async(_register)(member, request)
    except ProblemError as error:
        context["problem"] = error
        return await sync_to_async(render)(request, "mcp_servers/new.html", context, status=422)
    if server.auth_kind != "oauth":
        await errands.refresh_server(server)
    return redirect("mcp_server", server_id=server.pk)


async def import_servers(request: HttpRequest) -> HttpResponse:
    """Read a document into proposals; one of them is added with each press of its button."""
    member = await sync_to_async(calling_member)(request)
    given = request.POST
    context: dict[str, Any] = {"document": given.get("document", "")}
    if request.method != "POST":
        return await sync_to_async(render)(request, "mcp_servers/import.html", context)
    added = dict(entry.split(":", 1) for entry in given.getlist("added") if ":" in entry)
    status = 200
    try:
        proposals = read_proposals(context["document"])
        if (number := given.get("add", "")).isdecimal() and int(number) < len(proposals):
            server = await sync_to_async(_add)(member, proposals[int(number)], given)
            await errands.refresh_server(server)
            added[number] = str(server.pk)
    except ProblemError as error:
        context["problem"], status = error, 422
        proposals = read_proposals(context["document"]) if error.code != "invalid_document" else []
    context["added"] = added
    context["proposals"] = [
        {"number": number, "shown": proposal, "server": added.get(str(number))}
        for number, proposal in enumerate(proposals)
    ]
    return await sync_to_async(render)(request, "mcp_servers/import.html", context, status=status)


def _add(member: Member, proposal: Proposal, given: Any) -> McpServer:
    if not proposal.can_be_added:
        raise Invalid("invalid_request", "This server cannot be added as it is.")
    secrets = given.getlist("secret")
    secret = secrets[0] if secrets else ""
    auth: dict[str, Any] = {**proposal.auth, "token": secret, "value": secret}
    if auth["kind"] == "header":
        auth["headers"] = [
            {**row, "value": value} for row, value in zip(auth["headers"], secrets, strict=False)
        ]
    return actions.register_server(
        member,
        slug=_free_slug(member, proposal.name),
        name=proposal.name,
        transport=proposal.transport,
        url=given.get("url") or proposal.url,
        template=proposal.template,
        parameters=dict(proposal.parameters),
        auth=auth,
    )


def _free_slug(member: Member, name: str) -> str:
    rows = McpServer.objects.filter(workspace=member.workspace)
    return free_slug(name, lambda slug: rows.filter(slug=slug).exists(), fallback="server")


def _register(member: Member, request: HttpRequest) -> McpServer:
    given = request.POST
    name = (
        given.get("name", "").strip()
        or given.get("url", "").split("//")[-1].split("/")[0]
        or given.get("template", "")
    )
    template = command_templates().get(given.get("template", ""))
    parameters = (
        {
            row.name: given.get(f"parameter-{template.slug}-{row.name}", row.default)
            for row in template.parameters
        }
        if template
        else {}
    )
    return actions.register_server(
        member,
        slug=given.get("slug") or _free_slug(member, name),
        name=name,
        transport=given.get("transport", "http"),
        url=given.get("url", "").strip(),
        template=given.get("template", ""),
        parameters=parameters,
        auth=_auth(given),
        enable=given.get("enable", "read_only"),
    )


def _auth(given: Any) -> dict[str, Any]:
    names, values = given.getlist("header_name"), given.getlist("header_value")
    headers = [
        {"name": name.strip(), "value": value}
        for name, value in zip(names, values, strict=False)
        if name.strip()
    ]
    return {
        "kind": given.get("auth_kind", "none"),
        "token": given.get("secret", ""),
        "headers": headers,
        "account": given.get("account"),
    }


def _header_rows(names: list[str]) -> list[dict[str, Any]]:
    """Lines of the form: the headers that are there, and empty ones."""
    rows = [{"name": name, "is_kept": True} for name in names]
    return rows + [{"name": "", "is_kept": False}] * min(EMPTY_HEADER_LINES, MAX_HEADERS - len(rows))


def server_page(request: HttpRequest, server_id: UUID) -> HttpResponse:
    server, member = server_for(request, server_id)
    request.member = member  # type: ignore[attr-defined]
    account = account_for(member, server)
    context = {
        **offers(server, request.GET.get("q", "")),
        "account": account,
        "may_connect": may_connect(member, server),
        "accounts": _accounts_of(server) if member.may("mcp.manage") else [],
        "sampled": today_of(server),
        "tests": list(tests_of(server)),
    }
    return render(request, "mcp_servers/server.html", context)


def _accounts_of(server: McpServer) -> list[Account]:
    """Those of people, for an admin to see who is connected."""
    rows = server.accounts.exclude(membership=None).select_related("membership__user")
    return list(rows.order_by("membership__user__email"))


def server_settings(request: HttpRequest, server_id: UUID) -> HttpResponse:
    server, member = server_for(request, server_id)
    request.member = member  # type: ignore[attr-defined]
    if request.method != "POST":
        return render(request, "mcp_servers/settings.html", _settings_context(server))
    changes: dict[str, Any] = {
        "name": request.POST.get("name", server.name),
        "auth": _auth(request.POST),
        **read_questions(request.POST),
    }
    if server.transport == McpServer.Transport.HTTP:
        changes["url"] = request.POST.get("url", "").strip()
    try:
        actions.change_server(member, server, changes)
    except ProblemError as error:
        context = _settings_context(server) | {"problem": error}
        return render(request, "mcp_servers/settings.html", context, status=422)
    messages.success(request, "Saved. Refresh the server to connect with the new settings.")
    return redirect("mcp_server", server_id=server.pk)


def _settings_context(server: McpServer) -> dict[str, Any]:
    return {
        "server": server,
        "dependents": dependents_of(server),
        "header_rows": _header_rows(server.header_names),
        **questions_form(server),
    }


async def refresh(request: HttpRequest, server_id: UUID) -> HttpResponse:
    server, member = await sync_to_async(server_for)(request, server_id)
    server = await errands.refresh_server(server, member)
    if server.error is None:
        await sync_to_async(messages.success)(request, f"Connected to {server.name}.")
    return redirect("mcp_server", server_id=server.pk)


async def examine(request: HttpRequest, server_id: UUID) -> HttpResponse:
    server, member = await sync_to_async(server_for)(request, server_id)
    await errands.examine_server(member, server)
    return redirect(f"{reverse('mcp_server', args=[server.pk])}#doctor")


def remove(request: HttpRequest, server_id: UUID) -> HttpResponse:
    server, member = server_for(request, server_id)
    actions.remove_server(member, server)
    messages.success(request, f"{server.name} was removed.")
    return redirect("mcp_servers")


def tool_page(request: HttpRequest, server_id: UUID, name: str) -> HttpResponse:
    tool, member = tool_for(request, server_id, name)
    request.member = member  # type: ignore[attr-defined]
    if request.method != "POST":
        return render(request, "mcp_servers/tool.html", _tool_context(tool))
    try:
        _change_tool(request, tool, member)
    except ProblemError as error:
        context = _tool_context(tool) | {"problem": error}
        return render(request, "mcp_servers/tool.html", context, status=error.status)
    return redirect("mcp_tool", server_id=tool.server_id, name=tool.name)


def _change_tool(request: HttpRequest, tool: McpTool, member: Member) -> None:
    if request.POST.get("approve"):
        actions.approve_tool(member, tool)
        messages.success(request, "The new definition is approved.")
    else:
        actions.change_tool(member, tool, read_policies(tool, request.POST))
        messages.success(request, "Saved.")


def _tool_context(tool: McpTool, given: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "server": tool.server,
        "tool": tool,
        "fields": form_fields(tool.input_schema, given or {}),
        "changes": changes_of(tool),
        **policy_form(tool),
    }


async def call_tool(request: HttpRequest, server_id: UUID, name: str) -> HttpResponse:
    """Try a tool with the form's values and show what came back."""
    tool, member = await sync_to_async(tool_for)(request, server_id, name)
    given = {key: str(value) for key, value in request.POST.items()}
    context = await sync_to_async(_tool_context)(tool, given)
    request.member = member  # type: ignore[attr-defined]
    arguments, problems = read_arguments(tool.input_schema, given)
    context["problems"] = problems
    if not problems:
        try:
            context["result"] = await errands.try_tool(member, tool, arguments)
        except (PatchbayError, ProblemError) as error:
            context["error"] = error
    return await sync_to_async(render)(request, "mcp_servers/tool.html", context)
