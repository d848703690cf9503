"""Executes the steps inside it again and again, until a condition holds."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from runtime.errors import ExpressionError
from runtime.graph.node_types import JsonSchema
from runtime.nodes.base import OUT, Begin, Leave, Loop, NodeType, Pause, PortRule, Progress, enter
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.for_each import failure_of

MAX_TIMES = 10_000
MAX_DELAY_S = 30 * 24 * 3600


class Config(NodeConfig):
    until: Any = Field(
        title="Until",
        description="Judged after each round; may use the steps inside, and index.",
        json_schema_extra={"type": "boolean", "x-expression": "body"},
    )
    max_times: int = Field(
        default=10,
        ge=1,
        le=MAX_TIMES,
        title="At most",
        description="Rounds; after the last one it is left by the exit for that.",
    )
    delay_s: float = Field(
        default=0,
        ge=0,
        le=MAX_DELAY_S,
        title="Pause between rounds",
        json_schema_extra={"x-widget": "duration"},
    )
    collect: Any = Field(
        default=None,
        title="Result of a round",
        description="May use the steps inside. Left empty, it is what the last step inside gave.",
        json_schema_extra={"x-expression": "body"},
    )


def following(config: Config, progress: Progress) -> Begin | Pause | Leave:
    """Round after round; what the last one gave says whether another follows."""
    if progress.failures:
        raise failure_of(progress.failures[0], progress.ended[progress.failures[0]])
    if progress.running:
        return Begin(0)
    times = len(progress.ended)
    if not times:
        return Begin(1)
    last = progress.ended[times - 1].values
    until = last.get("until")
    if not isinstance(until, bool):
        raise ExpressionError(
            'The field "Until" must give true or false.',
            details={"field": "until", "given": str(until)[:100]},
        )
    output = {"times": times, "last": last.get("collect")}
    if until:
        return Leave(output)
    if times >= config.max_times:
        return Leave(output, ("limit_reached",))
    return Pause(config.delay_s) if config.delay_s and not progress.waited else Begin(1)


def output(collected: JsonSchema) -> JsonSchema:
    return {
        "type": "object",
        "properties": {
            "times": {"title": "Rounds", "type": "integer"},
            "last": {**collected, "title": "Result of the last round"},
        },
        "required": ["times", "last"],
    }


NODE = NodeType(
    name="repeat",
    title="Repeat",
    group="Flow",
    description="Repeats the steps inside it until a condition holds.",
    icon="rotate-cw",
    config=Config,
    output=lambda config, known: output({}),
    run=enter,
    loop=Loop(next=following, output=output),
    port_rules=(OUT, PortRule("limit_reached", "Limit reached")),
    default_config={"max_times": 10},
)
