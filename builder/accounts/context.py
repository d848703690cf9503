"""What every page shows of the person and the workspace."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from ninja.errors import AuthenticationError

from builder.accounts.access import Member, calling_member
from builder.accounts.models import Membership, User

SECTIONS = {"": "home", "mcp-servers": "mcp", "model-connections": "models"}


def workspace(request: HttpRequest) -> dict[str, Any]:
    """`member`, `can`, `memberships`, `section` and `theme` for the templates; less for a visitor."""
    theme = request.COOKIES.get("theme", "")
    first = request.path.strip("/").partition("/")[0]
    context: dict[str, Any] = {
        "theme": theme if theme in {"patchbay-light", "patchbay-dark"} else "",
        "section": SECTIONS.get(first, first),
    }
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return context
    member = getattr(request, "member", None) or _member(request)
    if member is not None:
        memberships = Membership.objects.filter(user=user).select_related("workspace")
        context |= {
            "member": member,
            "can": member.can,
            "memberships": list(memberships.order_by("workspace__name")),
        }
    return context


def _member(request: HttpRequest) -> Member | None:
    try:
        return calling_member(request)
    except (AuthenticationError, PermissionDenied, Http404):
        return None
