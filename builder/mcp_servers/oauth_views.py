"""Connecting a server from its page: away to its sign-in, back, and disconnecting again."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from builder.accounts.access import Member, caller_of, member_of
from builder.accounts.models import User
from builder.mcp_servers import errands, oauth
from builder.mcp_servers.api import server_for
from builder.mcp_servers.models import Account
from builder.mcp_servers.oauth_gateway import document_url
from runtime.errors import PatchbayError


async def connect(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Send the browser to the server's sign-in."""
    server, member = await sync_to_async(server_for)(request, server_id)
    if server.auth_kind != "oauth":
        raise Http404
    if not oauth.may_connect(member, server):
        raise PermissionDenied
    try:
        target = await oauth.begin_connecting(member, server, redirect_uri=_callback_of(request))
    except PatchbayError as error:
        await sync_to_async(messages.error)(request, error.message)
        return redirect("mcp_server", server_id=server.pk)
    # A page that goes on by itself: a redirect as the answer to a form may not lead to another origin (CSP).
    context = {"server": server, "target": target, "host": urlsplit(target).netloc}
    return await sync_to_async(render)(request, "mcp_servers/leaving.html", context)


async def callback(request: HttpRequest) -> HttpResponse:
    """The browser is back from the server's sign-in."""
    account, member = await sync_to_async(_awaiting)(request)
    server = account.server
    given = request.GET
    if given.get("error"):
        words = given.get("error_description") or given["error"]
        await sync_to_async(messages.error)(request, f"{server.name} was not connected: {words[:300]}")
        return redirect("mcp_server", server_id=server.pk)
    try:
        await oauth.finish_connecting(member, account, code=given.get("code", ""), iss=given.get("iss", ""))
    except PatchbayError as error:
        await sync_to_async(messages.error)(request, error.message)
        return redirect("mcp_server", server_id=server.pk)
    server = await errands.refresh_server(server, member)
    if server.error is None:
        await sync_to_async(messages.success)(request, f"{server.name} is connected.")
    return redirect("mcp_server", server_id=server.pk)


def disconnect(request: HttpRequest, server_id: UUID) -> HttpResponse:
    server, member = server_for(request, server_id)
    if not oauth.may_connect(member, server):
        raise PermissionDenied
    oauth.disconnect(member, server)
    messages.success(request, f"{server.name} is disconnected.")
    return redirect("mcp_server", server_id=server.pk)


def client_document(request: HttpRequest) -> HttpResponse:
    """How this installation describes itself to the servers it signs in to; its address is its client id."""
    address = document_url()
    if not address:
        raise Http404
    document = {
        "client_id": address,
        "client_name": "Patchbay",
        "client_uri": settings.PUBLIC_URL,
        "redirect_uris": [_callback_of(request)],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
    }
    return JsonResponse(document, headers={"Cache-Control": "public, max-age=3600"})


def _callback_of(request: HttpRequest) -> str:
    path = reverse("mcp_oauth_callback")
    return settings.PUBLIC_URL + path if settings.PUBLIC_URL else request.build_absolute_uri(path)


def _awaiting(request: HttpRequest) -> tuple[Account, Member]:
    user = caller_of(request)
    assert isinstance(user, User)
    account = oauth.account_awaiting(request.GET.get("state", ""), user.pk)
    member = member_of(user, account.server.workspace_id)
    is_own = account.membership is not None and account.membership.user_id == user.pk
    if not is_own and not (account.membership is None and oauth.may_connect(member, account.server)):
        raise Http404
    return account, member
