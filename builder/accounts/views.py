"""Signing in and out, and the settings of a person and of a workspace."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from builder.accounts import actions
from builder.accounts.access import calling_member, member_of
from builder.accounts.api import membership_for, own_tokens
from builder.accounts.matrix import ROLE_SUMMARY, Role
from builder.accounts.models import Membership, User, Workspace
from builder.accounts.sign_in import authenticate
from builder.accounts.tokens import create_token, revoke_token
from builder.audit.models import AuditEntry
from builder.http.errors import ProblemError
from builder.http.paging import asked_page


def sign_in(request: HttpRequest) -> HttpResponse:
    target = request.POST.get("next") or request.GET.get("next") or "/"
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    context = {"next": target, "email": request.POST.get("email", "")}
    if request.method != "POST":
        return (
            redirect(target)
            if request.user.is_authenticated
            else render(request, "accounts/sign_in.html", context)
        )
    user, problem = authenticate(request.POST.get("email", ""), request.POST.get("password", ""))
    if user is None:
        return render(request, "accounts/sign_in.html", {**context, "problem": problem}, status=422)
    login(request, user)
    return redirect(target)


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("sign_in")


def choose_workspace(request: HttpRequest, slug: str) -> HttpResponse:
    """What pages show from now on in this browser."""
    user = request.user
    workspace = Workspace.objects.filter(slug=slug).first()
    if isinstance(user, User) and workspace is not None:
        member_of(user, workspace.pk)
        request.session["workspace"] = slug
    return redirect("home")


def settings(request: HttpRequest) -> HttpResponse:
    calling_member(request)
    return redirect("settings_profile")


def profile(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        return redirect("sign_in")
    problems: list[str] = []
    if request.method == "POST":
        user.name = " ".join(request.POST.get("name", "").split())[:120]
        password = request.POST.get("new_password", "")
        if password:
            if not user.check_password(request.POST.get("password", "")):
                problems.append("The current password is not right.")
            else:
                problems += _password_problems(password, user)
        if not problems:
            if password:
                user.set_password(password)
            user.save()
            if password:
                login(request, user)
            messages.success(request, "Saved.")
            return redirect("settings_profile")
    return render(request, "accounts/profile.html", {"problems": problems}, status=422 if problems else 200)


def _password_problems(password: str, user: User) -> list[str]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return list(error.messages)
    return []


def workspace(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    if request.method == "POST":
        try:
            actions.change_workspace(
                member,
                member.workspace,
                name=request.POST.get("name", ""),
                timezone=request.POST.get("timezone", ""),
            )
            messages.success(request, "Saved.")
        except ProblemError as error:
            messages.error(request, error.message)
        return redirect("settings_workspace")
    return render(request, "accounts/workspace.html")


def members(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    if request.method == "POST":
        try:
            actions.add_member(
                member,
                member.workspace,
                email=request.POST.get("email", ""),
                role=request.POST.get("role", ""),
                password=request.POST.get("password") or None,
            )
            messages.success(request, f"{request.POST.get('email')} was added.")
        except ProblemError as error:
            messages.error(request, error.message)
        return redirect("settings_members")
    rows = (
        Membership.objects.filter(workspace=member.workspace).select_related("user").order_by("user__email")
    )
    roles = [(role.value, role.label, ROLE_SUMMARY[role]) for role in Role]
    return render(request, "accounts/members.html", {"rows": rows, "roles": roles})


def change_member(request: HttpRequest, membership_id: str) -> HttpResponse:
    """Change a role, or remove the person."""
    row, member = membership_for(request, membership_id)  # type: ignore[arg-type]
    try:
        if request.POST.get("remove"):
            actions.remove_member(member, row)
            messages.success(request, f"{row.user.email} was removed.")
        else:
            actions.change_role(member, row, role=request.POST.get("role", ""))
            messages.success(request, f"{row.user.email} is {row.role} now.")
    except ProblemError as error:
        messages.error(request, error.message)
    return redirect("settings_members")


def tokens(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    plain = ""
    if request.method == "POST":
        role = request.POST.get("role", "")
        membership = Membership.objects.get(user=member.user, workspace=member.workspace)
        if role in Role.values:
            name = request.POST.get("name", "").strip()[:120] or "API token"
            _, plain = create_token(membership, name=name, role=role, by=member)
    context = {
        "rows": own_tokens(member).order_by("-id"),
        "plain": plain,
        "roles": [(r.value, r.label) for r in Role],
    }
    return render(request, "accounts/tokens.html", context)


def revoke(request: HttpRequest, token_id: str) -> HttpResponse:
    member = calling_member(request)
    token = own_tokens(member).filter(pk=token_id).first()
    if token is not None:
        revoke_token(token, by=member)
        messages.success(request, f"{token.name} was revoked.")
    return redirect("settings_tokens")


def audit(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    page = asked_page(request, AuditEntry.objects.filter(workspace_id=member.workspace.pk))
    return render(request, "accounts/audit.html", {"rows": page["items"], "next": page["next"]})
