"""Ends the whole run at once, with success or with a failure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import End, NodeContext, NodeType

MAX_MESSAGE = 10_000
"""Characters; the message is the run's error, which every list and event of it brings along."""


class Config(NodeConfig):
    outcome: Literal["success", "failure"] = Field(
        default="success",
        title="The run ends as",
        json_schema_extra={"x-enum-titles": ["Succeeded", "Failed"]},
    )
    message: str = Field(
        default="",
        title="Message",
        description=f"Shown on the run, up to {MAX_MESSAGE:,} characters of it.",
        json_schema_extra={"x-expression": True},
    )


async def run(config: Config, ctx: NodeContext) -> End:
    message = config.message
    if len(message) > MAX_MESSAGE:
        message = message[: MAX_MESSAGE - 1] + "…"
    return End(config.outcome == "success", message)


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
