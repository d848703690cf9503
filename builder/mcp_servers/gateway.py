"""What the runtime asks of the registry: how to reach a server, and which of its tools may be used."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.db.models import F, Q

from builder.http.encryption import SecretUnreadable
from builder.mcp_servers import health, sampling
from builder.mcp_servers.listings import take_listing
from builder.mcp_servers.models import McpPrompt, McpServer, McpTool
from builder.mcp_servers.oauth_gateway import KeptAccounts, account_of, person_behind
from builder.mcp_servers.templates import command_templates
from runtime.engine import clock
from runtime.errors import McpError
from runtime.gateways import Caller, McpServerSettings, SamplingSettings, ServerUse
from runtime.graph.node_types import Effect, PromptFacts, ServerFacts, ToolFacts

LISTED_AGAIN_AFTER = timedelta(minutes=1)
"""A server that keeps saying that its lists changed is asked for them no more often, by all hosts together."""
RATE_SPREAD_S = 3.0
"""Calls that must wait for the next minute do not all come back at its first moment."""


def server_facts(server: McpServer, workflow: str = "") -> ServerFacts:
    """A server as validation and the editor see it, for one workflow (its slug) where that is known."""
    return ServerFacts(
        slug=server.slug,
        name=server.name,
        listed=server.listed_at is not None,
        tools={
            tool.name: tool_facts(tool, workflow) for tool in server.tools.all() if tool.missing_since is None
        },
        resources=frozenset(row.uri for row in server.resources.all()),
        prompts={row.name: prompt_facts(row) for row in server.prompts.all()},
    )


def prompt_facts(prompt: McpPrompt) -> PromptFacts:
    return PromptFacts(prompt.name, {row["name"]: bool(row["required"]) for row in prompt.arguments})


def tool_facts(tool: McpTool, workflow: str = "") -> ToolFacts:
    return ToolFacts(
        name=tool.name,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        description=tool.description,
        enabled=tool.enabled and tool.changed is None,
        effect=cast(Effect, tool.effect),
        reserved=bool(workflow) and tool.used_by is not None and workflow not in tool.used_by,
        timeout_s=tool.timeout_s,
        rate=tool.rate,
        limits=tool.limits,
        approval=_approver(tool.approval),
        approval_due_s=(tool.approval or {}).get("due_in_s"),
    )


def _approver(approval: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if approval is None else {key: approval[key] for key in ("kind", "value") if key in approval}


class RegisteredServers(KeptAccounts):
    """Implements runtime.gateways.McpServers over the registry's tables."""

    def settings(self, workspace_id: str, server: str, person: str = "") -> McpServerSettings:
        row = McpServer.objects.filter(workspace_id=workspace_id, slug=server).first()
        if row is None:
            raise _unreachable(server, f'There is no MCP server "{server}" in this workspace.')
        return settings_of(row, person)

    def tool_for_call(
        self, workspace_id: str, server: str, tool: str, caller: Caller
    ) -> tuple[McpServerSettings, ToolFacts]:
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
        facts = tool_facts(row, caller.workflow)
        if facts.reserved:
            raise McpError(
                f'The tool "{tool}" of "{server}" is kept for other workflows.',
                code="mcp_tool_reserved",
                details={"server": server, "tool": tool, "workflow": caller.workflow, "sent": False},
            )
        return settings_of(row.server, person_behind(row.server, caller)), facts

    def admit_call(self, workspace_id: str, server: str, tool: str) -> None:
        row = self._tool(workspace_id, server, tool)
        if row.rate is None:
            return
        at = clock.now()
        minute = at.replace(second=0, microsecond=0)
        rows = McpTool.objects.filter(pk=row.pk)
        # Two statements that each hold by themselves: no lock, and the limit holds over all hosts.
        rows.filter(Q(counted_minute=None) | Q(counted_minute__lt=minute)).update(
            counted_minute=minute, counted_calls=0
        )
        if rows.filter(counted_calls__lt=row.rate).update(counted_calls=F("counted_calls") + 1):
            return
        wait_s = 60 - (at - minute).total_seconds() + random.uniform(0, RATE_SPREAD_S)  # noqa: S311
        raise McpError(
            f'"{tool}" may be called {row.rate} times a minute, and was. The step tries again by itself.',
            code="mcp_rate_limited",
            retryable=True,
            details={
                "server": server,
                "tool": tool,
                "rate": row.rate,
                "retry_after_s": round(wait_s, 1),
                "held_back": True,
                "sent": False,
            },
        )

    def begin_sampling(self, server_id: str) -> None:
        sampling.begin(server_id)

    def end_sampling(self, server_id: str, usage: Mapping[str, Any]) -> None:
        sampling.end(server_id, usage)

    def tool_for_trial(
        self, workspace_id: str, server: str, tool: str, person: str = ""
    ) -> tuple[McpServerSettings, ToolFacts]:
        row = self._tool(workspace_id, server, tool)
        return settings_of(row.server, person), tool_facts(row)

    def tend(self, uses: Mapping[str, ServerUse]) -> list[McpServerSettings]:
        if uses:
            health.note_uses(uses)
        due = []
        for row in health.claim_checks():
            try:
                due.append(settings_of(row))
            except McpError as error:
                health.note_check(str(row.pk), error.as_dict(), 0.0)
        return due

    def note_listing(self, server_id: str, listing: Mapping[str, Any]) -> None:
        if (server := McpServer.objects.filter(pk=server_id).first()) is not None:
            take_listing(server, dict(listing))

    def claim_listing(self, server_id: str) -> bool:
        at = clock.now()
        rows = McpServer.objects.filter(pk=server_id)
        due = rows.filter(Q(told_at=None) | Q(told_at__lte=at - LISTED_AGAIN_AFTER))
        return bool(due.update(told_at=at))

    def note_check(self, server_id: str, error: Mapping[str, Any] | None, duration_ms: float) -> None:
        health.note_check(server_id, error, duration_ms)

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


def settings_of(row: McpServer, person: str = "") -> McpServerSettings:
    """The settings with their secrets opened; raises McpError when a secret, an account or a template is gone.

    person   e-mail of whoever it is for, where each has an account of their own; without one anybody's will do, for
             what is no call: checks and listings
    """
    try:
        secret = row.secret
    except SecretUnreadable as error:
        raise _unreachable(row.slug, f'The secret of "{row.name}" cannot be read. Enter it again.') from error
    common: dict[str, Any] = {
        "id": str(row.pk),
        "workspace_id": str(row.workspace_id),
        "slug": row.slug,
        "name": row.name,
        "revision": str(row.revision),
        "elicitation": row.elicitation,
        "elicitation_due_s": float(row.elicitation_due_s),
        "sampling": SamplingSettings(row.sampling_model, row.sampling_max_tokens, row.sampling_ask_first)
        if row.sampling_model
        else None,
    }
    if row.transport == McpServer.Transport.HTTP:
        wire: Any = row.wire
        return McpServerSettings(
            transport="http",
            url=row.url,
            headers=_headers(row, secret),
            wire=wire,
            **(account_of(row, person) if row.auth_kind == "oauth" else {}),
            **common,
        )
    template = command_templates().get(row.template)
    if template is None:
        raise _unreachable(
            row.slug, f'The installation no longer offers the command template "{row.template}".'
        )
    own_dir = str(settings.DATA_DIR / "servers" / str(row.pk))
    return McpServerSettings(
        transport="stdio",
        command=template.argv(row.parameters, own_dir),
        env=template.env | ({template.secrets[0]: secret} if template.secrets and secret else {}),
        own_dir=own_dir,
        hidden=tuple(str(place) for place in settings.HIDDEN_FROM_SERVERS),
        **common,
    )


def _headers(row: McpServer, secret: str) -> dict[str, str]:
    if row.auth_kind == "bearer":
        return {"Authorization": f"Bearer {secret}"}
    if row.auth_kind == "header":
        return row.header_values
    return {}


def _unreachable(slug: str, message: str) -> McpError:
    return McpError(message, code="mcp_unreachable", retryable=False, details={"server": slug, "sent": False})
