"""What a person allows a program: given on the consent page, used through tokens, ended by either side."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from mcp.shared.auth import OAuthToken

from builder.accounts.access import Member, member_of
from builder.accounts.tokens import USE_NOTED_EVERY, token_hash
from builder.audit.actions import Actor, record
from builder.oauth_server.models import Client, Code, Grant, Token

CODE_LIFE = timedelta(minutes=5)
PREFIXES = {Token.Kind.ACCESS: "pbo_", Token.Kind.REFRESH: "pbr_"}
CODE_PREFIX = "pbc_"


class Reused(Exception):
    """A code or refresh token came a second time; its grant has ended."""


@dataclass(frozen=True)
class ByProgram:
    """What happens to a grant without a person at a page, as the audit log names it."""

    actor: str
    via: str

    @staticmethod
    def of(grant: Grant) -> ByProgram:
        return ByProgram(grant.membership.user.email, f"program {grant.client.name}"[:120])


@dataclass(frozen=True)
class Access:
    """A program's call: as whom, and under which grant."""

    member: Member
    grant_id: UUID


@transaction.atomic
def give_grant(
    by: Member, client: Client, *, scopes: list[str], resource: str, request: dict[str, Any]
) -> str:
    """Allow a program what the person agreed to; the code that it exchanges for tokens."""
    plain, until = CODE_PREFIX + secrets.token_urlsafe(32), timezone.now() + CODE_LIFE
    membership = by.user.memberships.get(workspace=by.workspace)
    grant = Grant.objects.create(
        client=client, membership=membership, scopes=scopes, resource=resource, expires_at=until
    )
    Code.objects.create(grant=grant, hash=token_hash(plain), request=request, expires_at=until)
    _record(by, "program.connect", grant, scopes=scopes, program=client.client_id)
    return plain


@transaction.atomic
def end_grant(by: Actor, grant: Grant, *, why: str = "") -> None:
    """Make every token of a grant useless from the next request on."""
    if Grant.objects.filter(pk=grant.pk, revoked_at=None).update(revoked_at=timezone.now()):
        _record(by, "program.disconnect", grant, **({"why": why} if why else {}))


def live_grants() -> QuerySet[Grant]:
    rows = Grant.objects.filter(revoked_at=None, expires_at__gt=timezone.now())
    related = ("client", "membership__user", "membership__workspace")
    return rows.filter(membership__user__is_active=True).select_related(*related)


# --- codes and tokens -------------------------------------------------------------------------------------


def code_with(plain: str) -> Code | None:
    related = ("grant__client", "grant__membership__user", "grant__membership__workspace")
    return Code.objects.filter(hash=token_hash(plain)).select_related(*related).first()


def token_with(plain: str, kind: Token.Kind) -> Token | None:
    related = ("grant__client", "grant__membership__user", "grant__membership__workspace")
    return Token.objects.filter(hash=token_hash(plain), kind=kind).select_related(*related).first()


def exchange(once: Code | Token, scopes: list[str]) -> OAuthToken:
    """Tokens for a code or a refresh token, which is used up by it; raises Reused."""
    rows: Any = type(once).objects
    with transaction.atomic():
        is_first = rows.filter(pk=once.pk, used_at=None).update(used_at=timezone.now())
        if is_first:
            return _issue(once.grant, scopes)
    end_reused(once)
    raise Reused


def end_reused(once: Code | Token) -> None:
    """Somebody has a copy, and nobody knows who the right one is: both lose it."""
    what = "code" if isinstance(once, Code) else "refresh token"
    end_grant(ByProgram.of(once.grant), once.grant, why=f"a {what} came twice")


def _issue(grant: Grant, scopes: list[str]) -> OAuthToken:
    now = timezone.now()
    plain = {kind: PREFIXES[kind] + secrets.token_urlsafe(32) for kind in Token.Kind}
    for kind, text in plain.items():
        Token.objects.create(
            grant=grant,
            kind=kind,
            hash=token_hash(text),
            scopes=scopes if kind == Token.Kind.ACCESS else grant.scopes,
            expires_at=now + Token.LIFE[kind],
        )
    Token.objects.filter(grant=grant, expires_at__lt=now).delete()
    grant.expires_at = now + Token.LIFE[Token.Kind.REFRESH]
    grant.save(update_fields=["expires_at"])
    return OAuthToken(
        access_token=plain[Token.Kind.ACCESS],
        refresh_token=plain[Token.Kind.REFRESH],
        expires_in=int(Token.LIFE[Token.Kind.ACCESS].total_seconds()),
        scope=" ".join(scopes),
    )


def access_with(plain: str, resource: str) -> Access | None:
    """Whom an access token acts for at this resource; None for any text that is not good (any more)."""
    token = token_with(plain, Token.Kind.ACCESS)
    now = timezone.now()
    if token is None or token.expires_at <= now:
        return None
    grant = token.grant
    if not grant.is_live or grant.resource != resource:
        return None
    if grant.last_used_at is None or now - grant.last_used_at > USE_NOTED_EVERY:
        Grant.objects.filter(pk=grant.pk).update(last_used_at=now)
    return Access(as_program(grant, token.scopes), grant.pk)


def as_program(grant: Grant, scopes: list[str] | None = None) -> Member:
    """The person with the role of this moment, acting through the program."""
    member = member_of(grant.membership.user, grant.membership.workspace_id)
    return replace(member, program=grant.client.name, scopes=frozenset(scopes or grant.scopes))


def _record(by: Actor, verb: str, grant: Grant, **details: Any) -> None:
    record(
        by,
        verb,
        workspace_id=grant.membership.workspace_id,
        kind="program",
        object_id=grant.pk,
        name=grant.client.name,
        **details,
    )
