"""Which inbox items a person sees."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Case, DateTimeField, ExpressionWrapper, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Now

from builder.accounts.access import Member
from builder.accounts.matrix import VERBS
from builder.inbox.models import InboxItem

AHEAD = timedelta(days=36_525)
"""What is overdue stands as if it had been asked a century later: before everything else, in one order with it."""


def items_for(member: Member) -> QuerySet[InboxItem]:
    """Items that the member may answer: for anyone, for their role or one it includes, for them by name.

    From its reminder on, an item is also for those whom it escalates to; one that was closed before never is. An admin
    sees all of them. Times are judged by the database's clock; `is_overdue` of each item tells what it said.
    """
    is_reminded = Case(When(remind_at__lte=Now(), then=Value(True)), default=Value(False))
    rows = (
        InboxItem.objects.filter(workspace=member.workspace)
        .select_related("workflow", "answered_by", "workspace")
        .annotate(is_reminded=is_reminded)
    )
    if member.may("workspace.manage"):
        return rows
    has_escalated = Q(remind_at__lte=Coalesce("closed_at", Now()))
    return rows.filter(_is_for(member, "assign") | (has_escalated & _is_for(member, "escalate")))


def _is_for(member: Member, name: str) -> Q:
    """Whether the kind and value in the columns of this name mean the member."""
    kind, value = f"{name}_kind", f"{name}_value"
    roles = [role for role, verbs in VERBS.items() if verbs <= VERBS[member.role]]
    return (
        Q((kind, "anyone"))
        | Q((kind, "role"), (f"{value}__in", roles))
        | Q((kind, "person"), (f"{value}__iexact", member.user.email))
    )


def open_items(member: Member) -> QuerySet[InboxItem]:
    """What waits for the member, by `stands_at`: overdue ones first, else newest first."""
    ahead = ExpressionWrapper(F("created_at") + AHEAD, output_field=DateTimeField())
    stands_at = Case(When(is_reminded=True, then=ahead), default=F("created_at"))
    rows = items_for(member).filter(status=InboxItem.Status.OPEN).annotate(stands_at=stands_at)
    return rows.order_by("-stands_at", "-pk")


def open_count(member: Member) -> int:
    """How many items wait for the member."""
    return open_items(member).count() if member.may("inbox.read") else 0
