from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from builder.inbox.models import InboxItem


class AnswerIn(Schema):
    model_config = ConfigDict(extra="forbid")
    choice: str
    answers: dict[str, Any] = Field(default_factory=dict)
    comment: str = Field(default="", max_length=4000)


class QuestionOut(Schema):
    """What an MCP server asks in the middle of a call; its words and address are a stranger's.

    `requested_schema` is what an answer must fit, for mode `form`; for mode `url` a person opens `url` and says so. For
    mode `sampling` the server wants `messages` to be sent to `model`, which happens when a person accepts.
    With `held` the server's connection is kept open until `due_at`. Choices are `accept`, `decline` and `cancel`, the last
    not for `sampling`.
    """

    mode: Literal["form", "url", "sampling"]
    server: str
    server_name: str
    tool: str
    requested_schema: dict[str, Any]
    url: str
    held: bool
    messages: list[dict[str, str]] = Field(default_factory=list)
    model: str = ""
    max_tokens: int | None = None


class InboxItemOut(Schema):
    """`is_overdue`: nobody has answered, and `remind_at` is past; from then on it is also for those of `escalate_to`."""

    id: UUID
    title: str
    message: str
    data: list[Any]
    choices: list[Any]
    fields: list[Any]
    question: QuestionOut | None
    assign_to: dict[str, str]
    escalate_to: dict[str, str] | None
    status: str
    workflow: dict[str, str]
    run: UUID
    path: str
    created_at: str
    remind_at: str | None
    is_overdue: bool
    due_at: str | None
    answer: dict[str, Any] | None

    @staticmethod
    def of(item: InboxItem) -> "InboxItemOut":
        return InboxItemOut(
            id=item.pk,
            title=item.title,
            message=item.message,
            data=item.data,
            choices=item.choices,
            fields=item.fields,
            question=QuestionOut.model_validate(item.question) if item.question else None,
            assign_to={"kind": item.assign_kind, "value": item.assign_value},
            escalate_to=(
                {"kind": item.escalate_kind, "value": item.escalate_value} if item.escalate_kind else None
            ),
            status=item.status,
            workflow={"id": str(item.workflow_id), "name": item.workflow.name},
            run=item.run_id,
            path=item.path,
            created_at=item.created_at.isoformat(),
            remind_at=item.remind_at.isoformat() if item.remind_at else None,
            is_overdue=item.is_overdue,
            due_at=item.due_at.isoformat() if item.due_at else None,
            answer=item.answer,
        )
