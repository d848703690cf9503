"""The page of connected programs: one's own, and for admins those of all members of the workspace."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from builder.accounts.access import Member, calling_member
from builder.oauth_server.grants import end_grant, live_grants
from builder.oauth_server.models import Grant
from builder.oauth_server.scopes import SCOPE_WORDS

MANAGE = "member.manage"


def connected(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    rows = live_grants().filter(membership__workspace=member.workspace).order_by("-created_at")
    own = [_shown(grant) for grant in rows if grant.membership.user_id == member.user.pk]
    others = [_shown(grant) for grant in rows if grant.membership.user_id != member.user.pk]
    context = {"own": own, "others": others if member.may(MANAGE) else []}
    return render(request, "oauth_server/programs.html", context)


def _shown(grant: Grant) -> dict[str, object]:
    return {"grant": grant, "words": ", ".join(SCOPE_WORDS[scope][1].lower() for scope in grant.scopes)}


def disconnect(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    member = calling_member(request)
    grant = _grant_for(member, grant_id)
    end_grant(member, grant)
    messages.success(request, f"{grant.client.name} is disconnected.")
    return redirect("settings_programs")


def _grant_for(member: Member, grant_id: UUID) -> Grant:
    grant = live_grants().filter(membership__workspace=member.workspace, pk=grant_id).first()
    if grant is None or (grant.membership.user_id != member.user.pk and not member.may(MANAGE)):
        raise Http404
    return grant
