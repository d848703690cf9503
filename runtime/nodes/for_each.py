"""Executes the steps inside it once for each element of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from runtime.errors import NodeFailure
from runtime.graph.node_types import JsonSchema
from runtime.nodes.base import Begin, Iteration, Leave, Loop, NodeType, Progress, enter
from runtime.nodes.base import Config as NodeConfig

MAX_ITEMS = 10_000


class Config(NodeConfig):
    items: list[Any] = Field(
        max_length=MAX_ITEMS,
        title="List",
        description="The steps inside run once for each element and see it as item, and its place as index.",
        json_schema_extra={"x-expression": True, "minItems": 1},
    )
    max_parallel: int = Field(
        default=1, ge=1, le=50, title="At once", description="How many elements are worked on side by side."
    )
    on_item_error: Literal["fail", "continue"] = Field(
        default="fail",
        title="If one of them fails",
        json_schema_extra={"x-enum-titles": ["Stop and fail", "Go on with the others"]},
    )
    collect: Any = Field(
        default=None,
        title="Result of each",
        description="May use the steps inside. Left empty, it is what the last step inside gave.",
        json_schema_extra={"x-expression": "body"},
    )


def following(config: Config, progress: Progress) -> Begin | Leave:
    """The next elements as places get free; the end when all are through."""
    if progress.failures and config.on_item_error == "fail":
        raise failure_of(progress.failures[0], progress.ended[progress.failures[0]])
    left = len(config.items) - progress.begun
    if left or progress.running:
        return Begin(min(left, config.max_parallel - progress.running))
    return Leave(
        {
            "results": [progress.ended[index].values.get("collect") for index in range(len(config.items))],
            "failed": [
                _told(index, progress.ended[index].error or {}) for index in sorted(progress.failures)
            ],
        }
    )


def failure_of(index: int, iteration: Iteration) -> NodeFailure:
    """The failure of a container whose iteration failed: the same, with where it happened."""
    error = iteration.error or {}
    return NodeFailure(
        f"Iteration {index + 1}: {error.get('message', '')}",
        code=str(error.get("code", "internal_error")),
        details={**error.get("details", {}), "index": index},
    )


def _told(index: int, error: Mapping[str, Any]) -> dict[str, Any]:
    return {"index": index, "code": error.get("code"), "message": error.get("message")}


def output(collected: JsonSchema) -> JsonSchema:
    failed = {
        "type": "object",
        "properties": {
            "index": {"type": "integer"},
            "code": {"type": "string"},
            "message": {"type": "string"},
        },
        "required": ["index", "code", "message"],
    }
    return {
        "type": "object",
        "properties": {
            "results": {"title": "Results, in the order of the list", "type": "array", "items": collected},
            "failed": {"title": "What failed", "type": "array", "items": failed},
        },
        "required": ["results", "failed"],
    }


NODE = NodeType(
    name="for_each",
    title="For each",
    group="Flow",
    description="Repeats the steps inside it for every element of a list.",
    icon="repeat-2",
    config=Config,
    output=lambda config, known: output({}),
    run=enter,
    loop=Loop(next=following, output=output, item_field="items", failed_field="failed"),
    default_config={"items": [], "max_parallel": 1, "on_item_error": "fail"},
)
