"""What a server lists, taken into the registry: definitions of tools are pinned, resources and prompts replaced."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import transaction
from django.utils import timezone

from builder.mcp_servers.health import next_check
from builder.mcp_servers.models import McpPrompt, McpResource, McpServer, McpTool

PINNED = ("name", "title", "description", "input_schema", "output_schema", "annotations")


@transaction.atomic
def note_failure(server: McpServer, error: dict[str, Any]) -> McpServer:
    """A refresh failed: keep the tools as they are and say why."""
    server.status, server.error = McpServer.Status.ERROR, error
    server.save(update_fields=["status", "error"])
    return server


@transaction.atomic
def take_listing(server: McpServer, listing: dict[str, Any]) -> McpServer:
    """Store what a server lists: new tools are pinned, changed ones wait for an admin, lost ones are marked."""
    server.status, server.error, server.listed_at = McpServer.Status.OK, None, timezone.now()
    server.checks_failed, server.next_check_at = 0, next_check(server, server.listed_at)
    server.protocol_version, server.wire = listing["protocol_version"] or "", listing["wire"]
    server.server_name = (listing["server_name"] or "")[:200]
    server.server_version = (listing["server_version"] or "")[:80]
    server.instructions = (listing["instructions"] or "")[:20_000]
    server.save()
    known = {tool.name: tool for tool in server.tools.select_for_update()}
    listed = {definition["name"]: definition for definition in listing["tools"]}
    for name, definition in listed.items():
        _take_definition(server, known.get(name), definition)
    gone = [tool.pk for name, tool in known.items() if name not in listed and tool.missing_since is None]
    server.tools.filter(pk__in=gone).update(missing_since=timezone.now())
    _take_resources(server, listing["resources"])
    _take_prompts(server, listing["prompts"])
    return server


def _take_definition(server: McpServer, tool: McpTool | None, definition: dict[str, Any]) -> None:
    now_digest = _digest(definition)
    if tool is None:
        tool = McpTool(server=server)
        pin(tool, definition)
        tool.effect = _claimed_effect(definition["annotations"])
        tool.enabled = server.enable == "all" or (server.enable == "read_only" and tool.effect == "none")
    tool.missing_since = None
    tool.changed = None if tool.digest == now_digest else {key: definition[key] for key in PINNED}
    tool.save()


def pin(tool: McpTool, definition: dict[str, Any]) -> None:
    """Take a definition for the one that an admin has approved."""
    tool.name, tool.title = definition["name"], (definition["title"] or "")[:200]
    tool.description = definition["description"] or ""
    tool.input_schema, tool.output_schema = definition["input_schema"], definition["output_schema"]
    tool.annotations = definition["annotations"] or {}
    tool.digest, tool.changed = _digest(definition), None


def _digest(definition: dict[str, Any]) -> str:
    pinned = {key: definition[key] for key in PINNED}
    return hashlib.sha256(json.dumps(pinned, sort_keys=True).encode()).hexdigest()


def _claimed_effect(annotations: dict[str, Any] | None) -> str:
    """What the server claims may only fill the choice in; an admin decides."""
    claims = annotations or {}
    if claims.get("readOnlyHint"):
        return McpTool.Effect.NONE
    return McpTool.Effect.IDEMPOTENT if claims.get("idempotentHint") else McpTool.Effect.ONCE


def _take_resources(server: McpServer, rows: list[dict[str, Any]]) -> None:
    server.resources.all().delete()
    McpResource.objects.bulk_create(
        McpResource(
            server=server,
            uri=row["uri"],
            is_template=row["is_template"],
            name=row["name"][:300],
            title=(row["title"] or "")[:300],
            description=row["description"] or "",
            media_type=(row["media_type"] or "")[:120],
            position=position,
        )
        for position, row in enumerate(rows)
    )


def _take_prompts(server: McpServer, rows: list[dict[str, Any]]) -> None:
    server.prompts.all().delete()
    McpPrompt.objects.bulk_create(
        McpPrompt(
            server=server,
            name=row["name"][:300],
            title=(row["title"] or "")[:300],
            description=row["description"] or "",
            arguments=row["arguments"],
            position=position,
        )
        for position, row in enumerate(rows)
    )
