"""Started by a person: with the button, or with a public form page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field as Setting

from runtime.fields import Field, fields_schema
from runtime.graph.node_types import JsonSchema, Known
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType
from runtime.nodes.lists import models_of


class Config(NodeConfig):
    fields: list[Field] = Setting(
        default_factory=list,
        title="What to ask for",
        description="The person who starts the workflow fills these in.",
        json_schema_extra={"x-widget": "fields"},
    )
    public: bool = Setting(
        default=False,
        title="Public form page",
        description="Anybody with the address can fill in the form and start the workflow.",
    )


def output(config: Mapping[str, Any], known: Known) -> JsonSchema:
    return fields_schema(models_of(Field, config.get("fields")), nullable=False)


async def run(config: Config, ctx: NodeContext) -> Leave:
    return Leave(ctx.trigger)


NODE = NodeType(
    name="manual_trigger",
    title="Started by a person",
    group="Triggers",
    description="Someone presses Run, or fills in a form, and the workflow starts.",
    icon="mouse-pointer-click",
    config=Config,
    output=output,
    run=run,
    is_trigger=True,
    has_error_port=False,
    summary="Run button or form",
)
