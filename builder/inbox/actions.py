"""Answering what a workflow hands to a person."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from builder.accounts.access import Member
from builder.audit.actions import record
from builder.http.errors import Conflict, Invalid
from builder.inbox.models import InboxItem
from runtime.elicitation import ACCEPT, check_content
from runtime.engine import clock
from runtime.engine.commands import send_signal
from runtime.fields import Field, check_answers

CLOSED = {
    InboxItem.Status.ANSWERED: ("already_answered", "Someone has answered this already."),
    InboxItem.Status.EXPIRED: ("expired", "The time to answer is over; the workflow has gone on without."),
    InboxItem.Status.CANCELLED: ("cancelled", "No answer is needed any more: nobody waits for it."),
}


@transaction.atomic
def answer_item(
    by: Member, item: InboxItem, *, choice: str, answers: dict[str, Any], comment: str = ""
) -> None:
    """Choose; the first answer counts and the run goes on from it.

    raises   Invalid for an unknown choice or answers that do not fit; Conflict (already_answered, expired, cancelled)
    """
    if choice not in {entry["id"] for entry in item.choices}:
        raise Invalid(
            "invalid_choice", "Choose one of the answers that are offered.", {"choices": item.choices}
        )
    clean, problems = _checked(item, choice, answers)
    if problems:
        fields = [{"field": name, "message": message} for name, message in problems.items()]
        raise Invalid("invalid_answers", "Some fields need another value.", {"fields": fields})
    at = clock.now()
    answer = {
        "choice": choice,
        "answers": clean,
        "comment": comment[:4000],
        "answered_by": by.actor,
        "answered_at": at.isoformat(),
    }
    open_items = InboxItem.objects.filter(pk=item.pk, status=InboxItem.Status.OPEN).exclude(due_at__lte=at)
    changed = open_items.update(
        status=InboxItem.Status.ANSWERED, answer=answer, answered_by=by.user, closed_at=at
    )
    if not changed:
        raise _closed(item)
    send_signal(item.wait_key, item.run_id, answer, delivery_id="answer")
    record(
        by,
        "inbox.answer",
        workspace_id=item.workspace_id,
        kind="inbox_item",
        object_id=item.pk,
        name=item.title,
        choice=choice,
    )


def _checked(item: InboxItem, choice: str, answers: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The answers as they are handed on, and field -> sentence for each that does not fit."""
    if item.question is None:
        return check_answers([Field.model_validate(field) for field in item.fields], answers)
    if choice != ACCEPT:
        return {}, {}
    return check_content(item.question["requested_schema"], answers, zone=item.workspace.timezone)


def _closed(item: InboxItem) -> Conflict:
    item.refresh_from_db()
    status = (
        InboxItem.Status.EXPIRED if item.status == InboxItem.Status.OPEN else InboxItem.Status(item.status)
    )
    code, message = CLOSED[status]
    by = item.answered_by.email if item.answered_by else None
    return Conflict(code, message, {"status": status, "answered_by": by})
