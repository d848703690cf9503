"""The address /mcp: who calls and from where, then the MCP server, mounted beside Django.

Streamable HTTP without sessions, so that any process may answer any request:
https://modelcontextprotocol.io/specification/2026-07-28/basic/transports
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from builder.accounts.access import Member, member_by_token
from builder.accounts.matrix import MOUNTED, SCOPES
from builder.accounts.tokens import token_for
from builder.http.database import in_database
from builder.mcp_endpoint.caller import SCOPE_KEY, SESSION_HEADER, Caller, session_of
from builder.mcp_endpoint.calling import cancel_call, forget_old_calls
from builder.mcp_endpoint.scopes import scope_lacking
from builder.mcp_endpoint.server import make_server
from builder.oauth_server.addresses import RESOURCE_METADATA_PATH, RESOURCE_PATH, origin_of_scope, resource_of
from builder.oauth_server.grants import access_with

PATH = RESOURCE_PATH
HELP_PAGE = b"/settings/mcp"
METHODS = MOUNTED["mcp"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Refused(Exception):
    """A request that is not let in: an HTTP status, a sentence, and headers."""

    def __init__(self, status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


class McpEndpoint:
    """Answers /mcp and hands everything else on."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._owner: _Owner | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != PATH:
            await self._inner(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        except Refused as refused:
            body = {"error": refused.code, "error_description": refused.message}
            await _respond(send, refused.status, json.dumps(body).encode(), *refused.headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Blanks around a value are no part of it; the parser in front leaves them there.
        scope = {**scope, "headers": [(name, value.strip(b" \t")) for name, value in scope["headers"]]}
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        check_origin(headers)
        if scope["method"] not in METHODS:
            if "text/html" in headers.get("accept", ""):
                await _respond(send, 302, b"", (b"location", HELP_PAGE))
                return
            # Nothing is sent unasked, and there are no sessions to end.
            raise Refused(405, "method_not_allowed", "Post MCP messages here.", (b"allow", b"POST"))
        origin = origin_of_scope(scope, headers)
        caller = await in_database(caller_with, headers, origin)
        body = await read_body(headers, receive)
        message = _message(body, caller.member)
        if lacking := scope_lacking(caller.member, message):
            raise _needs_scope(lacking, caller.member, origin)
        if message.get("method") == "notifications/cancelled" and caller.session is not None:
            await cancel_call(
                caller.member, caller.session, str((message.get("params") or {}).get("requestId", ""))[:100]
            )
            await _respond(send, 202, b"")
            return
        if message.get("method") == "initialize":
            await in_database(forget_old_calls)
            send = _with_session(send)
        scope[SCOPE_KEY] = caller
        manager = await self._started()
        await manager.handle_request(scope, _noting_the_end(body, receive, caller), send)

    async def _started(self) -> StreamableHTTPSessionManager:
        loop = asyncio.get_running_loop()
        if self._owner is None or self._owner.loop is not loop:
            self._owner = _Owner(loop)
        return await self._owner.ready()


class _Owner:
    """Holds the server's task group open in one task of a loop: it must be entered and left in the same one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._manager = StreamableHTTPSessionManager(
            make_server(),
            json_response=False,
            stateless=True,
            max_request_body_size=settings.MAX_BODY_BYTES,
        )
        self._is_up: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._hold())

    async def ready(self) -> StreamableHTTPSessionManager:
        await asyncio.shield(self._is_up)
        return self._manager

    async def _hold(self) -> None:
        async with self._manager.run():
            self._is_up.set_result(None)
            await asyncio.Event().wait()


# --- who may come in --------------------------------------------------------------------------------------


def check_origin(headers: Mapping[str, str]) -> None:
    """Host and Origin must be ours, so that no foreign page reaches this server through a name of its own."""
    if not _is_ours(headers.get("host", "")):
        raise Refused(421, "wrong_host", "This host is not served here. See ALLOWED_HOSTS.")
    origin = headers.get("origin", "")
    if origin and not _is_ours(urlsplit(origin).netloc):
        raise Refused(403, "wrong_origin", "Pages of this origin may not call this address.")


def _is_ours(host: str) -> bool:
    domain, _ = split_domain_port(host.lower())
    allowed = [*settings.ALLOWED_HOSTS, urlsplit(settings.PUBLIC_URL).hostname or ""]
    return bool(domain) and validate_host(domain, [name for name in allowed if name])


def caller_with(headers: Mapping[str, str], origin: str) -> Caller:
    """The member whose API token this is, or for whom a program signed in; raises Refused for nobody."""
    kind, _, plain = headers.get("authorization", "").partition(" ")
    found = _credential(plain.strip(), resource_of(origin)) if kind.lower() == "bearer" else None
    if found is None:
        raise Refused(
            401,
            "invalid_token" if plain else "not_signed_in",
            "Sign in by OAuth, or send an API token as a bearer token. People make them under Settings, API tokens.",
            _challenge(origin, **({"error": "invalid_token"} if plain else {})),
        )
    member, credential = found
    if not member.may(METHODS["POST"]):
        raise Refused(403, "forbidden", "The role of this token does not allow this.")
    return Caller(member, session_of(credential, headers.get(SESSION_HEADER, "")))


def _credential(plain: str, resource: str) -> tuple[Member, UUID] | None:
    if plain and (token := token_for(plain)) is not None:
        return member_by_token(token), token.pk
    access = access_with(plain, resource) if plain else None
    return (access.member, access.grant_id) if access else None


def _needs_scope(lacking: str, member: Member, origin: str) -> Refused:
    """The program may ask the person for more, and then try again."""
    wanted = " ".join([*(scope for scope in SCOPES if scope in (member.scopes or ())), lacking])
    challenge = _challenge(origin, error="insufficient_scope", scope=wanted)
    return Refused(403, "insufficient_scope", f"This needs the scope {lacking}.", challenge)


def _challenge(origin: str, **facts: str) -> tuple[bytes, bytes]:
    """Says where programs find out how to sign in (RFC 9728)."""
    facts = {"realm": "Patchbay", **facts, "resource_metadata": origin + RESOURCE_METADATA_PATH}
    told = ", ".join(f'{name}="{value}"' for name, value in facts.items())
    return b"www-authenticate", f"Bearer {told}".encode()


async def read_body(headers: Mapping[str, str], receive: Receive) -> bytes:
    """The whole body; raises Refused as soon as it is known to be too large."""
    limit = settings.MAX_BODY_BYTES
    announced = headers.get("content-length", "0")
    body, more = bytearray(), True
    while more:
        if len(body) > limit or (announced.isdecimal() and int(announced) > limit):
            raise Refused(413, "too_large", f"The body is larger than {limit} bytes.")
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "bad_request", "The body ended too early.")
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
    if len(body) > limit:
        raise Refused(413, "too_large", f"The body is larger than {limit} bytes.")
    return bytes(body)


# --- what the older protocol needs besides ----------------------------------------------------------------


def _message(body: bytes, member: Member) -> dict[str, Any]:
    """The message, if it is one of those that concern this file; the server itself judges all of them."""
    concerns = b"notifications/cancelled" in body or b"initialize" in body or member.scopes is not None
    if not concerns:
        return {}
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) and isinstance(message.get("params", {}), dict) else {}


def _with_session(send: Send) -> Send:
    """Names a session, by which a later request can say which call it cancels; nothing is kept for it."""

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            session = (SESSION_HEADER.encode(), secrets.token_hex(16).encode())
            message = {**message, "headers": [*message.get("headers", ()), session]}
        await send(message)

    return named


def _noting_the_end(body: bytes, receive: Receive, caller: Caller) -> Receive:
    """Gives the body that was read already, then notes when the caller closes the connection."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if not is_given:
            is_given = True
            return {"type": "http.request", "body": body, "more_body": False}
        message = await receive()
        caller.is_gone = caller.is_gone or message["type"] == "http.disconnect"
        return message

    return replay


async def _respond(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    kind = [(b"content-type", b"application/json")] if body else []
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*kind, length, *headers]})
    await send({"type": "http.response.body", "body": body})
