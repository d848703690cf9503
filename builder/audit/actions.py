"""Writing an entry of the audit log."""

from typing import Any, Protocol
from uuid import UUID

from builder.audit.models import AuditEntry


class Actor(Protocol):
    """Who acts: a member at a page or with a token, or a command."""

    @property
    def actor(self) -> str: ...

    @property
    def via(self) -> str: ...


def record(
    by: Actor,
    verb: str,
    *,
    workspace_id: UUID | None,
    kind: str,
    object_id: object,
    name: str = "",
    **details: Any,
) -> AuditEntry:
    """Write one entry; call it inside the transaction that makes the change."""
    return AuditEntry.objects.create(
        workspace_id=workspace_id,
        actor=by.actor,
        via=by.via,
        verb=verb,
        object_kind=kind,
        object_id=str(object_id),
        object_name=name[:200],
        details=details,
    )
