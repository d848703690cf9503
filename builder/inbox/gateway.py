"""What the engine tells the inbox, inside its own transactions."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from builder.inbox.models import InboxItem
from runtime.gateways import HandoffRequest


class Inbox:
    """Implements runtime.gateways.People."""

    def open_handoff(self, request: HandoffRequest) -> None:
        data = request.data
        assignee = data.get("assign_to") or {}
        kind, value = assignee.get("kind", "anyone"), assignee.get("value") or ""
        if kind == "starter":
            kind, value = "person", request.started_by
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
            assign_kind=kind,
            assign_value=value,
            due_at=request.due_at,
        )

    def expire_handoff(self, wait_key: str) -> bool:
        rows = InboxItem.objects.filter(wait_key=wait_key)
        rows.filter(status=InboxItem.Status.OPEN).update(
            status=InboxItem.Status.EXPIRED, closed_at=timezone.now()
        )
        return not rows.filter(status=InboxItem.Status.ANSWERED).exists()

    def close_handoff(self, wait_key: str) -> None:
        InboxItem.objects.filter(wait_key=wait_key, status=InboxItem.Status.OPEN).update(
            status=InboxItem.Status.CANCELLED, closed_at=timezone.now()
        )

    def close_handoffs(self, run_id: UUID) -> None:
        InboxItem.objects.filter(run_id=run_id, status=InboxItem.Status.OPEN).update(
            status=InboxItem.Status.CANCELLED, closed_at=timezone.now()
        )
