"""Which inbox item a caller may see: those that are theirs to answer."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest

from builder.accounts.access import Member, object_for
from builder.inbox.models import InboxItem
from builder.inbox.queries import items_for


def item_for(request: HttpRequest, item_id: UUID) -> tuple[InboxItem, Member]:
    """The item, if it waits for this person or did; another's is a 404."""
    _, member = object_for(request, InboxItem.objects.all(), pk=item_id)
    item = items_for(member).filter(pk=item_id).first()
    if item is None:
        raise Http404
    return item, member
