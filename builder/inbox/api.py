"""REST: /inbox."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from builder.accounts.access import calling_member
from builder.http.idempotency import body_digest, key_of, once
from builder.http.paging import Page, newest_first
from builder.inbox import actions
from builder.inbox.access import item_for
from builder.inbox.queries import items_for
from builder.inbox.schemas import AnswerIn, InboxItemOut

router = Router(tags=["Inbox"])


@router.get("/inbox", response=Page[InboxItemOut])
def list_items(
    request: HttpRequest,
    status: Literal["open", "answered", "expired", "cancelled", "all"] = "open",
    cursor: str | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """What waits for the caller, newest first."""
    member = calling_member(request)
    rows = items_for(member)
    if status != "all":
        rows = rows.filter(status=status)
    return newest_first(rows, cursor=cursor, limit=limit, show=InboxItemOut.of)


@router.get("/inbox/{uuid:item_id}", response=InboxItemOut)
def get_item(request: HttpRequest, item_id: UUID) -> InboxItemOut:
    item, _ = item_for(request, item_id)
    return InboxItemOut.of(item)


@router.post("/inbox/{uuid:item_id}/answer", response=InboxItemOut)
def answer_item(request: HttpRequest, item_id: UUID, payload: AnswerIn) -> InboxItemOut:
    """Choose; the first answer counts (409 for a later one)."""
    item, member = item_for(request, item_id)

    def act() -> dict[str, Any]:
        actions.answer_item(
            member, item, choice=payload.choice, answers=payload.answers, comment=payload.comment
        )
        return {"item": str(item.pk)}

    # The item is read anew: what the key remembers may be of a release whose items had fewer fields.
    once(item.pk, "inbox.answer", key_of(request), body_digest(payload.dict()), act)
    return InboxItemOut.of(item_for(request, item_id)[0])
