"""Gives names to values, to be used by later steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.schema import ID_PATTERN
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType
from runtime.nodes.lists import models_of


class Value(NodeConfig):
    id: str = Field(title="Name", pattern=ID_PATTERN)
    value: Any = Field(default=None, title="Value", json_schema_extra={"x-expression": True})


class Config(NodeConfig):
    values: list[Value] = Field(
        min_length=1,
        title="Values",
        description="Later steps refer to each by its name.",
        json_schema_extra={"x-widget": "values"},
    )


def output(config: Mapping[str, Any], known: Known) -> JsonSchema:
    names = [value.id for value in models_of(Value, config.get("values"))]
    return {"type": "object", "properties": {name: {"title": name} for name in names}, "required": names}


async def run(config: Config, ctx: NodeContext) -> Leave:
    return Leave({value.id: value.value for value in config.values})


NODE = NodeType(
    name="set_values",
    title="Set values",
    group="Data",
    description="Keeps values under names that later steps can use.",
    icon="braces",
    config=Config,
    output=output,
    run=run,
    default_config={"values": []},
)
