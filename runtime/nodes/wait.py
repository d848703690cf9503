"""Waits for a time span or until a moment; nothing is held meanwhile, however long it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, Field, field_validator, model_validator

from runtime.graph.node_types import Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, Park, Waited

MAX_WAIT_S = 400 * 24 * 3600


class Config(NodeConfig):
    for_s: float | None = Field(
        default=None,
        ge=0,
        le=MAX_WAIT_S,
        title="Wait for",
        description="Up to 400 days.",
        json_schema_extra={"x-expression": True, "x-widget": "duration"},
    )
    until: AwareDatetime | None = Field(
        default=None,
        title="Or until",
        description="A date with time and zone; one that has passed does not wait.",
        json_schema_extra={"x-expression": True},
    )

    @field_validator("until")
    @classmethod
    def in_utc(cls, until: datetime | None) -> datetime | None:
        # At the ends of the calendar a moment exists in its own zone only, and no row can hold it.
        try:
            return until and until.astimezone(UTC)
        except OverflowError:
            raise ValueError("the moment lies outside the calendar") from None

    @model_validator(mode="after")
    def one_of_them(self) -> Self:
        if (self.for_s is None) == (self.until is None):
            raise ValueError("fill in either a time span or a moment")
        return self


class Output(BaseModel):
    waited_s: float = Field(title="Seconds waited")


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    if (config.get("for_s") is None) == (config.get("until") is None):
        yield Problem(node.id, "for_s", "invalid_config", "Fill in either a time span or a moment.")


async def run(config: Config, ctx: NodeContext) -> Park:
    return Park("time", due_at=end_of(config, ctx.started_at))


def end_of(config: Config, at: datetime) -> datetime:
    return config.until if config.until is not None else at + timedelta(seconds=config.for_s or 0)


def resume(config: Config, waited: Waited, ctx: NodeContext) -> Leave:
    return Leave({"waited_s": round((waited.ended_at - waited.opened_at).total_seconds(), 3)})


NODE = NodeType(
    name="wait",
    title="Wait",
    group="Flow",
    description="Pauses for seconds, days or until a date.",
    icon="clock",
    config=Config,
    output=Output,
    run=run,
    check=check,
    resume=resume,
    default_config={"for_s": 60},
)
