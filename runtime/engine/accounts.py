"""Accounts at servers that people sign in to: where the pool finds them, and the errands about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from runtime.engine.attempt import Clients
from runtime.gateways import McpAccount, McpServers
from runtime.mcp import oauth
from runtime.models import Errand

InDatabase = Callable[..., Awaitable[Any]]


class KeptAccounts:
    """Implements runtime.mcp.oauth_transport.Accounts over the gateway."""

    def __init__(self, servers: McpServers, in_database: InDatabase) -> None:
        self._servers = servers
        self._in_database = in_database

    async def load(self, account: str) -> McpAccount:
        found: McpAccount = await self._in_database(self._servers.account, account)
        return found

    async def claim(self, account: str, version: int) -> bool:
        return bool(await self._in_database(self._servers.claim_account, account, version))

    async def keep(self, account: str, changes: Mapping[str, Any]) -> None:
        await self._in_database(_change, self._servers, account, changes, True)

    async def release(self, account: str) -> None:
        await self._in_database(_change, self._servers, account, {}, None)

    async def lose(self, account: str, *, needs_scope: str = "") -> None:
        await self._in_database(self._servers.lose_account, account, needs_scope)


async def _begin(errand: Errand, clients: Clients) -> Any:
    """Where to send the browser of a person who connects."""
    servers, payload = clients.gateways.mcp_servers, errand.payload
    account = await clients.in_database(servers.account, payload["account"])
    url, state = await oauth.begin(clients.outbound, account, more_scope=payload.get("more_scope", ""))
    await clients.in_database(_change, servers, account.id, state, None)
    return {"url": url}


async def _finish(errand: Errand, clients: Clients) -> Any:
    """The browser came back; the code waits in the account, for it is a secret."""
    servers = clients.gateways.mcp_servers
    account = await clients.in_database(servers.account, errand.payload["account"])
    came_back = account.state.get("came_back") or {}
    state = await oauth.finish(
        clients.outbound, account, code=came_back.get("code", ""), iss=came_back.get("iss")
    )
    await clients.in_database(_change, servers, account.id, {**state, "came_back": None}, True)
    return {}


async def _revoke(errand: Errand, clients: Clients) -> Any:
    servers, payload = clients.gateways.mcp_servers, errand.payload
    account = await clients.in_database(servers.ended_account, payload["account"], payload["sealed"])
    await oauth.revoke(clients.outbound, account)
    return {}


def _change(servers: McpServers, account: str, changes: Mapping[str, Any], connected: bool | None) -> None:
    servers.change_account(account, changes, connected=connected)


HANDLERS: Mapping[str, Callable[[Errand, Clients], Awaitable[Any]]] = {
    "mcp.oauth_begin": _begin,
    "mcp.oauth_finish": _finish,
    "mcp.oauth_revoke": _revoke,
}
