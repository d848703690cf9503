from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from builder.workflows.models import Version, Workflow


class WorkflowIn(Schema):
    model_config = ConfigDict(extra="forbid")
    name: str
    description: str = Field(default="", max_length=2000)
    graph: Any = None


class WorkflowPatch(Schema):
    model_config = ConfigDict(extra="forbid")
    name: str | None = None
    description: str | None = Field(default=None, max_length=2000)


class DraftIn(Schema):
    model_config = ConfigDict(extra="forbid")
    graph: Any
    revision: int


class DraftOut(Schema):
    revision: int


class GraphIn(Schema):
    graph: Any
    workflow: UUID | None = None


class WatchOut(Schema):
    """How a watch is: `looked_at` is the last look that succeeded, `failures` counts those since then that did not."""

    looked_at: datetime | None
    next_at: datetime | None
    failures: int
    error: dict[str, Any] | None
    remembered: int


class TriggerOut(Schema):
    node: str
    type: str
    url: str | None
    watch: WatchOut | None = None


class PublishedTriggerOut(TriggerOut):
    """`secret` of a webhook that asks for one: told once, by the publish that made it."""

    secret: str | None = None


class PublishOut(Schema):
    version: int
    triggers: list[PublishedTriggerOut]


class WorkflowRow(Schema):
    id: UUID
    slug: str
    name: str
    description: str
    revision: int
    live_version: int | None
    paused: bool
    archived_at: str | None
    created_at: str
    updated_at: str

    @classmethod
    def fields_of(cls, workflow: Workflow) -> dict[str, Any]:
        return {
            "id": workflow.pk,
            "slug": workflow.slug,
            "name": workflow.name,
            "description": workflow.description,
            "revision": workflow.revision,
            "live_version": workflow.live_version.number if workflow.live_version else None,
            "paused": workflow.is_paused,
            "archived_at": workflow.archived_at.isoformat() if workflow.archived_at else None,
            "created_at": workflow.created_at.isoformat(),
            "updated_at": workflow.updated_at.isoformat(),
        }

    @classmethod
    def of(cls, workflow: Workflow) -> "WorkflowRow":
        return cls(**cls.fields_of(workflow))


class WorkflowOut(WorkflowRow):
    graph: dict[str, Any]
    triggers: list[TriggerOut]


class VersionOut(Schema):
    number: int
    published_at: str
    published_by: str | None
    live: bool
    graph: dict[str, Any] | None = None

    @staticmethod
    def of(version: Version, workflow: Workflow, *, with_graph: bool = False) -> "VersionOut":
        return VersionOut(
            number=version.number,
            published_at=version.published_at.isoformat(),
            published_by=version.published_by.email if version.published_by else None,
            live=workflow.live_version_id == version.pk,
            graph=version.graph.document if with_graph else None,
        )
