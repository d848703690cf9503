"""Answers whoever started the run: the waiting webhook, the form, the caller of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from runtime.errors import ExpressionError
from runtime.graph.node_types import Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType


class Config(NodeConfig):
    text: str | None = Field(
        default=None,
        title="Text",
        description="What the caller reads.",
        json_schema_extra={"x-expression": True, "x-widget": "long_text"},
    )
    data: Any = Field(
        default=None,
        title="Data instead of text",
        description="For a caller that is a program.",
        json_schema_extra={"x-expression": True, "x-widget": "json", "x-advanced": True},
    )

    @model_validator(mode="after")
    def one_of_them(self) -> Self:
        # A form that was filled in and emptied again leaves an empty text behind.
        if self.text and self.data is not None:
            raise ValueError("answer with a text or with data, not with both")
        return self


class Output(BaseModel):
    sent: bool = Field(title="Was sent")


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    if config.get("text") and config.get("data") is not None:
        yield Problem(node.id, "data", "invalid_config", "Answer with a text or with data, not with both.")


async def run(config: Config, ctx: NodeContext) -> Leave:
    # Data that came out as null is an answer, too; a form that was emptied again has no such field.
    is_data = "data" in config.model_fields_set and not config.text
    if not is_data and config.text is None and "text" in config.model_fields_set:
        raise ExpressionError(
            'The text is empty (null). Give a text for this case with coalesce(…, "…").',
            details={"field": "text"},
        )
    reply = config.data if is_data else {"text": config.text or ""}
    return Leave({"sent": False}, reply=reply, replies=True)


NODE = NodeType(
    name="reply",
    title="Reply",
    group="Answer",
    description="Answers whoever started the workflow.",
    icon="reply",
    config=Config,
    output=Output,
    run=run,
    check=check,
    is_end=True,
    summary="{text}",
    default_config={"text": ""},
)
