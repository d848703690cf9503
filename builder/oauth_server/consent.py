"""The page on which a person decides what a program may do."""

from __future__ import annotations

from urllib.parse import urlsplit

from csp.constants import SELF
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from mcp.server.auth.provider import construct_redirect_uri

from builder.accounts.access import caller_of, member_of
from builder.accounts.matrix import SCOPES
from builder.accounts.models import Membership, User
from builder.oauth_server.addresses import origin_of, resource_of
from builder.oauth_server.asked import Asked
from builder.oauth_server.clients import LOOPBACK
from builder.oauth_server.grants import give_grant
from builder.oauth_server.models import Client
from builder.oauth_server.scopes import SCOPE_WORDS


def consent(request: HttpRequest) -> HttpResponse:
    """Who asks for what, and for which workspace: the person allows or declines."""
    user = caller_of(request)
    assert isinstance(user, User)
    text = request.POST.get("request") or request.GET.get("request", "")
    try:
        asked = Asked.opened(text)
        client = Client.objects.get(client_id=asked.client_id)
    except (BadSignature, Client.DoesNotExist):
        return unusable(request, "The request is too old or was changed on the way.")
    if request.method != "POST":
        return _asking(request, user, client, asked, text)
    told = {"state": asked.state, "iss": origin_of(request)}
    if request.POST.get("decision") != "allow":
        return sent_back(construct_redirect_uri(asked.redirect_uri, error="access_denied", **told))
    rows = Membership.objects.filter(user=user, workspace__slug=request.POST.get("workspace", ""))
    membership = rows.first()
    if membership is None:
        return _asking(request, user, client, asked, text)
    code = give_grant(
        member_of(user, membership.workspace_id),
        client,
        scopes=asked.scopes,
        resource=resource_of(origin_of(request)),
        request=asked.for_exchange,
    )
    return sent_back(construct_redirect_uri(asked.redirect_uri, code=code, **told))


def _asking(request: HttpRequest, user: User, client: Client, asked: Asked, text: str) -> HttpResponse:
    target = urlsplit(asked.redirect_uri)
    is_web = target.scheme in {"http", "https"}
    rows = Membership.objects.filter(user=user).select_related("workspace").order_by("workspace__name")
    context = {
        "client": client,
        "request_text": text,
        "goes_to": target.netloc if is_web else f"{target.scheme}:",
        "is_on_this_machine": is_web and target.hostname in LOOPBACK,
        "scopes": [SCOPE_WORDS[scope] for scope in SCOPES if scope in asked.scopes],
        "choices": list(rows),
        "chosen": request.session.get("workspace"),
    }
    response = render(request, "oauth_server/consent.html", context)
    # Browsers apply form-action also to where the answer to a form redirects.
    source = f"{target.scheme}://{target.netloc}" if is_web else f"{target.scheme}:"
    response._csp_update = {"form-action": [SELF, source]}  # type: ignore[attr-defined]  # what csp_update sets
    return response


def unusable(request: HttpRequest, why: str) -> HttpResponse:
    """The fault on a page: where it cannot be told to the program."""
    return render(request, "oauth_server/unusable.html", {"why": why}, status=400)


class _SentBack(HttpResponseRedirect):
    """To the program, whose address was checked when it became known; apps have schemes of their own."""

    def __init__(self, target: str) -> None:
        self.allowed_schemes = [urlsplit(target).scheme]
        super().__init__(target)


def sent_back(target: str) -> HttpResponse:
    response = _SentBack(target)
    response["Cache-Control"] = "no-store"
    return response
