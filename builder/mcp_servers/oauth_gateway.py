"""What the runtime asks about accounts at servers that people sign in to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from builder.http.encryption import SecretUnreadable
from builder.mcp_servers.models import Account, McpServer
from runtime.errors import McpError
from runtime.gateways import McpAccount

CLAIM = timedelta(seconds=30)
"""Longer than a refresh may take; the claim of a host that died ends by itself."""
DOCUMENT_PATH = "/mcp-servers/oauth/client.json"


def document_url() -> str:
    """Where this installation describes itself to other servers; empty if they cannot reach it safely."""
    is_public = settings.PUBLIC_URL.startswith("https://")
    return settings.PUBLIC_URL + DOCUMENT_PATH if is_public else ""


def account_of(server: McpServer) -> str:
    """The id of the workspace's account; raises McpError where nobody has connected it."""
    account = server.accounts.filter(membership=None).first()
    if account is None or not account.is_connected:
        again = "again " if account and account.status == Account.Status.AGAIN else ""
        raise _unauthorized(
            server.slug, f'"{server.name}" needs a sign-in. An admin connects it {again}on its page.'
        )
    return str(account.pk)


class KeptAccounts:
    """The part of runtime.gateways.McpServers that concerns accounts."""

    def account(self, account: str) -> McpAccount:
        row = Account.objects.filter(pk=account).select_related("server").first()
        if row is None:
            raise _unauthorized("", "The sign-in was removed.")
        return _shown(row, row.server.slug, row.server.url, row.sealed_state)

    def claim_account(self, account: str, version: int) -> bool:
        free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
        rows = Account.objects.filter(free, pk=account, version=version)
        return rows.update(claimed_until=timezone.now() + CLAIM) == 1

    @transaction.atomic
    def change_account(self, account: str, changes: Mapping[str, Any], *, connected: bool | None) -> None:
        row = Account.objects.select_for_update().filter(pk=account).first()
        if row is None:
            return
        if changes:
            row.set_state(row.state | dict(changes))
            row.version += 1
        row.claimed_until = None
        if connected is not None:
            row.status = Account.Status.CONNECTED if connected else Account.Status.AGAIN
        row.save(update_fields=["sealed_state", "version", "claimed_until", "status"])

    def lose_account(self, account: str, needs_scope: str) -> None:
        rows = Account.objects.filter(pk=account)
        if needs_scope:
            rows.update(needs_scope=needs_scope, claimed_until=None)
        else:
            rows.update(status=Account.Status.AGAIN, claimed_until=None, version=F("version") + 1)
            error = _unauthorized("", "The server has ended the sign-in. Connect again.").as_dict()
            McpServer.objects.filter(accounts__pk=account).update(status=McpServer.Status.ERROR, error=error)

    def ended_account(self, account: str, sealed: str) -> McpAccount:
        return _shown(Account(pk=UUID(account)), "", "", sealed)


def _shown(row: Account, slug: str, url: str, sealed: str) -> McpAccount:
    try:
        state = row.opened(sealed)
    except SecretUnreadable as error:
        raise _unauthorized(slug, f'The sign-in at "{slug}" cannot be read. Connect again.') from error
    return McpAccount(
        id=str(row.pk),
        server=slug,
        url=url,
        version=row.version,
        is_connected=row.is_connected,
        redirect_uri=row.redirect_uri or "http://127.0.0.1/",
        document_url=document_url(),
        state=state,
    )


def _unauthorized(slug: str, message: str) -> McpError:
    return McpError(message, code="mcp_unauthorized", details={"server": slug, "sent": False})
