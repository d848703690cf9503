"""What admins do with members, and what people do with their own account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from builder.accounts.access import Member
from builder.accounts.matrix import Role
from builder.accounts.models import Membership, User, Workspace
from builder.audit.actions import record
from builder.http.errors import Conflict, Invalid

AfterZoneChange = Callable[[Workspace], Any]
_after_zone_change: list[AfterZoneChange] = []


def on_zone_change(hook: AfterZoneChange) -> AfterZoneChange:
    """Register what must happen in the transaction that changes a workspace's time zone: schedules follow it."""
    _after_zone_change.append(hook)
    return hook


@transaction.atomic
def add_member(
    by: Any, workspace: Workspace, *, email: str, role: str, password: str | None = None
) -> Membership:
    """Give a person a role; an unknown person gets an account that can sign in once a password is set."""
    if role not in Role.values:
        raise Invalid("invalid_request", f'There is no role "{role}".', {"choices": list(Role.values)})
    email = email.strip().lower()
    if "@" not in email or len(email) > 254:
        field = [{"field": "email", "message": "Write an e-mail address."}]
        raise Invalid("invalid_request", "This is no e-mail address.", {"fields": field})
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, password)
    membership, is_new = Membership.objects.get_or_create(
        user=user, workspace=workspace, defaults={"role": role}
    )
    if not is_new:
        raise Conflict(
            "already_member", f"{email} belongs to this workspace already.", {"role": membership.role}
        )
    _record(by, "member.add", membership, role=role)
    return membership


@transaction.atomic
def change_role(by: Member, membership: Membership, *, role: str) -> Membership:
    if role not in Role.values:
        raise Invalid("invalid_request", f'There is no role "{role}".', {"choices": list(Role.values)})
    if role != Role.ADMIN:
        _keep_an_admin(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _record(by, "member.change_role", membership, role=role)
    return membership


@transaction.atomic
def remove_member(by: Member, membership: Membership) -> None:
    """Take a person out of the workspace; their tokens die with it."""
    _keep_an_admin(membership)
    _record(by, "member.remove", membership)
    membership.delete()


@transaction.atomic
def change_workspace(by: Member, workspace: Workspace, *, name: str, timezone: str) -> Workspace:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        field = [{"field": "timezone", "message": "Write a zone such as Europe/Berlin."}]
        raise Invalid("invalid_request", f'There is no time zone "{timezone}".', {"fields": field}) from None
    moved = workspace.timezone != timezone
    workspace.name = " ".join(name.split())[:120] or workspace.name
    workspace.timezone = timezone
    workspace.save(update_fields=["name", "timezone"])
    for hook in _after_zone_change if moved else ():
        hook(workspace)
    record(
        by,
        "workspace.change",
        workspace_id=workspace.pk,
        kind="workspace",
        object_id=workspace.pk,
        name=workspace.name,
    )
    return workspace


@transaction.atomic
def set_variables(by: Member, workspace: Workspace, variables: dict[str, Any]) -> Workspace:
    """Replace the constants that expressions read as `vars.<name>`."""
    workspace.variables = variables
    workspace.save(update_fields=["variables"])
    record(
        by,
        "workspace.set_variables",
        workspace_id=workspace.pk,
        kind="workspace",
        object_id=workspace.pk,
        names=sorted(variables),
    )
    return workspace


def _keep_an_admin(membership: Membership) -> None:
    others = Membership.objects.filter(workspace=membership.workspace, role=Role.ADMIN).exclude(
        pk=membership.pk
    )
    if membership.role == Role.ADMIN and not others.exists():
        raise Conflict("last_admin", "A workspace needs an admin. Make someone else admin first.")


def _record(by: Any, verb: str, membership: Membership, **details: Any) -> None:
    record(
        by,
        verb,
        workspace_id=membership.workspace_id,
        kind="member",
        object_id=membership.pk,
        name=membership.user.email,
        **details,
    )
