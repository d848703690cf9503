"""The authorization server: metadata, the way to the consent page, tokens.

The SDK's handlers hold the protocol (OAuth 2.1 with PKCE, RFC 7591, 7009, 8414, 8707, 9207, 9728).
"""

from __future__ import annotations

import logging

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt
from mcp.server.auth.handlers.authorize import AuthorizationHandler
from mcp.server.auth.handlers.metadata import MetadataHandler, ProtectedResourceMetadataHandler
from mcp.server.auth.handlers.register import RegistrationHandler
from mcp.server.auth.handlers.revoke import RevocationHandler
from mcp.server.auth.handlers.token import TokenHandler
from mcp.server.auth.middleware.client_auth import ClientAuthenticator
from mcp.server.auth.provider import construct_redirect_uri
from mcp.server.auth.settings import ClientRegistrationOptions
from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata

from builder.accounts.access import calling_member
from builder.accounts.matrix import SCOPES
from builder.http.encryption import keyed_hash
from builder.oauth_server.addresses import DOCUMENTATION_PATH, origin_of, resource_of
from builder.oauth_server.bridge import ANY_ORIGIN, answered, handled
from builder.oauth_server.clients import may_register
from builder.oauth_server.consent import sent_back, unusable
from builder.oauth_server.documents import take_document
from builder.oauth_server.provider import CONSENT_PATH, Provider
from runtime.errors import PatchbayError

logger = logging.getLogger(__name__)

AUTH_METHODS = ["none", "client_secret_post", "client_secret_basic"]


# --- metadata ---------------------------------------------------------------------------------------------


async def resource_metadata(request: HttpRequest) -> HttpResponse:
    origin = origin_of(request)
    metadata = ProtectedResourceMetadata.model_validate(
        {
            "resource": resource_of(origin),
            "authorization_servers": [origin],
            "scopes_supported": list(SCOPES),
            "resource_name": "Patchbay",
            "resource_documentation": origin + DOCUMENTATION_PATH,
        }
    )
    return await answered(request, ProtectedResourceMetadataHandler(metadata).handle)


async def server_metadata(request: HttpRequest) -> HttpResponse:
    origin = origin_of(request)
    metadata = OAuthMetadata.model_validate(
        {
            "issuer": origin,
            "authorization_endpoint": f"{origin}/oauth/authorize",
            "token_endpoint": f"{origin}/oauth/token",
            "registration_endpoint": f"{origin}/oauth/register",
            "revocation_endpoint": f"{origin}/oauth/revoke",
            "scopes_supported": list(SCOPES),
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": AUTH_METHODS,
            "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
            "code_challenge_methods_supported": ["S256"],
            "client_id_metadata_document_supported": True,
            "authorization_response_iss_parameter_supported": True,
            "service_documentation": origin + DOCUMENTATION_PATH,
        }
    )
    return await answered(request, MetadataHandler(metadata).handle)


# --- programs ask -----------------------------------------------------------------------------------------


@csrf_exempt
async def register(request: HttpRequest) -> HttpResponse:
    """A program makes itself known (RFC 7591)."""
    address = keyed_hash(request.META.get("REMOTE_ADDR", ""))
    if request.method == "POST" and not await sync_to_async(may_register)(address):
        return _refused(
            429, "temporarily_unavailable", "Too many programs registered from here. Wait an hour."
        )
    options = ClientRegistrationOptions(enabled=True)
    handler = RegistrationHandler(_provider(request, address), options)
    return await answered(request, handler.handle)


@csrf_exempt
async def token(request: HttpRequest) -> HttpResponse:
    """Tokens for a code or a refresh token."""
    provider = _provider(request)
    asked = QueryDict(request.body).get("resource")
    if asked is not None and asked.rstrip("/") != provider.resource:
        return _refused(400, "invalid_target", f"Tokens are given for {provider.resource} only.")
    return await answered(request, TokenHandler(provider, ClientAuthenticator(provider)).handle)


@csrf_exempt
async def revoke(request: HttpRequest) -> HttpResponse:
    """A program gives its tokens back (RFC 7009)."""
    provider = _provider(request)
    return await answered(request, RevocationHandler(provider, ClientAuthenticator(provider)).handle)


def _provider(request: HttpRequest, address: str = "") -> Provider:
    return Provider(resource_of(origin_of(request)), address)


def _refused(status: int, error: str, description: str) -> HttpResponse:
    body = {"error": error, "error_description": description}
    return JsonResponse(body, status=status, headers={**ANY_ORIGIN, "Cache-Control": "no-store"})


# --- a person comes along -----------------------------------------------------------------------------------


async def authorize(request: HttpRequest) -> HttpResponse:
    """Check what a program asks for, then let the person decide. Faults that cannot be told to it are shown."""
    member = await sync_to_async(calling_member)(request)
    try:
        await take_document(request.GET.get("client_id", ""), member.workspace.pk)
    except PatchbayError as error:
        return await sync_to_async(unusable)(request, error.message)
    response = await handled(request, AuthorizationHandler(_provider(request)).handle)
    target = response.headers.get("Location", "")
    if not target:
        logger.info("an authorization request was refused", extra={"action": "oauth"})
        return await sync_to_async(unusable)(
            request, "It is not known here, or its redirect address is not registered."
        )
    if target.startswith(CONSENT_PATH):
        return response
    return sent_back(construct_redirect_uri(target, iss=origin_of(request)))
