"""What Patchbay's own tools take and give: small enough for a model to read."""

from __future__ import annotations

import json
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from builder.mcp_endpoint.models import OfferedTool
from builder.workflows.models import Workflow
from runtime.models import Run

LARGE_BYTES = 4096


class Arguments(BaseModel):
    """Base of all arguments: an unknown name is refused, so that a misspelt one is seen."""

    model_config = ConfigDict(extra="forbid")


class PageArguments(Arguments):
    cursor: str | None = Field(default=None, description="The `next` of the page before.")
    limit: int = Field(default=20, ge=1, le=100)


class ListWorkflowsArguments(PageArguments):
    query: str = Field(default="", max_length=200, description="A part of the name.")


class WorkflowArguments(Arguments):
    workflow: str = Field(description="The slug, as list_workflows gives it.", min_length=1, max_length=63)


class RunWorkflowArguments(WorkflowArguments):
    input: dict[str, Any] = Field(
        default_factory=dict, description="As describe_workflow gives it for the trigger."
    )
    trigger: str | None = Field(default=None, description="Which trigger, where there are several.")
    wait_s: float = Field(default=20, ge=0, le=25, description="Seconds to wait for the reply.")


class ListRunsArguments(PageArguments):
    workflow: str | None = Field(default=None, description="Only runs of this workflow (its slug).")
    status: (
        Literal[
            "queued",
            "running",
            "waiting",
            "needs_attention",
            "paused",
            "succeeded",
            "failed",
            "cancelled",
        ]
        | None
    ) = None


class RunArguments(Arguments):
    run_id: UUID


class GetRunArguments(RunArguments):
    full: bool = Field(default=False, description="Give outputs of steps over 4 kB too.")


class CancelRunArguments(RunArguments):
    reason: str = Field(default="", max_length=500)


class ListInboxArguments(PageArguments):
    status: Literal["open", "answered", "expired", "cancelled", "all"] = "open"


class AnswerArguments(Arguments):
    item_id: UUID = Field(description="As list_inbox gives it.")
    choice: str = Field(description="The id of one of the item's choices.")
    answers: dict[str, Any] = Field(
        default_factory=dict, description="Values by the ids of the item's fields."
    )
    comment: str = Field(default="", max_length=4000)


class WorkflowBrief(BaseModel):
    """tools   names of the tools that call it"""

    slug: str
    name: str
    description: str
    live_version: int | None
    paused: bool
    tools: list[str]

    @classmethod
    def facts_of(cls, workflow: Workflow, tools: list[OfferedTool]) -> dict[str, Any]:
        return {
            "slug": workflow.slug,
            "name": workflow.name,
            "description": workflow.description,
            "live_version": workflow.live_version.number if workflow.live_version else None,
            "paused": workflow.is_paused,
            "tools": [tool.name for tool in tools if tool.workflow_id == workflow.pk],
        }


class TriggerView(BaseModel):
    """input_schema   what run_workflow takes as `input`; null where it is not known"""

    id: str
    type: str
    title: str
    input_schema: dict[str, Any] | None


class StepBrief(BaseModel):
    id: str
    type: str
    title: str


class WorkflowView(WorkflowBrief):
    """Of the live version, or of the draft of one that was never published."""

    triggers: list[TriggerView]
    steps: list[StepBrief]


class WorkflowPage(BaseModel):
    items: list[WorkflowBrief]
    next: str | None


class RunError(BaseModel):
    code: str
    message: str
    retryable: bool
    node: str | None = None
    path: str | None = None


class RunBrief(BaseModel):
    run_id: UUID
    workflow: str
    version: int | None
    status: str
    error: RunError | None
    started_by: str
    created_at: str
    ended_at: str | None

    @classmethod
    def facts_of(cls, run: Run, slug: str) -> dict[str, Any]:
        return {
            "run_id": run.pk,
            "workflow": slug,
            "version": run.version,
            "status": run.status,
            "error": run.error,
            "started_by": run.started_by,
            "created_at": run.created_at.isoformat(),
            "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        }


class StepView(BaseModel):
    """output_left_out   the output is over 4 kB; ask again with `full`"""

    path: str
    title: str
    type: str
    status: str
    output: Any
    output_left_out: bool
    error: RunError | None
    waiting_for: dict[str, Any] | None

    @classmethod
    def of(cls, step: dict[str, Any], title: str, *, full: bool) -> StepView:
        output = step["output"]
        is_large = not full and len(json.dumps(output)) > LARGE_BYTES
        return cls(
            path=step["path"],
            title=title,
            type=step["type"],
            status=step["status"],
            output=None if is_large else output,
            output_left_out=is_large,
            error=step["error"],
            waiting_for=step.get("waiting_for"),
        )


class RunView(RunBrief):
    """replied   whether `result` is there; message   what the run waits for, if it does"""

    input: Any
    result: Any
    replied: bool
    message: str
    steps: list[StepView]


class RunPage(BaseModel):
    items: list[RunBrief]
    next: str | None


class RunHandle(BaseModel):
    run_id: UUID
    status: str
    message: str


class InboxItemView(BaseModel):
    """What a person is asked; `choices` and `fields` say what answer_inbox_item takes."""

    item_id: UUID
    title: str
    message: str
    data: list[Any]
    choices: list[dict[str, Any]]
    fields: list[dict[str, Any]]
    status: str
    workflow: str
    run_id: UUID
    created_at: str
    remind_at: str | None
    is_overdue: bool
    due_at: str | None
    answer: dict[str, Any] | None


class InboxPage(BaseModel):
    items: list[InboxItemView]
    next: str | None
