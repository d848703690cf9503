"""The form of a tool's policies: what it shows, and the changes that a person made in it."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from builder.accounts.matrix import Role, may
from builder.http.errors import Invalid
from builder.mcp_servers.limit_form import limit_rows, read_limits
from builder.mcp_servers.models import McpTool

ANYONE, PERSON = "anyone", "person"
MINUTES_AT_MOST = 366 * 24 * 60


def policy_form(tool: McpTool) -> dict[str, Any]:
    """What the template needs: choices, and the values as they are."""
    approval = tool.approval or {}
    used_by = tool.used_by
    workflows = tool.server.workspace.workflows.filter(archived_at=None).order_by("name")
    return {
        "effects": McpTool.Effect.choices,
        "approvers": [
            ("", "Nobody"),
            (ANYONE, "Anyone who answers the inbox"),
            *((f"role:{role.value}", f"Role: {role.label}") for role in Role if may(role, "inbox.answer")),
            (PERSON, "A person, by e-mail"),
        ],
        "approver": f"role:{approval['value']}"
        if approval.get("kind") == "role"
        else approval.get("kind", ""),
        "approval_person": approval.get("value", "") if approval.get("kind") == PERSON else "",
        "approval_minutes": _minutes(approval.get("due_in_s")),
        "limited": limit_rows(tool),
        "users": [
            {"slug": row.slug, "name": row.name, "chosen": used_by is None or row.slug in used_by}
            for row in workflows
        ],
    }


def read_policies(tool: McpTool, given: QueryDict) -> dict[str, Any]:
    """The policies as the API takes them; raises Invalid for a value that cannot be read."""
    return {
        "enabled": given.get("enabled") == "on",
        "effect": given.get("effect") if given.get("effect") in McpTool.Effect.values else None,
        "timeout_s": _number(given.get("timeout_s", ""), "Time limit"),
        "rate": _whole(given.get("rate", "")),
        "approval": _approval(given),
        "arguments": read_limits(tool, given),
        "used_by": None if given.get("used_by_all") == "on" else given.getlist("used_by"),
    }


def _approval(given: QueryDict) -> dict[str, Any] | None:
    kind, _, role = given.get("approver", "").partition(":")
    due = _due(given.get("approval_minutes", ""))
    match kind:
        case "role":
            return {"kind": "role", "value": role, **due}
        case "person":
            return {"kind": PERSON, "value": given.get("approval_person", "").strip(), **due}
        case "anyone":
            return {"kind": ANYONE, **due}
    return None


def _due(text: str) -> dict[str, float]:
    if not text.strip():
        return {}
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= MINUTES_AT_MOST:
        raise _refused("approval", f"Time to answer: write minutes, up to {MINUTES_AT_MOST} (a year).")
    return {"due_in_s": minutes * 60}


def _minutes(due_s: float | None) -> str:
    return "" if due_s is None else f"{due_s / 60:.10g}"


def _number(text: str, title: str) -> float | None:
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 3600:
        raise _refused("timeout_s", f"{title}: write seconds, up to 3600.")
    return number


def _whole(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal() or not 0 < int(text) <= 100_000:
        raise _refused("rate", "Calls per minute: write a whole number from 1 to 100000.")
    return int(text)


def _refused(field: str, why: str) -> Invalid:
    return Invalid("invalid_request", why, {"fields": [{"field": field, "message": why}]})
