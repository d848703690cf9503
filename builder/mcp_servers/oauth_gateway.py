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
from runtime.gateways import Caller, McpAccount

CLAIM = timedelta(seconds=30)
"""Longer than a refresh may take; the claim of a host that died ends by itself."""
NOBODY = "-"
"""In the place of an e-mail: a run that no person is behind."""
DOCUMENT_PATH = "/mcp-servers/oauth/client.json"


def document_url() -> str:
    """Where this installation describes itself to other servers; empty if they cannot reach it safely."""
    is_public = settings.PUBLIC_URL.startswith("https://")
    return settings.PUBLIC_URL + DOCUMENT_PATH if is_public else ""


def person_behind(server: McpServer, caller: Caller) -> str:
    """E-mail of the person whose account a run uses, where each has their own; "" where it matters for nothing.

    That is the member who started the run by hand, and else the one who published the version that runs.
    """
    if server.auth_kind != "oauth" or server.account_scope == McpServer.AccountScope.WORKSPACE:
        return ""
    members = server.workspace.memberships.filter(user__is_active=True)
    if members.filter(user__email__iexact=caller.started_by).exists():
        return caller.started_by
    workflow = server.workspace.workflows.filter(slug=caller.workflow).first()
    versions = workflow.versions.select_related("published_by") if workflow else None
    version = versions.filter(number=caller.version).first() if versions and caller.version else None
    return version.published_by.email if version and version.published_by else NOBODY


def account_of(server: McpServer, person: str) -> dict[str, Any]:
    """`account` and `person` of the settings; raises McpError where it is not connected.

    person   "" for whoever connected last
    """
    if server.account_scope == McpServer.AccountScope.WORKSPACE:
        return {"account": str(_connected(server, server.accounts.filter(membership=None).first(), "").pk)}
    own = server.accounts.exclude(membership=None).select_related("membership__user")
    if person:
        account = own.filter(membership__user__email__iexact=person).first()
    else:
        account = own.filter(status=Account.Status.CONNECTED).order_by("-connected_at").first()
    account = _connected(server, account, person)
    return {"account": str(account.pk), "person": person}


def _connected(server: McpServer, account: Account | None, person: str) -> Account:
    """The account, if it can be used; raises McpError that says who must connect it, and where."""
    if account is not None and account.is_connected:
        return account
    again = "again " if account and account.status == Account.Status.AGAIN else ""
    page = f"/mcp-servers/{server.pk}"
    if server.account_scope == McpServer.AccountScope.WORKSPACE:
        message = f'"{server.name}" needs a sign-in. An admin connects it {again}on its page.'
        raise _unauthorized(server.slug, message, connect_at=page)
    if person == NOBODY:
        message = (
            f'At "{server.name}" people have accounts of their own, and nobody is behind this run. '
            "Publish the workflow again, and it uses the account of whoever does."
        )
        raise _unauthorized(server.slug, message, connect_at=page)
    who = person or "Somebody"
    message = (
        f'"{server.name}" needs a sign-in of {who}: {who} must connect {again}on the page of the server.'
    )
    raise _unauthorized(server.slug, message, connect_at=page, person=person)


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
            # A person's own account says nothing of the server.
            of_workspace = McpServer.objects.filter(accounts__pk=account, accounts__membership=None)
            of_workspace.update(status=McpServer.Status.ERROR, error=error)

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


def _unauthorized(slug: str, message: str, **details: str) -> McpError:
    return McpError(message, code="mcp_unauthorized", details={"server": slug, "sent": False, **details})
