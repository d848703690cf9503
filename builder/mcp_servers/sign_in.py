"""How calls sign in at a server: a bearer token, headers of its own, or accounts of people; written once, never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from builder.http.encryption import SecretUnreadable
from builder.http.errors import Invalid
from builder.mcp_servers.models import McpServer
from builder.mcp_servers.oauth import forget_accounts

KINDS = ("none", "bearer", "header", "oauth")
MAX_HEADERS = 10
HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
RESERVED = frozenset(
    {"host", "content-length", "content-type", "connection", "accept", "accept-encoding", "transfer-encoding"}
)
"""Our own HTTP client writes these; so does it what begins with `mcp-`."""


def set_sign_in(server: McpServer, auth: Mapping[str, Any]) -> None:
    """Take over what an admin wrote; a secret that is left empty is kept. Raises Invalid."""
    kind = auth.get("kind", "none")
    if kind not in KINDS:
        raise _wrong("kind", f'Sign-in of kind "{kind}" is not possible here.')
    if kind == "oauth" and server.transport != McpServer.Transport.HTTP:
        raise _wrong("kind", "Only servers with an address have a sign-in.")
    known = _known_headers(server) if kind == "header" else {}
    scope = auth.get("account") or server.account_scope
    if server.auth_kind == "oauth" and (kind != "oauth" or scope != server.account_scope):
        forget_accounts(server)
    if kind == "oauth":
        if scope not in McpServer.AccountScope.values:
            raise _wrong("account", 'The account is that of the "workspace", or each "person" has their own.')
        server.account_scope = scope
    server.auth_kind = kind
    if kind == "header":
        server.set_headers(_headers(auth, known))
        return
    server.auth_header = ""
    if kind != "bearer":
        server.set_secret("")
        return
    secret = _one_line(str(auth.get("token") or auth.get("value") or ""))
    if secret:
        server.set_secret(secret)
    elif not server.sealed_auth:
        raise _wrong("token", "Enter the secret for this kind of sign-in.")


def _known_headers(server: McpServer) -> dict[str, str]:
    """Those whose values may be kept; none where they cannot be read any more."""
    try:
        return server.header_values if server.auth_kind == "header" else {}
    except SecretUnreadable:
        return {}


def _headers(auth: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """Name -> value, from a list or from the form of one header."""
    rows = auth.get("headers") or [
        {"name": auth.get("header") or auth.get("name"), "value": auth.get("value")}
    ]
    if len(rows) > MAX_HEADERS:
        raise _wrong("headers", f"At most {MAX_HEADERS} headers can be sent.")
    kept = {name.lower(): value for name, value in known.items()}
    found: dict[str, str] = {}
    for row in rows:
        name = str(row.get("name") or "").strip()
        if not HEADER_NAME.fullmatch(name):
            raise _wrong("headers", "The name of a header has letters, digits and hyphens.")
        if name.lower() in RESERVED or name.lower().startswith("mcp-"):
            raise _wrong("headers", f'The header "{name}" is part of the protocol and cannot be set.')
        if name.lower() in {other.lower() for other in found}:
            raise _wrong("headers", f'The header "{name}" stands twice in the list.')
        value = _one_line(str(row.get("value") or "")) or kept.get(name.lower(), "")
        if not value:
            raise _wrong("headers", f'Enter the value of the header "{name}".')
        found[name] = value
    return found


def _one_line(secret: str) -> str:
    if "\n" in secret or "\r" in secret:
        raise _wrong("value", "A secret is one line.")
    return secret


def _wrong(field: str, message: str) -> Invalid:
    return Invalid("invalid_request", message, {"fields": [{"field": f"auth/{field}", "message": message}]})
