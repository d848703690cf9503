"""Which programs are known, and which addresses a person may be sent back to."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q
from django.utils import timezone
from mcp.shared.auth import (
    InvalidRedirectUriError,
    InvalidScopeError,
    OAuthClientInformationFull,
    OAuthClientMetadata,
)
from pydantic import AnyUrl

from builder.accounts.matrix import SCOPES
from builder.oauth_server.models import Client, Grant

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PERILOUS_SCHEMES = frozenset(
    {"about", "blob", "data", "file", "filesystem", "ftp", "javascript", "vbscript", "ws", "wss"}
)
REGISTRATIONS_PER_HOUR = 30
UNUSED_KEPT = timedelta(days=1)
ENDED_KEPT = timedelta(days=30)
MAX_REDIRECTS = 20
MAX_REDIRECT_LENGTH = 500


class KnownClient(OAuthClientInformationFull):
    """A program as the protocol's handlers ask about it."""

    def validate_scope(self, requested_scope: str | None) -> list[str] | None:
        """The scopes that exist here; what else a program asks for is not granted."""
        if not (requested_scope or "").strip():
            return None
        asked = set((requested_scope or "").split())
        known = [scope for scope in SCOPES if scope in asked]
        if not known:
            raise InvalidScopeError(f"Ask for some of: {' '.join(SCOPES)}")
        return known

    def validate_redirect_uri(self, redirect_uri: AnyUrl | None) -> AnyUrl:
        """One of the registered addresses; on the person's own machine the port may be another (RFC 8252)."""
        if redirect_uri is None:
            return super().validate_redirect_uri(None)
        if any(_same_place(str(redirect_uri), str(known)) for known in self.redirect_uris or ()):
            return redirect_uri
        raise InvalidRedirectUriError("The redirect address is none of those that the program registered.")


def as_known(row: Client) -> KnownClient:
    return KnownClient.model_validate(
        {**row.details, "client_id": row.client_id, "client_secret": row.secret}
    )


def details_of(client: OAuthClientInformationFull | OAuthClientMetadata) -> dict[str, Any]:
    """What is kept of a program's metadata; its secret has a place of its own."""
    secret = {"client_id", "client_secret", "client_secret_expires_at", "issuer"}
    details: dict[str, Any] = client.model_dump(mode="json", exclude_none=True, exclude=secret)
    return details


def name_of(client: OAuthClientInformationFull | OAuthClientMetadata, otherwise: str) -> str:
    """On one line, short, and never empty."""
    return " ".join((client.client_name or "").split())[:120] or otherwise[:120]


def redirect_problem(redirect_uris: list[AnyUrl] | None) -> str:
    """Why these addresses cannot be taken; empty if they can."""
    if not redirect_uris:
        return "Name at least one redirect address."
    if len(redirect_uris) > MAX_REDIRECTS:
        return f"No more than {MAX_REDIRECTS} redirect addresses are possible."
    return next((text for text in map(_problem, map(str, redirect_uris)) if text), "")


def _problem(uri: str) -> str:
    parts = urlsplit(uri)
    if len(uri) > MAX_REDIRECT_LENGTH or parts.fragment or parts.username:
        return "A redirect address is short and has no fragment and no user name."
    if parts.scheme == "https":
        return "" if parts.hostname else "A redirect address names a host."
    if parts.scheme == "http":
        is_own = parts.hostname in LOOPBACK
        return "" if is_own else "http:// is possible only for the person's own machine; use https://."
    is_app = re.fullmatch(r"[a-z][a-z0-9+.-]{1,60}", parts.scheme) and parts.scheme not in PERILOUS_SCHEMES
    return "" if is_app else f"Redirecting to {parts.scheme}: is not possible."


def _same_place(asked: str, known: str) -> bool:
    one, other = urlsplit(asked), urlsplit(known)
    is_own = one.scheme == "http" and one.hostname in LOOPBACK and "@" not in one.netloc
    same_host = one.hostname == other.hostname if is_own else one.netloc == other.netloc
    rest = [(part.scheme, part.path or "/", part.query, part.fragment) for part in (one, other)]
    return same_host and rest[0] == rest[1]


# --- registrations ----------------------------------------------------------------------------------------


def may_register(address: str) -> bool:
    """Whether this address has registrations left in this hour."""
    since = timezone.now() - timedelta(hours=1)
    made = Client.objects.filter(registered_from=address, created_at__gt=since)
    return made.count() < REGISTRATIONS_PER_HOUR


def forget_unused() -> None:
    """Grants that ended long ago, and programs that nobody allowed anything."""
    now = timezone.now()
    Grant.objects.filter(expires_at__lt=now - ENDED_KEPT).delete()
    idle = Q(created_at__lt=now - UNUSED_KEPT, grants=None)
    Client.objects.filter(idle, Q(fetched_at=None) | Q(fetched_at__lt=now - UNUSED_KEPT)).delete()
