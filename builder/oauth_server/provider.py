"""What the SDK's authorization handlers ask: they hold the protocol, this holds programs, grants and tokens.

https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization
"""

from __future__ import annotations

from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.db import transaction
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    AuthorizeError,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    RegistrationError,
    TokenError,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from builder.accounts.matrix import SCOPES
from builder.oauth_server import grants
from builder.oauth_server.asked import Asked
from builder.oauth_server.clients import as_known, details_of, forget_unused, name_of, redirect_problem
from builder.oauth_server.models import Client, Code, Token

CONSENT_PATH = "/oauth/consent"
NEEDED_SCOPE = "mcp:read"
GONE = "The person or an admin has disconnected this program."


class Provider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """For one request.

    resource   the only one that tokens are given for
    address    keyed hash of where the request comes from
    """

    def __init__(self, resource: str, address: str = "") -> None:
        self.resource = resource
        self._address = address

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        row = await Client.objects.filter(client_id=client_id[:500]).afirst()
        return await sync_to_async(as_known)(row) if row else None

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        if problem := redirect_problem(client_info.redirect_uris):
            raise RegistrationError("invalid_redirect_uri", problem)
        await sync_to_async(self._keep)(client_info)

    @transaction.atomic
    def _keep(self, client_info: OAuthClientInformationFull) -> None:
        forget_unused()
        row = Client(
            client_id=client_info.client_id,
            kind=Client.Kind.REGISTERED,
            name=name_of(client_info, "A program without a name"),
            details=details_of(client_info),
            registered_from=self._address,
        )
        row.set_secret(client_info.client_secret)
        row.save()

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        """The consent page; what was asked for travels with the person, signed."""
        if params.resource is not None and not self._is_ours(params.resource):
            raise AuthorizeError("invalid_target", f"Tokens are given for {self.resource} only.")
        wanted = set(params.scopes or SCOPES) | {NEEDED_SCOPE}
        asked = Asked(
            client_id=client.client_id,
            scopes=[scope for scope in SCOPES if scope in wanted],
            **params.model_dump(mode="json", exclude={"scopes", "resource"}),
        )
        return f"{CONSENT_PATH}?{urlencode({'request': asked.signed()})}"

    def _is_ours(self, resource: str) -> bool:
        return resource.rstrip("/") == self.resource

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        row = await sync_to_async(grants.code_with)(authorization_code)
        if row is None or row.grant.client.client_id != client.client_id:
            return None
        if row.used_at is not None:
            await sync_to_async(grants.end_reused)(row)
            return None
        return AuthorizationCode(
            code=authorization_code,
            client_id=client.client_id,
            scopes=row.grant.scopes,
            expires_at=row.expires_at.timestamp(),
            resource=row.grant.resource,
            **row.request,
        )

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        row = await sync_to_async(grants.code_with)(authorization_code.code)
        return await self._exchange(row, authorization_code.scopes)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        row = await sync_to_async(grants.token_with)(refresh_token, Token.Kind.REFRESH)
        if row is None or row.grant.client.client_id != client.client_id:
            return None
        if row.used_at is not None:
            await sync_to_async(grants.end_reused)(row)
            return None
        return RefreshToken(
            token=refresh_token,
            client_id=client.client_id,
            scopes=row.grant.scopes,
            expires_at=int(row.expires_at.timestamp()),
            resource=row.grant.resource,
        )

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        row = await sync_to_async(grants.token_with)(refresh_token.token, Token.Kind.REFRESH)
        return await self._exchange(row, [scope for scope in SCOPES if scope in {*scopes, NEEDED_SCOPE}])

    async def _exchange(self, row: Code | Token | None, scopes: list[str]) -> OAuthToken:
        if row is None or not row.grant.is_live:
            raise TokenError("invalid_grant", GONE)
        try:
            return await sync_to_async(grants.exchange)(row, scopes)
        except grants.Reused:
            raise TokenError("invalid_grant", "This was used before. Sign in again.") from None

    async def load_access_token(self, token: str) -> AccessToken | None:
        row = await sync_to_async(grants.token_with)(token, Token.Kind.ACCESS)
        if row is None:
            return None
        return AccessToken(
            token=token,
            client_id=row.grant.client.client_id,
            scopes=row.scopes,
            expires_at=int(row.expires_at.timestamp()),
            resource=row.grant.resource,
        )

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        """Either token ends the grant, and so both."""
        kind = Token.Kind.REFRESH if isinstance(token, RefreshToken) else Token.Kind.ACCESS
        await sync_to_async(_end)(token.token, kind)


def _end(plain: str, kind: Token.Kind) -> None:
    row = grants.token_with(plain, kind)
    if row is not None:
        grants.end_grant(grants.ByProgram.of(row.grant), row.grant, why="the program signed out")
