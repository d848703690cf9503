"""Signing in at a server by OAuth: a person's browser goes there in between, so it happens in two parts.

`begin` finds out how the server wants it and gives the address for the browser; `finish` exchanges the code that
came back; `refresh` and `revoke` follow later, each in any process. What must be known in between is the
account's state, a dictionary of JSON values that the application keeps encrypted:

client, tokens, expires_at        of the registration and of the last exchange
issuer, server_metadata, resource_metadata   as they were discovered
pending                           of a sign-in that is under way

The protocol is the SDK's (discovery, registration or metadata document, PKCE, resource indicator, issuer check).
Its provider expects one process and one go; the private names used here are held by
tests/integration/mcp/test_oauth.py.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx2
from mcp.client.auth import (
    OAuthClientProvider,
    OAuthFlowError,
    OAuthRegistrationError,
    OAuthTokenError,
    PKCEParameters,
)
from mcp.client.auth.utils import union_scopes, validate_authorization_response_iss
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import ValidationError

from runtime.errors import McpError
from runtime.gateways import McpAccount
from runtime.mcp import errors
from runtime.outbound.client import outbound_client
from runtime.outbound.policy import OutboundPolicy
from runtime.web_addresses import is_web_address

State = dict[str, Any]

CLIENT_NAME = "Patchbay"
EXCHANGE_TIMEOUT_S = 15.0
MAX_BYTES = 1024 * 1024
PENDING_LIFE_S = 900.0
_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "patchbay", "version": "0.1.0"},
}
_ACCEPT = "application/json, text/event-stream"
# The first words of the newer protocol, then of the older: one of them is answered with 401.
_HELLOS: tuple[tuple[str, str, State], ...] = (
    ("2026-07-28", "server/discover", {}),
    ("2025-11-25", "initialize", _INITIALIZE),
)
_FAULTS = (
    OAuthFlowError,
    ValidationError,
    ValueError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    OSError,
)
MAX_TOKEN_CHARS = 16 * 1024
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What can stand in a header: https://datatracker.ietf.org/doc/html/rfc6749#appendix-A.12"""


class RefreshRefused(Exception):
    """The server does not take the refresh token (any more): a person must sign in again."""


class _Redirect(BaseException):
    """The browser is to go there. No Exception, for the SDK logs each of those as a fault."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


async def begin(policy: OutboundPolicy, account: McpAccount, *, more_scope: str = "") -> tuple[str, State]:
    """Where to send the browser, and the state to keep meanwhile; raises McpError.

    more_scope   what the server asked for beyond the scopes that were granted before
    """
    fresh = {key: account.state[key] for key in ("client", "issuer") if key in account.state}
    provider = _Provider(account, fresh, more_scope)
    try:
        async with _outside(policy) as http:
            for revision, method, params in _HELLOS:
                response = await http.post(
                    account.url,
                    json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
                    headers={"accept": _ACCEPT, "mcp-protocol-version": revision, "mcp-method": method},
                    auth=provider,
                )
    except _Redirect as redirect:
        if not is_web_address(redirect.url):
            raise sign_in_failed(account.server, "its sign-in page has no web address.") from None
        return redirect.url, provider.state
    except OAuthRegistrationError as error:
        undescribed = "" if provider.context.oauth_metadata else "It does not describe its sign-in readably. "
        raise sign_in_failed(account.server, undescribed + _words(error)) from error
    except _FAULTS as error:
        raise sign_in_failed(account.server, _words(error)) from error
    raise sign_in_failed(account.server, f"it does not ask for one (HTTP {response.status_code}).")


async def finish(policy: OutboundPolicy, account: McpAccount, *, code: str, iss: str | None) -> State:
    """The state with tokens, for the code that the browser came back with; raises McpError."""
    pending = account.state.get("pending") or {}
    if not pending or pending["at"] + PENDING_LIFE_S < time.time():
        raise sign_in_failed(account.server, "it was not begun here, or too long ago.")
    provider = _Provider(account, dict(account.state))
    try:
        await provider.prepare()
        validate_authorization_response_iss(iss or None, provider.context.oauth_metadata)
        provider.context.client_metadata.scope = pending["scope"]
        async with _outside(policy) as http:
            request = await provider._exchange_token_authorization_code(code, pending["verifier"])
            await provider._handle_token_response(await http.send(request))
    except _FAULTS as error:
        raise sign_in_failed(account.server, _words(error)) from error
    return {**provider.state, "pending": None}


async def refresh(policy: OutboundPolicy, account: McpAccount) -> State:
    """The state with new tokens; raises RefreshRefused, or httpx2's errors if the server cannot be asked now."""
    provider = _Provider(account, dict(account.state))
    await provider.prepare()
    if not provider.context.can_refresh_token():
        raise RefreshRefused
    async with _outside(policy) as http:
        response = await http.send(await provider._refresh_token())
    if response.status_code == 429 or response.status_code >= 500:
        raise httpx2.HTTPStatusError("not now", request=response.request, response=response)
    try:
        is_taken = await provider._handle_refresh_response(response)
    except OAuthFlowError as error:
        raise RefreshRefused from error
    if not is_taken:
        raise RefreshRefused
    return provider.state


async def revoke(policy: OutboundPolicy, account: McpAccount) -> None:
    """Tell the server that the tokens are not used any more, where it takes that; best effort."""
    endpoint = (account.state.get("server_metadata") or {}).get("revocation_endpoint")
    tokens = account.state.get("tokens") or {}
    if not endpoint or not tokens:
        return
    provider = _Provider(account, dict(account.state))
    await provider.prepare()
    token = tokens.get("refresh_token") or tokens["access_token"]
    client_id = provider.context.client_info.client_id if provider.context.client_info else ""
    form, headers = provider.context.prepare_token_auth({"token": token, "client_id": client_id}, {})
    async with _outside(policy) as http:
        await http.post(endpoint, data=form, headers=headers)


def sign_in_failed(server: str, why: str) -> McpError:
    message = f'The sign-in at "{server}" failed: {why}'
    return errors.failure(server, "mcp_sign_in_failed", message, sent=False)


# --- inside -----------------------------------------------------------------------------------------------


class _Kept:
    """The SDK's storage, over the state."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def get_tokens(self) -> OAuthToken | None:
        tokens = self.state.get("tokens")
        return OAuthToken.model_validate(tokens) if tokens else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        for token in filter(None, (tokens.access_token or " ", tokens.refresh_token)):
            if len(token) > MAX_TOKEN_CHARS or not _TOKEN.fullmatch(token):
                raise OAuthTokenError("It gives a token that cannot be sent.")
        life_s = max(tokens.expires_in or 0, 0)
        self.state["tokens"] = tokens.model_dump(mode="json")
        self.state["expires_at"] = time.time() + life_s if life_s else None

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        client = self.state.get("client")
        return OAuthClientInformationFull.model_validate(client) if client else None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.state["client"] = client_info.model_dump(mode="json", exclude_none=True)


class _Provider(OAuthClientProvider):
    def __init__(self, account: McpAccount, state: State, more_scope: str = "") -> None:
        self.state = state
        self._more_scope = more_scope
        self._redirect_uri = account.redirect_uri
        metadata = OAuthClientMetadata.model_validate(
            {
                "client_name": CLIENT_NAME,
                "redirect_uris": [account.redirect_uri],
                "application_type": "web",
                "token_endpoint_auth_method": "none" if account.document_url else None,
            }
        )
        document_url = account.document_url or None
        super().__init__(account.url, metadata, _Kept(state), client_metadata_url=document_url)

    async def prepare(self) -> None:
        """Know what another process found out."""
        await self._initialize()
        context, state = self.context, self.state
        context.token_expiry_time, context.auth_server_url = state.get("expires_at"), state.get("issuer")
        if found := state.get("server_metadata"):
            context.oauth_metadata = OAuthMetadata.model_validate(found)
        if found := state.get("resource_metadata"):
            context.protected_resource_metadata = ProtectedResourceMetadata.model_validate(found)

    async def _perform_authorization_code_grant(self) -> tuple[str, str]:
        """Everything is known now that the browser needs: leave, and go on in `finish`."""
        known = self.context.oauth_metadata
        if known and "S256" not in (known.code_challenge_methods_supported or ("S256",)):
            raise OAuthFlowError("It does not know the proof that sign-ins need (PKCE with S256).")
        context, proof, state = self.context, PKCEParameters.generate(), secrets.token_urlsafe(32)
        if context.client_info is None:
            raise OAuthFlowError("it does not know us")
        scope = union_scopes(context.client_metadata.scope, self._more_scope)
        asked = {
            "response_type": "code",
            "client_id": context.client_info.client_id,
            "redirect_uri": self._redirect_uri,
            "state": state,
            "code_challenge": proof.code_challenge,
            "code_challenge_method": "S256",
            "resource": context.get_resource_url(),
        }
        if scope:
            asked["scope"] = scope
            if "offline_access" in scope.split():
                asked["prompt"] = "consent"
        self.state |= {
            "issuer": context.auth_server_url,
            "server_metadata": _dumped(context.oauth_metadata),
            "resource_metadata": _dumped(context.protected_resource_metadata),
            "pending": {
                "state": state,
                "verifier": proof.code_verifier,
                "scope": scope,
                "at": time.time(),
            },
        }
        # Servers of the first revision with OAuth may have no metadata, only addresses that are known.
        base = context.get_authorization_base_url(context.server_url)
        endpoint = str(known.authorization_endpoint) if known else f"{base}/authorize"
        raise _Redirect(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}")


def _dumped(metadata: ProtectedResourceMetadata | OAuthMetadata | None) -> Mapping[str, Any] | None:
    return metadata.model_dump(mode="json", exclude_none=True) if metadata else None


@asynccontextmanager
async def _outside(policy: OutboundPolicy) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        asyncio.timeout(EXCHANGE_TIMEOUT_S),
        outbound_client(policy, read_timeout_s=EXCHANGE_TIMEOUT_S, cap_bytes=MAX_BYTES) as http,
    ):
        yield http


def _words(error: BaseException) -> str:
    """Why, in words. Of a reply that does not fit only where it does not: it may hold tokens."""
    if isinstance(error, TimeoutError):
        return "it took too long."
    misfit = error if isinstance(error, ValidationError) else error.__context__
    if isinstance(misfit, ValidationError):
        first = misfit.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        text = f"Its answer does not fit{f' at {where}' if where else ''}: {first['msg']}"
    else:
        text = str(error)
    text = " ".join(text.split())[:300] or type(error).__name__
    return text if text.endswith(".") else f"{text}."
