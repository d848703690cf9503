"""Started by the clock: at the times of a cron text, or every so often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from runtime.graph.node_types import Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, Moment, NodeContext, NodeType
from runtime.time_zones import is_zone
from runtime.timetables import Timetable, cron_problem

LEAST_S = 10
MOST_S = 400 * 24 * 3600
NEITHER = "Fill in the times, or a span."
BOTH = "Fill in either the times or a span, not both."


class Config(NodeConfig):
    cron: str | None = Field(
        default=None,
        max_length=200,
        title="At these times",
        description="Minute, hour, day of the month, month, day of the week. 0 9 * * 1-5 is 09:00 from Monday to Friday.",
        json_schema_extra={"x-placeholder": "0 9 * * 1-5"},
    )
    every_s: int | None = Field(
        default=None,
        ge=LEAST_S,
        le=MOST_S,
        title="Or every",
        description="Counted from the moment of publishing. At least 10 seconds.",
        json_schema_extra={"x-widget": "duration", "x-placeholder": "not used"},
    )
    timezone: str | None = Field(
        default=None,
        max_length=64,
        title="Time zone",
        description="Empty: that of the workspace.",
        json_schema_extra={"x-widget": "timezone", "x-placeholder": "of the workspace"},
    )
    missed: Literal["run_once", "skip"] = Field(
        default="run_once",
        title="If a time was missed",
        description="For example because nothing was running, or the workflow was paused.",
        json_schema_extra={"x-enum-titles": ["Run once, late", "Wait for the next time"]},
    )

    @field_validator("cron")
    @classmethod
    def comes(cls, cron: str | None) -> str | None:
        if cron is not None and (problem := cron_problem(cron)):
            raise ValueError(problem)
        return cron

    @field_validator("timezone")
    @classmethod
    def exists(cls, timezone: str | None) -> str | None:
        if timezone is not None and not is_zone(timezone):
            raise ValueError(_no_zone(timezone))
        return timezone

    @model_validator(mode="after")
    def one_of_them(self) -> Self:
        if (self.cron is None) == (self.every_s is None):
            raise ValueError(NEITHER if self.cron is None else BOTH)
        return self

    def timetable(self, now: Moment) -> Timetable:
        """When it is due, if it was published now; spans are counted from whole seconds."""
        zone = self.timezone or now.zone
        if self.every_s is not None:
            return Timetable(zone=zone, every_s=self.every_s, begins_at=now.at.replace(microsecond=0))
        return Timetable(zone=zone, cron=self.cron)


class Output(BaseModel):
    due_at: str = Field(title="Due at", json_schema_extra={"format": "date-time"})
    previous_at: str | None = Field(
        title="Ran before at",
        description="Empty the first time.",
        json_schema_extra={"format": "date-time"},
    )


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    cron, zone = config.get("cron"), config.get("timezone")
    if (cron is None) == (config.get("every_s") is None):
        yield Problem(node.id, "cron", "invalid_config", NEITHER if cron is None else BOTH)
    elif isinstance(cron, str) and (problem := cron_problem(cron)):
        yield Problem(node.id, "cron", "invalid_config", problem)
    if isinstance(zone, str) and not is_zone(zone):
        yield Problem(node.id, "timezone", "invalid_config", _no_zone(zone))


def hint(config: Mapping[str, Any], now: Moment) -> str | None:
    """When it runs, in words; nothing for a draft with problems."""
    try:
        timetable = Config.model_validate(config).timetable(now)
    except ValidationError:
        return None
    if timetable.every_s is not None:
        return f"{timetable.words()}, counted from the moment of publishing."
    following = timetable.next_after(now.at)
    return f"{timetable.words()}. Next: {_in_words(following, timetable.zone)}." if following else None


def example(config: Mapping[str, Any], now: Moment) -> Mapping[str, Any]:
    """As if it was due at this moment, for the first time."""
    zone = config.get("timezone")
    known = zone if isinstance(zone, str) and is_zone(zone) else now.zone
    return {"due_at": Timetable(zone=known).written(now.at.replace(microsecond=0)), "previous_at": None}


async def run(config: Config, ctx: NodeContext) -> Leave:
    return Leave(ctx.trigger)


def _no_zone(zone: str) -> str:
    return f'There is no time zone "{zone}". Write one such as Europe/Berlin.'


def _in_words(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%A}, {local.day} {local:%B %Y}, {local:%H:%M} ({zone})"


NODE = NodeType(
    name="schedule_trigger",
    title="Schedule",
    group="Triggers",
    description="The clock starts the workflow: every day, every Monday, every ten minutes.",
    icon="calendar-clock",
    config=Config,
    output=Output,
    run=run,
    check=check,
    hint=hint,
    example=example,
    is_trigger=True,
    has_error_port=False,
    summary="At its times",
    default_config={"cron": "0 9 * * 1-5"},
)
