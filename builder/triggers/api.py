"""REST: asking a watch to look now, and the secrets of webhooks."""

from __future__ import annotations

from typing import Any, get_args
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Router, Status

from builder.triggers import watches, webhook_keys
from builder.triggers.models import WebhookKey
from builder.triggers.schemas import Kind, WebhookKeyIn, WebhookKeyMade, WebhookKeyOut, WebhookKeys
from builder.workflows.queries import any_workflow_for, workflow_for
from builder.workflows.schemas import WatchOut

router = Router(tags=["Workflows"])


@router.post("/workflows/{uuid:workflow_id}/watches/{str:node}/look", response=WatchOut)
def look_now(request: HttpRequest, workflow_id: UUID, node: str) -> dict[str, Any]:
    """Let a watch of the live version look as soon as a worker can, and not only when it is due."""
    workflow, member = workflow_for(request, workflow_id)
    if node not in watches.watches_of(workflow):
        raise Http404
    watches.look_now(member, workflow, node)
    return watches.watches_of(workflow)[node]


@router.get("/workflows/{uuid:workflow_id}/webhooks/{str:node}/secrets", response=WebhookKeys)
def list_webhook_secrets(request: HttpRequest, workflow_id: UUID, node: str) -> dict[str, Any]:
    """The secrets that are valid, newest first, without what they are."""
    workflow, _ = any_workflow_for(request, workflow_id)
    if node not in webhook_keys.webhooks_of(workflow):
        raise Http404
    rows = [row for kind in get_args(Kind) for row in webhook_keys.valid_keys(workflow, node, kind)]
    return {"items": [_key_fields(row) for row in rows]}


@router.post("/workflows/{uuid:workflow_id}/webhooks/{str:node}/secrets", response={201: WebhookKeyMade})
def make_webhook_secret(
    request: HttpRequest, workflow_id: UUID, node: str, payload: WebhookKeyIn
) -> Status[WebhookKeyMade]:
    """A new secret, told once; or one that the sender gave you. Those before it end after `old_valid_for_s`."""
    workflow, member = workflow_for(request, workflow_id)
    row, secret = webhook_keys.make_key(member, workflow, node, **payload.dict())
    return Status(201, WebhookKeyMade(**_key_fields(row), secret=secret))


@router.delete(
    "/workflows/{uuid:workflow_id}/webhooks/{str:node}/secrets/{uuid:key_id}", response={204: None}
)
def remove_webhook_secret(request: HttpRequest, workflow_id: UUID, node: str, key_id: UUID) -> Status[None]:
    """End a secret at once."""
    workflow, member = workflow_for(request, workflow_id)
    webhook_keys.remove_key(member, workflow, node, key_id)
    return Status(204, None)


def _key_fields(row: WebhookKey) -> dict[str, Any]:
    return {name: getattr(row, name) for name in WebhookKeyOut.model_fields}
