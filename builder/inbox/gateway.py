"""What the engine tells the inbox, inside its own transactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from builder.inbox.models import InboxItem
from runtime.gateways import HandoffRequest


class Inbox:
    """Implements runtime.gateways.People."""

    def open_handoff(self, request: HandoffRequest) -> None:
        data = request.data
        assign_kind, assign_value = _assignee(data.get("assign_to") or {}, request)
        escalate = data.get("escalate_to")
        escalate_kind, escalate_value = _assignee(escalate, request) if escalate else ("", "")
        remind_at = data.get("remind_at")
        InboxItem.objects.create(
            workspace_id=request.workspace_id,
            workflow_id=request.workflow_id,
            run_id=request.run_id,
            path=request.path,
            wait_key=request.wait_key,
            title=str(data["title"])[:300],
            message=str(data.get("message") or ""),
            data=data.get("data") or [],
            choices=data.get("choices") or [],
            fields=data.get("fields") or [],
            question=data.get("question"),
            assign_kind=assign_kind,
            assign_value=assign_value,
            remind_at=datetime.fromisoformat(remind_at) if remind_at else None,
            escalate_kind=escalate_kind,
            escalate_value=escalate_value,
            due_at=request.due_at,
        )

    def expire_handoff(self, wait_key: str) -> bool:
        rows = InboxItem.objects.filter(wait_key=wait_key)
        rows.filter(status=InboxItem.Status.OPEN).update(status=InboxItem.Status.EXPIRED, closed_at=Now())
        return not rows.filter(status=InboxItem.Status.ANSWERED).exists()

    def close_handoff(self, wait_key: str) -> None:
        InboxItem.objects.filter(wait_key=wait_key, status=InboxItem.Status.OPEN).update(
            status=InboxItem.Status.CANCELLED, closed_at=Now()
        )

    def close_handoffs(self, run_id: UUID) -> None:
        InboxItem.objects.filter(run_id=run_id, status=InboxItem.Status.OPEN).update(
            status=InboxItem.Status.CANCELLED, closed_at=Now()
        )


def _assignee(given: Mapping[str, Any], request: HandoffRequest) -> tuple[str, str]:
    """Kind and value as they are stored: whoever started the run is a person from here on."""
    kind = str(given.get("kind", "anyone"))
    return ("person", request.started_by) if kind == "starter" else (kind, str(given.get("value") or ""))
