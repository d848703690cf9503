"""Ends the whole run at once, with success or with a failure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import End, NodeContext, NodeType


class Config(NodeConfig):
    outcome: Literal["success", "failure"] = Field(
        default="success",
        title="The run ends as",
        json_schema_extra={"x-enum-titles": ["Succeeded", "Failed"]},
    )
    message: str = Field(
        default="",
        title="Message",
        description="Shown on the run.",
        json_schema_extra={"x-expression": True},
    )


async def run(config: Config, ctx: NodeContext) -> End:
    return End(config.outcome == "success", config.message)


NODE = NodeType(
    name="stop",
    title="Stop",
    group="Answer",
    description="Ends the run here, whatever else goes on in it.",
    icon="octagon-x",
    config=Config,
    run=run,
    port_rules=(),
    has_error_port=False,
    is_end=True,
    summary="Ends as {outcome}",
)
