"""What admins do with MCP servers: register, change, refresh, remove, allow tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from builder.accounts.access import Member
from builder.audit.actions import record
from builder.http.errors import Conflict, Invalid
from builder.http.slugs import check_slug
from builder.mcp_servers.listings import pin
from builder.mcp_servers.models import McpServer, McpTool
from builder.mcp_servers.oauth import forget_accounts
from builder.mcp_servers.policies import set_policies
from builder.mcp_servers.sign_in import set_sign_in
from builder.mcp_servers.templates import command_templates


@transaction.atomic
def register_server(
    by: Member,
    *,
    slug: str,
    name: str,
    transport: str,
    url: str = "",
    template: str = "",
    parameters: dict[str, Any] | None = None,
    auth: dict[str, Any] | None = None,
    enable: str = "read_only",
    elicitation: dict[str, Any] | None = None,
    sampling: dict[str, Any] | None = None,
    is_demo: bool = False,
) -> McpServer:
    """A new server; nothing is started or reached until someone refreshes it."""
    check_slug(slug)
    server = McpServer(
        workspace=by.workspace,
        slug=slug,
        name=name.strip() or slug,
        transport=transport,
        enable=enable,
        is_demo=is_demo,
    )
    _set_target(server, url=url, template=template, parameters=parameters or {})
    set_sign_in(server, auth or {"kind": "none"})
    _set_questions(server, elicitation or {})
    _set_sampling(server, sampling)
    try:
        with transaction.atomic():
            server.save()
    except IntegrityError:
        raise Conflict("slug_taken", f'There is an MCP server "{slug}" already.', {"slug": slug}) from None
    _record(by, "mcp_server.register", server)
    return server


@transaction.atomic
def change_server(by: Member, server: McpServer, changes: dict[str, Any]) -> McpServer:
    """Change name, target, sign-in, what it may ask, or which tools are allowed at first; the slug never changes.

    None leaves a thing as it is, but takes `sampling` away.
    """
    changes = {name: value for name, value in changes.items() if value is not None or name == "sampling"}
    if "name" in changes:
        server.name = str(changes["name"]).strip() or server.name
    if changes.get("url", server.url) != server.url:
        forget_accounts(server)
    if {"url", "template", "parameters"} & changes.keys():
        _set_target(
            server,
            url=changes.get("url", server.url),
            template=changes.get("template", server.template),
            parameters=changes.get("parameters", server.parameters),
        )
    if "auth" in changes:
        set_sign_in(server, changes["auth"])
    if "elicitation" in changes:
        _set_questions(server, changes["elicitation"])
    if "sampling" in changes:
        _set_sampling(server, changes["sampling"])
    if "enable" in changes:
        server.enable = changes["enable"]
    server.revision += 1
    server.status, server.error, server.wire = McpServer.Status.UNKNOWN, None, ""
    server.save()
    _record(by, "mcp_server.change", server, fields=sorted(changes))
    return server


@transaction.atomic
def remove_server(by: Member, server: McpServer) -> None:
    _record(by, "mcp_server.remove", server)
    forget_accounts(server)
    server.delete()


@transaction.atomic
def change_tool(by: Member, tool: McpTool, changes: dict[str, Any]) -> McpTool:
    """Decide what is allowed of a tool; raises Invalid for a policy that cannot be."""
    taken = set_policies(tool, changes)
    tool.save()
    record(
        by,
        "mcp_tool.change",
        workspace_id=tool.server.workspace_id,
        kind="mcp_tool",
        object_id=tool.pk,
        name=f"{tool.server.slug}.{tool.name}",
        policies=dict(sorted(taken.items())),
    )
    return tool


@transaction.atomic
def approve_tool(by: Member, tool: McpTool) -> McpTool:
    """Accept the definition that the server gives now."""
    if tool.changed is None:
        raise Conflict("nothing_to_approve", f'The definition of "{tool.name}" has not changed.')
    pin(tool, tool.changed)
    tool.save()
    record(
        by,
        "mcp_tool.approve",
        workspace_id=tool.server.workspace_id,
        kind="mcp_tool",
        object_id=tool.pk,
        name=f"{tool.server.slug}.{tool.name}",
    )
    return tool


# --- inside ----------------------------------------------------------------------------------------


def _set_target(server: McpServer, *, url: str, template: str, parameters: dict[str, Any]) -> None:
    if server.transport == McpServer.Transport.HTTP:
        parts = urlsplit(url or "")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            field = [{"field": "url", "message": "Write an address that begins with https:// (or http://)."}]
            raise Invalid("invalid_request", "The address of the server is not usable.", {"fields": field})
        server.url, server.template, server.parameters = url, "", {}
        return
    offered = command_templates().get(template)
    if offered is None:
        field = [{"field": "template", "message": "Choose one of the commands that the installation offers."}]
        raise Invalid("invalid_request", f'There is no command template "{template}".', {"fields": field})
    server.url, server.template, server.parameters = "", template, offered.check(parameters)


def _set_questions(server: McpServer, given: Mapping[str, Any]) -> None:
    """What becomes of what the server asks people in the middle of a call."""
    server.elicitation = given.get("mode") or server.elicitation
    if given.get("due_s") is not None:
        server.elicitation_due_s = int(given["due_s"])


def _set_sampling(server: McpServer, given: Mapping[str, Any] | None) -> None:
    """Which model the server may have asked; None: none."""
    if not given:
        server.sampling_model = ""
        return
    model = str(given["model"])
    slug = model.partition("/")[0]
    rows = server.workspace.model_connections
    is_known = rows.filter(is_default=True) if model == "default" else rows.filter(slug=slug)
    if not is_known.exists():
        message = f'There is no model connection for "{model}" in this workspace.'
        field = [{"field": "sampling/model", "message": message}]
        raise Invalid("invalid_request", message, {"fields": field})
    server.sampling_model = model
    if given.get("max_tokens") is not None:
        server.sampling_max_tokens = int(given["max_tokens"])
    if given.get("usd_per_day") is not None:
        server.sampling_usd_per_day = float(given["usd_per_day"])
    if given.get("ask_first") is not None:
        server.sampling_ask_first = bool(given["ask_first"])


def _record(by: Member, verb: str, server: McpServer, **details: Any) -> None:
    record(
        by,
        verb,
        workspace_id=server.workspace_id,
        kind="mcp_server",
        object_id=server.pk,
        name=server.slug,
        **details,
    )
