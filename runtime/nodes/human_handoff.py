"""Asks a person: the run waits in the inbox until someone chooses, or until its time is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field as Setting

from runtime.fields import Choice, Field, fields_schema, normalised
from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.graph.templates import has_parts
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, Park, PortRule, Waited
from runtime.nodes.lists import models_of, texts_of

MAX_DUE_S = 400 * 24 * 3600
E_MAIL = Field(id="value", kind="email")


class Assignee(NodeConfig):
    """Who sees the item: anyone who may answer, a role, a person by e-mail, or who started the run."""

    kind: Literal["anyone", "role", "person", "starter"] = "anyone"
    value: str | None = None


class Shown(NodeConfig):
    """One thing the person needs to see to decide."""

    label: str = Setting(title="Label")
    value: Any = Setting(default=None, title="Value", json_schema_extra={"x-expression": True})


class Config(NodeConfig):
    title: str = Setting(
        min_length=1,
        max_length=300,
        title="Title",
        description="One line, as it appears in the inbox.",
        json_schema_extra={"x-expression": True},
    )
    message: str = Setting(
        default="",
        title="Message",
        description="Why it is asked and what happens next.",
        json_schema_extra={"x-expression": True, "x-widget": "long_text"},
    )
    choices: list[Choice] = Setting(
        min_length=1,
        title="Choices",
        description="One button and one exit each.",
        json_schema_extra={"x-widget": "choices"},
    )
    data: list[Shown] = Setting(
        default_factory=list,
        title="What to show",
        description="Facts from earlier steps.",
        json_schema_extra={"x-widget": "shown"},
    )
    fields: list[Field] = Setting(
        default_factory=list,
        title="What to fill in",
        json_schema_extra={"x-widget": "fields"},
    )
    assign_to: Assignee = Setting(
        default_factory=Assignee, title="Who is asked", json_schema_extra={"x-widget": "assignee"}
    )
    due_in_s: float | None = Setting(
        default=None,
        gt=0,
        le=MAX_DUE_S,
        title="Time to answer",
        description='After it the run leaves by "Timed out".',
        json_schema_extra={"x-expression": True, "x-widget": "duration"},
    )
    remind_in_s: float | None = Setting(
        default=None,
        gt=0,
        le=MAX_DUE_S,
        title="Reminder after",
        description="Without an answer until then, it is marked in the inbox and stands before the others.",
        json_schema_extra={"x-expression": True, "x-widget": "duration", "x-placeholder": "no reminder"},
    )
    escalate_to: Assignee | None = Setting(
        default=None,
        title="Who is asked then, too",
        description="From the reminder on they see it as well and may answer it.",
        json_schema_extra={"x-widget": "assignee", "x-placeholder": "Nobody else"},
    )


def output(config: Mapping[str, Any], known: Known) -> JsonSchema:
    choices = [choice.id for choice in models_of(Choice, config.get("choices"))]
    answers = fields_schema(models_of(Field, config.get("fields")), nullable=True)
    return {
        "type": "object",
        "properties": {
            "choice": {"type": ["string", "null"], "title": "Choice", "enum": [*choices, None]},
            "answers": {"title": "Answers", **answers},
            "comment": {"type": "string", "title": "Comment"},
            "answered_by": {"type": ["string", "null"], "title": "Answered by"},
            "answered_at": {"type": ["string", "null"], "format": "date-time", "title": "Answered at"},
        },
        "required": ["choice", "answers", "comment", "answered_by", "answered_at"],
    }


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    yield from _assignee_problems(config.get("assign_to"), node, "assign_to", known)
    yield from _assignee_problems(config.get("escalate_to"), node, "escalate_to", known)
    remind_in_s, due_in_s = config.get("remind_in_s"), config.get("due_in_s")
    if config.get("escalate_to") and remind_in_s is None:
        text = "Say after which time without an answer somebody else is asked, too."
        yield Problem(node.id, "remind_in_s", "required", text)
    if isinstance(remind_in_s, int | float) and isinstance(due_in_s, int | float) and remind_in_s >= due_in_s:
        text = "The reminder comes when the time to answer is over. Let it come before."
        yield Problem(node.id, "remind_in_s", "invalid_config", text)


def _assignee_problems(given: Any, node: Node, field: str, known: Known) -> Iterable[Problem]:
    """A role or a person that is not named, or not there."""
    kind, value = (given.get("kind"), given.get("value")) if isinstance(given, Mapping) else (None, None)
    if kind not in ("role", "person") or has_parts(value) or not isinstance(value, str | None):
        return
    place = f"{field}/value"
    if not value:
        text = "Choose the role that is asked." if kind == "role" else "Choose the person who is asked."
        yield Problem(node.id, place, "required", text)
    elif kind == "person":
        yield from _person_problems(value, node, place, known)
    elif value not in known.answering_roles():
        text = (
            f'No role "{value}" answers questions. Choose one of these: {", ".join(known.answering_roles())}.'
        )
        yield Problem(node.id, place, "unknown_role", text)


def _person_problems(email: str, node: Node, place: str, known: Known) -> Iterable[Problem]:
    try:
        normalised(E_MAIL, email)
    except ValueError:
        yield Problem(node.id, place, "invalid_config", f'"{email}" is no e-mail address.')
        return
    if not known.has_member(email):
        text = (
            f'"{email}" is no member of this workspace. Until they are, only admins see what they are asked.'
        )
        yield Problem(node.id, place, "unknown_member", text, severity="warning")


async def run(config: Config, ctx: NodeContext) -> Park:
    remind_at = _later(ctx, config.remind_in_s)
    data = config.model_dump(mode="json") | {"remind_at": remind_at and remind_at.isoformat()}
    return Park("handoff", due_at=_later(ctx, config.due_in_s), data=data)


def _later(ctx: NodeContext, seconds: float | None) -> datetime | None:
    return ctx.started_at + timedelta(seconds=seconds) if seconds else None


def resume(config: Config, waited: Waited, ctx: NodeContext) -> Leave:
    """Every field is among the answers, null where nothing was filled in: later steps may refer to each."""
    empty = {field.id: None for field in config.fields}
    if waited.signal is None:
        nothing: dict[str, Any] = {
            "choice": None,
            "answers": empty,
            "comment": "",
            "answered_by": None,
            "answered_at": None,
        }
        return Leave(nothing, ports=("timed_out",))
    names = ("choice", "answers", "comment", "answered_by", "answered_at")
    answer = {name: waited.signal[name] for name in names}
    answer["answers"] = empty | answer["answers"]
    return Leave(answer, ports=(answer["choice"],))


def chooses(output: Mapping[str, Any]) -> tuple[str, ...]:
    return ("timed_out",) if output.get("choice", "") is None else texts_of(output.get("choice"))


NODE = NodeType(
    name="human_handoff",
    title="Ask a person",
    group="People",
    description="Waits in the inbox until someone decides.",
    icon="user-check",
    config=Config,
    output=output,
    run=run,
    resume=resume,
    chooses=chooses,
    check=check,
    port_rules=(PortRule(each="choices"), PortRule("timed_out", "Timed out", needs=("due_in_s",))),
    waits_for_person=True,
    summary="{title}",
    default_config={
        "title": "",
        "choices": [{"id": "approve", "title": "Approve"}, {"id": "reject", "title": "Reject"}],
    },
)
