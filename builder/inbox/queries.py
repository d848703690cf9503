"""Which inbox items a person sees."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from builder.accounts.access import Member
from builder.accounts.matrix import VERBS
from builder.inbox.models import InboxItem


def items_for(member: Member) -> QuerySet[InboxItem]:
    """Items that the member may answer: for anyone, for their role or one it includes, for them by name.

    An admin sees all of them.
    """
    rows = InboxItem.objects.filter(workspace=member.workspace).select_related(
        "workflow", "answered_by", "workspace"
    )
    if member.may("workspace.manage"):
        return rows
    roles = [role for role, verbs in VERBS.items() if verbs <= VERBS[member.role]]
    return rows.filter(
        Q(assign_kind="anyone")
        | Q(assign_kind="role", assign_value__in=roles)
        | Q(assign_kind="person", assign_value__iexact=member.user.email)
    )


def open_count(member: Member) -> int:
    """How many items wait for the member."""
    if not member.may("inbox.read"):
        return 0
    return items_for(member).filter(status=InboxItem.Status.OPEN).count()
