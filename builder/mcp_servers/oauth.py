"""Connecting a server that people sign in to: the browser goes there and comes back, hosts do the exchanges."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from builder.accounts.access import Member
from builder.accounts.models import Membership
from builder.audit.actions import record
from builder.http.encryption import keyed_hash
from builder.http.waiting import errand_result
from builder.mcp_servers.models import Account, McpServer
from runtime.engine import errands, hints

BEGIN_TIMEOUT_S = 25.0
FINISH_TIMEOUT_S = 25.0
REVOKE_TIMEOUT_S = 60.0


async def begin_connecting(by: Member, server: McpServer, *, redirect_uri: str) -> str:
    """Where the person's browser goes to sign in; raises PatchbayError."""
    account = await sync_to_async(_account_for)(by, server, redirect_uri)
    asked = {"account": str(account.pk), "more_scope": account.needs_scope}
    answer = await errand_result(server.workspace_id, "mcp.oauth_begin", asked, BEGIN_TIMEOUT_S)
    await sync_to_async(_expect)(by, account, str(answer["url"]))
    return str(answer["url"])


async def finish_connecting(by: Member, account: Account, *, code: str, iss: str) -> None:
    """The browser came back with a code: exchange it for tokens; raises PatchbayError."""
    await sync_to_async(_take_code)(account, code, iss)
    server = account.server
    asked = {"account": str(account.pk)}
    await errand_result(server.workspace_id, "mcp.oauth_finish", asked, FINISH_TIMEOUT_S)
    await sync_to_async(_note_connected)(by, account)


def account_awaiting(state: str, user_id: object) -> Account:
    """The account whose sign-in this browser began; raises Http404 for any other."""
    rows = (
        Account.objects.filter(came_for=keyed_hash(f"{user_id}:{state}")) if state else Account.objects.none()
    )
    account = rows.select_related("server__workspace", "membership").first()
    if account is None:
        raise Http404
    return account


def account_for(by: Member, server: McpServer) -> Account | None:
    """The account that this person connects: the workspace's, or their own."""
    return server.accounts.filter(membership=_whose(by, server)).first()


def may_connect(by: Member, server: McpServer) -> bool:
    """Everybody their own account; the workspace's is for admins."""
    return server.account_scope == McpServer.AccountScope.PERSON or by.may("mcp.manage")


@transaction.atomic
def disconnect(by: Member, server: McpServer) -> None:
    """Forget the tokens, and have them revoked: the workspace's, or the person's own."""
    server.accounts.filter(membership=_whose(by, server)).delete()
    _end_connections(server)
    _record(by, "mcp_server.disconnect", server)


def forget_accounts(server: McpServer) -> None:
    """Take all of a server's accounts out; what they hold is revoked."""
    server.accounts.all().delete()


def revoke_account(account: Account) -> None:
    """It is about to be taken out: a host revokes what it holds, once this transaction is through."""
    if not account.sealed_state:
        return
    errands.request(
        account.server.workspace_id,
        "mcp.oauth_revoke",
        {"account": str(account.pk), "sealed": account.sealed_state},
        timeout_s=REVOKE_TIMEOUT_S,
    )
    transaction.on_commit(hints.offer_errand)


# --- inside -----------------------------------------------------------------------------------------------


def _whose(by: Member, server: McpServer) -> Membership | None:
    """None for the workspace."""
    if server.account_scope == McpServer.AccountScope.WORKSPACE:
        return None
    return Membership.objects.get(user=by.user, workspace_id=server.workspace_id)


@transaction.atomic
def _account_for(by: Member, server: McpServer, redirect_uri: str) -> Account:
    account, _ = Account.objects.get_or_create(
        server=server, membership=_whose(by, server), defaults={"redirect_uri": redirect_uri}
    )
    if account.redirect_uri != redirect_uri:
        # The registration was made for another address of this installation.
        account.redirect_uri = redirect_uri
        account.set_state({})
        account.status = Account.Status.NEW
        account.save(update_fields=["redirect_uri", "sealed_state", "status"])
    return account


def _expect(by: Member, account: Account, url: str) -> None:
    """Only the browser of the person who began may come back for it."""
    state = parse_qs(urlsplit(url).query)["state"][0]
    Account.objects.filter(pk=account.pk).update(came_for=keyed_hash(f"{by.user.pk}:{state}"))


@transaction.atomic
def _take_code(account: Account, code: str, iss: str) -> None:
    """Kept with the other secrets, not in the errand; a browser that comes a second time finds nothing."""
    row = Account.objects.select_for_update().get(pk=account.pk)
    row.set_state(row.state | {"came_back": {"code": code, "iss": iss or None}})
    row.came_for, row.version = "", row.version + 1
    row.save(update_fields=["sealed_state", "came_for", "version"])


@transaction.atomic
def _note_connected(by: Member, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(
        connected_by=by.actor, connected_at=timezone.now(), needs_scope=""
    )
    _end_connections(account.server)
    _record(by, "mcp_server.connect", account.server)


def _end_connections(server: McpServer) -> None:
    """Connections are pooled by the revision: those with the old tokens are used no more."""
    server.revision += 1
    server.save(update_fields=["revision"])


def _record(by: Member, verb: str, server: McpServer) -> None:
    record(
        by,
        verb,
        workspace_id=server.workspace_id,
        kind="mcp_server",
        object_id=server.pk,
        name=server.slug,
    )
