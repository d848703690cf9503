"""What the runtime asks of the registry: how to reach a server, and which of its tools may be used."""

from __future__ import annotations

from typing import Any, cast

from builder.http.encryption import SecretUnreadable
from builder.mcp_servers.models import McpServer, McpTool
from builder.mcp_servers.oauth_gateway import KeptAccounts, account_of
from builder.mcp_servers.templates import command_templates
from runtime.errors import McpError
from runtime.gateways import McpServerSettings
from runtime.graph.node_types import Effect, ServerFacts, ToolFacts


def server_facts(server: McpServer) -> ServerFacts:
    """A server as validation and the editor see it."""
    return ServerFacts(
        slug=server.slug,
        name=server.name,
        listed=server.listed_at is not None,
        tools={tool.name: tool_facts(tool) for tool in server.tools.all() if tool.missing_since is None},
    )


def tool_facts(tool: McpTool) -> ToolFacts:
    return ToolFacts(
        name=tool.name,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        enabled=tool.enabled and tool.changed is None,
        effect=cast(Effect, tool.effect),
    )


class RegisteredServers(KeptAccounts):
    """Implements runtime.gateways.McpServers over the registry's tables."""

    def settings(self, workspace_id: str, server: str) -> McpServerSettings:
        row = McpServer.objects.filter(workspace_id=workspace_id, slug=server).first()
        if row is None:
            raise _unreachable(server, f'There is no MCP server "{server}" in this workspace.')
        return settings_of(row)

    def tool_for_call(self, workspace_id: str, server: str, tool: str) -> tuple[McpServerSettings, ToolFacts]:
        row = self._tool(workspace_id, server, tool)
        if not row.enabled:
            raise McpError(
                f'The tool "{tool}" of "{server}" may not be used. An admin can allow it on the server\'s page.',
                code="mcp_tool_blocked",
                details={"server": server, "tool": tool, "sent": False},
            )
        if row.changed is not None:
            raise McpError(
                f'The server changed the tool "{tool}". An admin must approve the new definition first.',
                code="mcp_tool_changed",
                details={"server": server, "tool": tool, "sent": False},
            )
        return settings_of(row.server), tool_facts(row)

    def tool_for_trial(
        self, workspace_id: str, server: str, tool: str
    ) -> tuple[McpServerSettings, ToolFacts]:
        row = self._tool(workspace_id, server, tool)
        return settings_of(row.server), tool_facts(row)

    def _tool(self, workspace_id: str, server: str, tool: str) -> McpTool:
        tools = McpTool.objects.select_related("server").filter(server__workspace_id=workspace_id)
        row = tools.filter(server__slug=server, name=tool, missing_since=None).first()
        if row is None:
            self.settings(workspace_id, server)
            raise McpError(
                f'"{server}" has no tool "{tool}". Refresh the server if it is new.',
                code="mcp_tool_blocked",
                details={"server": server, "tool": tool, "sent": False},
            )
        return row


def settings_of(row: McpServer) -> McpServerSettings:
    """The settings with their secrets opened; raises McpError when a secret or a template is gone."""
    try:
        secret = row.secret
    except SecretUnreadable as error:
        raise _unreachable(row.slug, f'The secret of "{row.name}" cannot be read. Enter it again.') from error
    common: dict[str, Any] = {
        "id": str(row.pk),
        "workspace_id": str(row.workspace_id),
        "slug": row.slug,
        "revision": str(row.revision),
    }
    if row.transport == McpServer.Transport.HTTP:
        account = account_of(row) if row.auth_kind == "oauth" else ""
        return McpServerSettings(
            transport="http", url=row.url, headers=_headers(row, secret), account=account, **common
        )
    template = command_templates().get(row.template)
    if template is None:
        raise _unreachable(
            row.slug, f'The installation no longer offers the command template "{row.template}".'
        )
    env = template.env | ({template.secrets[0]: secret} if template.secrets and secret else {})
    return McpServerSettings(transport="stdio", command=template.argv(row.parameters), env=env, **common)


def _headers(row: McpServer, secret: str) -> dict[str, str]:
    if row.auth_kind == "bearer":
        return {"Authorization": f"Bearer {secret}"}
    if row.auth_kind == "header":
        return {row.auth_header: secret}
    return {}


def _unreachable(slug: str, message: str) -> McpError:
    return McpError(message, code="mcp_unreachable", retryable=False, details={"server": slug, "sent": False})
