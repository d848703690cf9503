"""Sends the account's token with each request, and sees to it that there is one: a single refresher at a time.

Hosts share an account by its row. Whoever finds the token (nearly) over claims the row; the others wait for what
comes of it. A rotating refresh token is so never used twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2
from mcp.client.auth.utils import extract_field_from_www_auth, extract_scope_from_www_auth

from runtime.errors import McpError
from runtime.gateways import McpAccount
from runtime.mcp import oauth
from runtime.mcp.errors import CONNECT_AGAIN
from runtime.outbound.policy import OutboundPolicy

logger = logging.getLogger(__name__)

EARLY_S, EARLY_SHARE = 30.0, 0.1
"""A token is renewed so long before its end: half a minute, or a tenth of a short life."""
WAIT_S, LOOK_EVERY_S = 20.0, 0.2


class Accounts(Protocol):
    """Where accounts are kept; every method asks the database."""

    async def load(self, account: str) -> McpAccount: ...

    async def claim(self, account: str, version: int) -> bool:
        """Whether this process may refresh the tokens of this version."""
        ...

    async def keep(self, account: str, changes: Mapping[str, Any]) -> None:
        """New tokens; ends the claim."""
        ...

    async def release(self, account: str) -> None: ...

    async def lose(self, account: str, *, needs_scope: str = "") -> None:
        """A person must connect again."""
        ...


class _Unavailable(Exception):
    """There is no token now; `status` is what a request is answered with."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(frozen=True)
class _Token:
    text: str
    good_until: float


_refreshing: set[asyncio.Task[_Token]] = set()
"""A task that nothing refers to may vanish."""


def _done(task: asyncio.Task[_Token]) -> None:
    _refreshing.discard(task)
    if not task.cancelled():
        # Told to whoever waits, if anybody does.
        task.exception()


class AccountTransport(httpx2.AsyncBaseTransport):
    """In front of the outbound door, for the connection of one account."""

    def __init__(
        self, door: httpx2.AsyncBaseTransport, account: str, accounts: Accounts, policy: OutboundPolicy
    ) -> None:
        self._door = door
        self._account = account
        self._accounts = accounts
        self._policy = policy
        self._lock = asyncio.Lock()
        self._token: _Token | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            token = await self._usable()
            response = await self._sent(request, token)
            if response.status_code == 401:
                token = await self._usable(refused=token)
                await response.aclose()
                response = await self._sent(request, token)
                if response.status_code == 401:
                    await self._accounts.lose(self._account)
        except _Unavailable as unavailable:
            told = (
                {"www-authenticate": f'Bearer error="{CONNECT_AGAIN}"'} if unavailable.status == 401 else {}
            )
            return httpx2.Response(unavailable.status, headers=told, request=request)
        if response.status_code == 403 and _error_of(response) == "insufficient_scope":
            await self._accounts.lose(
                self._account, needs_scope=(extract_scope_from_www_auth(response) or "")[:1000]
            )
        return response

    @property
    def token(self) -> str:
        """What was sent last, to be hidden where a server repeats it."""
        return self._token.text if self._token else ""

    async def aclose(self) -> None:
        await self._door.aclose()

    async def _sent(self, request: httpx2.Request, token: _Token) -> httpx2.Response:
        request.headers["authorization"] = f"Bearer {token.text}"
        return await self._door.handle_async_request(request)

    async def _usable(self, refused: _Token | None = None) -> _Token:
        """A token that is good for a while, and not the one that was refused; raises _Unavailable."""
        async with self._lock:
            known = self._token
            if known and time.time() < known.good_until and (refused is None or known.text != refused.text):
                return known
            async with asyncio.timeout(WAIT_S + oauth.EXCHANGE_TIMEOUT_S):
                self._token = await self._renewed(refused)
            return self._token

    async def _renewed(self, refused: _Token | None) -> _Token:
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                account = await self._accounts.load(self._account)
            except McpError:
                raise _Unavailable(401) from None
            token = _token_in(account)
            if token is None or not account.is_connected:
                raise _Unavailable(401)
            if time.time() < token.good_until and (refused is None or token.text != refused.text):
                return token
            if await self._accounts.claim(account.id, account.version):
                # Whoever waits for it may hang up: the new tokens must be kept all the same, and the claim ended.
                refreshing = asyncio.create_task(self._refreshed(account))
                _refreshing.add(refreshing)
                refreshing.add_done_callback(_done)
                return await asyncio.shield(refreshing)
            if time.monotonic() > deadline:
                raise _Unavailable(503)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _refreshed(self, account: McpAccount) -> _Token:
        """Only whoever holds the claim comes here."""
        try:
            state = await oauth.refresh(self._policy, account)
        except oauth.RefreshRefused:
            logger.warning("a sign-in has ended", extra={"server": account.server, "action": "oauth"})
            await self._accounts.lose(account.id)
            raise _Unavailable(401) from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError, TimeoutError) as error:
            await self._accounts.release(account.id)
            raise _Unavailable(503) from error
        await self._accounts.keep(account.id, {"tokens": state["tokens"], "expires_at": state["expires_at"]})
        return _Token(state["tokens"]["access_token"], _good_until(state))


def _token_in(account: McpAccount) -> _Token | None:
    tokens = account.state.get("tokens")
    return _Token(tokens["access_token"], _good_until(account.state)) if tokens else None


def _good_until(state: Mapping[str, Any]) -> float:
    """A token that does not say when it ends is used until it is refused."""
    if not state.get("expires_at"):
        return float("inf")
    life_s = float(state["tokens"].get("expires_in") or 0)
    return float(state["expires_at"]) - min(EARLY_S, life_s * EARLY_SHARE)


def _error_of(response: httpx2.Response) -> str | None:
    return extract_field_from_www_auth(response, "error")
