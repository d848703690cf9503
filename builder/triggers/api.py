"""REST: asking a watch to look now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Router

from builder.triggers import watches
from builder.workflows.queries import workflow_for
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
