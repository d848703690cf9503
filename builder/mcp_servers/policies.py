"""What an admin may decide about a tool, checked before it is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from builder.accounts.matrix import Role, may
from builder.http.errors import Invalid
from builder.http.slugs import PATTERN
from builder.mcp_servers.models import McpTool
from runtime.graph.argument_limits import limit_problem

MAX_LIMITS = 100
FIELDS = {
    "enabled": "enabled",
    "effect": "effect",
    "timeout_s": "timeout_s",
    "rate": "rate",
    "approval": "approval",
    "arguments": "limits",
    "used_by": "used_by",
}
"""As the API names a policy -> as it is stored."""
ALWAYS_SET = {"enabled", "effect"}


def set_policies(tool: McpTool, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Take the changes over and give what was taken; raises Invalid naming each that cannot be."""
    taken = {name: value for name, value in changes.items() if value is not None or name not in ALWAYS_SET}
    problems = list(_problems(taken))
    if problems:
        fields = [{"field": field, "message": why} for field, why in problems]
        raise Invalid("invalid_request", f"{problems[0][0]}: {problems[0][1]}.", {"fields": fields})
    if "arguments" in taken:
        taken["arguments"] = taken["arguments"] or {}
    if taken.get("used_by") is not None:
        taken["used_by"] = sorted(set(taken["used_by"]))
    for name, value in taken.items():
        setattr(tool, FIELDS[name], value)
    return taken


def _problems(changes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    limits = changes.get("arguments") or {}
    if len(limits) > MAX_LIMITS:
        yield "arguments", f"at most {MAX_LIMITS} arguments can be limited"
    for path, limit in limits.items():
        if not all(path.split("/")):
            yield f"arguments/{path}", "is no path of names"
        elif why := limit_problem(limit):
            yield f"arguments/{path}", why
    for slug in changes.get("used_by") or ():
        if not PATTERN.fullmatch(slug):
            yield "used_by", f'"{slug}" is no slug of a workflow'
    if (approval := changes.get("approval")) is not None:
        yield from _approval_problems(approval)


def _approval_problems(approval: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind, value = approval["kind"], approval.get("value") or ""
    if kind == "role" and not may(value, "inbox.answer"):
        able = ", ".join(role for role in Role.values if may(role, "inbox.answer"))
        yield "approval", f"the role must be one that answers the inbox: {able}"
    if kind == "person" and "@" not in value:
        yield "approval", "a person is named by e-mail"
