"""An MCP server whose people sign in by OAuth, with its authorization server, in this process: for tests.

Tokens are short-lived, refresh tokens rotate, a second use of one ends everything, and one tool wants a scope of
its own. The sign-in page has one button.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import mcp_types as wire
import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    RefreshToken,
    TokenError,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.lowlevel import Server
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.processes import free_port

READ, WRITE = "notes:read", "notes:write"
PAGE = """<!doctype html><html lang="en"><title>Sign in to Notes</title><h1>Notes</h1>
<form method="post" action="/approve"><input type="hidden" name="request" value="{request}">
<button>Let Patchbay in</button></form></html>"""


@dataclass
class Site:
    """refreshes, reuses: how often tokens were refreshed, and a used one came; calls: tools that were called, tokens:
    with which token each
    """

    port: int
    token_life_s: int = 3600
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    asked: dict[str, tuple[str, AuthorizationParams]] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    refresh: dict[str, RefreshToken] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    refreshes: int = 0
    reuses: int = 0
    revoked: int = 0
    calls: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def expire(self) -> None:
        """Every access token is over."""
        self.access.clear()

    def shut_out(self) -> None:
        """Every token is over; people must sign in again."""
        self.access.clear()
        self.refresh.clear()

    # --- what the SDK's handlers ask ----------------------------------------------------------------------

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        client_info.scope = f"{READ} {WRITE}"
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        request = secrets.token_hex(8)
        self.asked[request] = (client.client_id, params)
        self.scopes.append(" ".join(params.scopes or []))
        return f"{self.origin}/sign-in?request={request}"

    def approve(self, request: str) -> str:
        client_id, params = self.asked.pop(request)
        code = secrets.token_hex(20)
        self.codes[code] = AuthorizationCode(
            code=code,
            client_id=client_id,
            scopes=params.scopes or [READ],
            expires_at=time.time() + 60,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        return construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._issue(client.client_id, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        if refresh_token in self.used:
            self.reuses += 1
            self.shut_out()
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        if self.refresh.pop(refresh_token.token, None) is None:
            raise TokenError("invalid_grant", "used")
        self.used.add(refresh_token.token)
        self.refreshes += 1
        return self._issue(client.client_id, scopes, refresh_token.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        found = self.access.get(token)
        return found if found and (found.expires_at or 0) > time.time() else None

    verify_token = load_access_token

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.revoked += 1
        client = token.client_id
        self.access = {key: row for key, row in self.access.items() if row.client_id != client}
        self.refresh = {key: row for key, row in self.refresh.items() if row.client_id != client}

    def _issue(self, client_id: str, scopes: list[str], resource: str | None) -> OAuthToken:
        access, refresh = secrets.token_hex(20), secrets.token_hex(20)
        ends = int(time.time() + self.token_life_s)
        facts: dict[str, Any] = {"client_id": client_id, "scopes": scopes, "resource": resource}
        self.access[access] = AccessToken(token=access, expires_at=ends, **facts)
        self.refresh[refresh] = RefreshToken(token=refresh, **facts)
        return OAuthToken(
            access_token=access,
            refresh_token=refresh,
            expires_in=self.token_life_s,
            scope=" ".join(scopes),
        )


def _application(site: Site) -> Any:
    async def list_tools(context: Any, params: Any) -> wire.ListToolsResult:
        schema = {"type": "object", "properties": {}}
        hints = wire.ToolAnnotations(read_only_hint=True)
        tools = [wire.Tool(name=name, input_schema=schema, annotations=hints) for name in ("read", "write")]
        return wire.ListToolsResult(tools=tools)

    async def call_tool(context: Any, params: wire.CallToolRequestParams) -> wire.CallToolResult:
        site.calls.append(params.name)
        token = get_access_token()
        site.tokens.append(token.token if token else "")
        return wire.CallToolResult(content=[wire.TextContent(type="text", text=f"done: {params.name}")])

    server: Server[Any] = Server("notes", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    provider: Any = site
    routes = create_auth_routes(
        provider=provider,
        issuer_url=AnyHttpUrl(site.origin),
        client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=[READ, WRITE]),
        revocation_options=RevocationOptions(enabled=True),
    )

    async def sign_in(request: Request) -> Response:
        return HTMLResponse(PAGE.format(request=request.query_params["request"]))

    async def approve(request: Request) -> Response:
        form = await request.form()
        return RedirectResponse(site.approve(str(form["request"])), status_code=302)

    app = server.streamable_http_app(
        streamable_http_path="/mcp",
        stateless_http=True,
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(site.origin),
            resource_server_url=AnyHttpUrl(site.url),
            required_scopes=[READ],
            validate_token_resource=True,
        ),
        token_verifier=provider,
    )
    app.router.routes.extend(
        [*routes, Route("/sign-in", sign_in), Route("/approve", approve, methods=["POST"])]
    )
    return _StepUp(app, site)


class _StepUp:
    """403 insufficient_scope for a call of `write` without the scope, before the server looks at it."""

    def __init__(self, inner: Any, site: Site) -> None:
        self._inner, self._site = inner, site

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/mcp" or scope["method"] != "POST":
            await self._inner(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        known = await self._site.load_access_token(token)
        params = json.loads(body or b"{}").get("params") or {}
        if known and params.get("name") == "write" and WRITE not in known.scopes:
            challenge = f'Bearer error="insufficient_scope", scope="{WRITE}"'
            await Response(status_code=403, headers={"www-authenticate": challenge})(scope, receive, send)
            return
        given = False

        async def replay() -> Any:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._inner(scope, replay, send)


class OAuthSite:
    """The site on a thread of its own; a context manager that gives its Site."""

    def __init__(self, token_life_s: int = 3600) -> None:
        self.site = Site(free_port(), token_life_s)
        config = uvicorn.Config(
            _application(self.site), port=self.site.port, log_level="error", lifespan="on"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Site:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.site

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
