"""REST: /members, /tokens, /vars and /audit."""

from __future__ import annotations

import re
from typing import Any, Literal
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Body, Router, Schema, Status
from pydantic import ConfigDict, Field

from builder.accounts import actions
from builder.accounts.access import Member, calling_member, member_for
from builder.accounts.models import ApiToken, Membership
from builder.accounts.tokens import create_token, revoke_token
from builder.audit.models import AuditEntry
from builder.http.errors import Conflict, Invalid
from builder.http.paging import Page, newest_first

router = Router(tags=["Members and tokens"])

RoleName = Literal["viewer", "agent", "builder", "operator", "admin"]
VARIABLE_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")


class MemberIn(Schema):
    model_config = ConfigDict(extra="forbid")
    email: str
    role: RoleName


class RoleIn(Schema):
    model_config = ConfigDict(extra="forbid")
    role: RoleName


class MemberOut(Schema):
    id: UUID
    email: str
    name: str
    role: str

    @staticmethod
    def of(row: Membership) -> MemberOut:
        return MemberOut(id=row.pk, email=row.user.email, name=row.user.display_name, role=row.role)


class TokenIn(Schema):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=120)
    role: RoleName


class TokenOut(Schema):
    """`token` is there once, in the answer that made it."""

    id: UUID
    name: str
    role: str
    hint: str
    created_at: str
    last_used_at: str | None
    token: str | None = None

    @staticmethod
    def of(row: ApiToken, plain: str | None = None) -> TokenOut:
        return TokenOut(
            id=row.pk,
            name=row.name,
            role=row.role,
            hint=row.hint,
            created_at=row.created_at.isoformat(),
            last_used_at=row.last_used_at.isoformat() if row.last_used_at else None,
            token=plain,
        )


class AuditOut(Schema):
    """`object` is what was changed: its kind, id and name."""

    id: UUID
    at: str
    actor: str
    via: str
    verb: str
    object: dict[str, str]
    details: dict[str, Any]

    @staticmethod
    def of(row: AuditEntry) -> AuditOut:
        return AuditOut(
            id=row.pk,
            at=row.at.isoformat(),
            actor=row.actor,
            via=row.via,
            verb=row.verb,
            object={"kind": row.object_kind, "id": str(row.object_id), "name": row.object_name},
            details=row.details,
        )


@router.get("/members", response=Page[MemberOut])
def list_members(request: HttpRequest) -> dict[str, Any]:
    member = calling_member(request)
    rows = (
        Membership.objects.filter(workspace=member.workspace).select_related("user").order_by("user__email")
    )
    return {"items": [MemberOut.of(row) for row in rows], "next": None}


@router.post("/members", response={201: MemberOut})
def add_member(request: HttpRequest, payload: MemberIn) -> Status[MemberOut]:
    member = calling_member(request)
    row = actions.add_member(member, member.workspace, email=payload.email, role=payload.role)
    return Status(201, MemberOut.of(row))


@router.patch("/members/{uuid:membership_id}", response=MemberOut)
def change_role(request: HttpRequest, membership_id: UUID, payload: RoleIn) -> MemberOut:
    row, member = membership_for(request, membership_id)
    return MemberOut.of(actions.change_role(member, row, role=payload.role))


@router.delete("/members/{uuid:membership_id}", response={204: None})
def remove_member(request: HttpRequest, membership_id: UUID) -> Status[None]:
    row, member = membership_for(request, membership_id)
    actions.remove_member(member, row)
    return Status(204, None)


def membership_for(request: HttpRequest, membership_id: UUID) -> tuple[Membership, Member]:
    row = Membership.objects.select_related("user", "workspace").filter(pk=membership_id).first()
    if row is None:
        raise Http404
    return row, member_for(request, row.workspace_id)


@router.get("/tokens", response=Page[TokenOut])
def list_tokens(request: HttpRequest) -> dict[str, Any]:
    """The caller's own tokens in this workspace."""
    member = calling_member(request)
    rows = own_tokens(member).order_by("-id")
    return {"items": [TokenOut.of(row) for row in rows], "next": None}


@router.post("/tokens", response={201: TokenOut})
def make_token(request: HttpRequest, payload: TokenIn) -> Status[TokenOut]:
    """A new token of the caller; its text is in this answer and never again."""
    member = calling_member(request)
    if member.token is not None:
        raise Conflict("sign_in_required", "A token cannot make tokens. Sign in and make one under Settings.")
    membership = Membership.objects.get(user=member.user, workspace=member.workspace)
    token, plain = create_token(membership, name=payload.name, role=payload.role, by=member)
    return Status(201, TokenOut.of(token, plain))


@router.delete("/tokens/{uuid:token_id}", response={204: None})
def revoke(request: HttpRequest, token_id: UUID) -> Status[None]:
    member = calling_member(request)
    token = own_tokens(member).filter(pk=token_id).first()
    if token is None:
        raise Http404
    revoke_token(token, by=member)
    return Status(204, None)


def own_tokens(member: Member) -> Any:
    return ApiToken.objects.filter(
        membership__user=member.user, membership__workspace=member.workspace, revoked_at=None
    ).select_related("membership")


@router.get("/vars", response=dict[str, Any])
def list_variables(request: HttpRequest) -> dict[str, Any]:
    """The constants of the workspace, by name."""
    return dict(calling_member(request).workspace.variables)


@router.put("/vars", response=dict[str, Any])
def set_variables(request: HttpRequest, payload: Body[dict[str, Any]]) -> dict[str, Any]:
    """Replace the constants of the workspace."""
    member = calling_member(request)
    if wrong := [name for name in payload if not VARIABLE_NAME.fullmatch(name)]:
        raise Invalid("invalid_request", f'"{wrong[0]}" is no name: letters a to z, digits and _.')
    return dict(actions.set_variables(member, member.workspace, payload).variables)


@router.get("/audit", response=Page[AuditOut])
def list_audit(request: HttpRequest, cursor: str | None = None, limit: int | None = None) -> dict[str, Any]:
    """Who did what in this workspace, newest first."""
    member = calling_member(request)
    rows = AuditEntry.objects.filter(workspace_id=member.workspace.pk)
    return newest_first(rows, cursor=cursor, limit=limit, show=AuditOut.of)
