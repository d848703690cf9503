"""REST: /model-connections."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Router, Status

from builder.accounts.access import Member, calling_member, object_for
from builder.http.paging import Page
from builder.llm_connections import actions
from builder.llm_connections.models import ModelConnection
from builder.llm_connections.schemas import (
    ModelConnectionIn,
    ModelConnectionOut,
    ModelConnectionPatch,
    TestOut,
)

router = Router(tags=["Model connections"])


def connection_for(request: HttpRequest, connection_id: UUID) -> tuple[ModelConnection, Member]:
    return object_for(request, ModelConnection.objects.select_related("workspace"), pk=connection_id)


@router.get("/model-connections", response=Page[ModelConnectionOut])
def list_connections(request: HttpRequest) -> dict[str, Any]:
    """Every connection of the workspace, the default first."""
    member = calling_member(request)
    rows = ModelConnection.objects.filter(workspace=member.workspace).order_by("-is_default", "name")
    return {"items": [ModelConnectionOut.of(row) for row in rows], "next": None}


@router.post("/model-connections", response={201: ModelConnectionOut})
def create_connection(request: HttpRequest, payload: ModelConnectionIn) -> Status[ModelConnectionOut]:
    member = calling_member(request)
    return Status(201, ModelConnectionOut.of(actions.create_connection(member, **payload.dict())))


@router.get("/model-connections/{uuid:connection_id}", response=ModelConnectionOut)
def get_connection(request: HttpRequest, connection_id: UUID) -> ModelConnectionOut:
    row, _ = connection_for(request, connection_id)
    return ModelConnectionOut.of(row)


@router.patch("/model-connections/{uuid:connection_id}", response=ModelConnectionOut)
def change_connection(
    request: HttpRequest, connection_id: UUID, payload: ModelConnectionPatch
) -> ModelConnectionOut:
    row, member = connection_for(request, connection_id)
    changes = payload.dict(exclude_unset=True)
    if changes.pop("is_default", None):
        row = actions.make_default(member, row)
    if changes:
        row = actions.change_connection(member, row, changes)
    return ModelConnectionOut.of(row)


@router.delete("/model-connections/{uuid:connection_id}", response={204: None})
def remove_connection(request: HttpRequest, connection_id: UUID) -> Status[None]:
    row, member = connection_for(request, connection_id)
    actions.remove_connection(member, row)
    return Status(204, None)


@router.post("/model-connections/{uuid:connection_id}/test", response=TestOut)
async def test_connection(request: HttpRequest, connection_id: UUID) -> TestOut:
    """Ask the provider: is it there, is the key accepted, does the model give structured answers."""
    row, _ = await sync_to_async(connection_for)(request, connection_id)
    return TestOut(**await actions.test_connection(row))
