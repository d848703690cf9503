"""Which scope a message needs that a program was not given: told by HTTP 403, so that it can ask the person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builder.accounts.access import Member
from builder.accounts.matrix import MCP_TOOLS, MCP_WORKFLOW_TOOL, SCOPES, may


def scope_lacking(member: Member, message: Mapping[str, Any]) -> str:
    """The scope without which this call is not possible; empty if there is none, or if the role forbids it anyway."""
    if member.scopes is None or message.get("method") != "tools/call":
        return ""
    name = (message.get("params") or {}).get("name")
    verb = MCP_TOOLS.get(name, MCP_WORKFLOW_TOOL) if isinstance(name, str) else ""
    if not may(member.role, verb) or not member.lacks_scope(verb):
        return ""
    return next((scope for scope, verbs in SCOPES.items() if verb in verbs), "")
