"""API tokens: made once, shown once, stored as a hash."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from builder.accounts.models import ApiToken, Membership
from builder.audit.actions import Actor, record

PREFIX = "pbt_"
USE_NOTED_EVERY = timedelta(minutes=1)


def token_hash(plain: str) -> str:
    """Tokens are 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(plain.encode()).hexdigest()


@transaction.atomic
def create_token(membership: Membership, *, name: str, role: str, by: Actor) -> tuple[ApiToken, str]:
    """A new token and its plain text, which is never shown again."""
    plain = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        membership=membership, name=name, role=role, hash=token_hash(plain), hint=plain[:8]
    )
    record(
        by,
        "token.create",
        workspace_id=membership.workspace_id,
        kind="token",
        object_id=token.pk,
        name=name,
        role=role,
    )
    return token, plain


@transaction.atomic
def revoke_token(token: ApiToken, *, by: Actor) -> None:
    """Make a token useless from the next request on."""
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        record(
            by,
            "token.revoke",
            workspace_id=token.membership.workspace_id,
            kind="token",
            object_id=token.pk,
            name=token.name,
        )


def token_for(plain: str) -> ApiToken | None:
    """The live token with this text, with its owner and workspace; None for any other text."""
    token = (
        ApiToken.objects.filter(hash=token_hash(plain), revoked_at=None, membership__user__is_active=True)
        .select_related("membership__user", "membership__workspace")
        .first()
    )
    now = timezone.now()
    if token and (token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token
