"""Started by another system: a POST to the workflow's own address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.samples import schema_of_sample
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType


class Auth(NodeConfig):
    """Who may post: today the address itself is the key."""

    kind: Literal["address"] = "address"


class Config(NodeConfig):
    respond: Literal["at_once", "when_replied"] = Field(
        default="at_once",
        title="Answer",
        description="At once: the sender gets a receipt. When replied: the sender waits up to 30 s for the Reply step.",
        json_schema_extra={"x-enum-titles": ["At once, with a receipt", "When the workflow replies"]},
    )
    auth: Auth = Field(
        default_factory=Auth,
        title="Who may post",
        description="The secret address is the key: whoever knows it can start this workflow.",
        json_schema_extra={"x-advanced": True},
    )
    methods: list[Literal["POST"]] = Field(
        default=["POST"], title="Methods", json_schema_extra={"x-advanced": True}
    )
    sample: dict[str, Any] | None = Field(
        default=None,
        title="Sample body",
        description="An example of what will be sent. It fills the data picker and the test form.",
        json_schema_extra={"x-widget": "json"},
    )


def output(config: Mapping[str, Any], known: Known) -> JsonSchema:
    texts: JsonSchema = {"type": "object", "additionalProperties": {"type": "string"}}
    sample = config.get("sample")
    body: JsonSchema = schema_of_sample(sample) if isinstance(sample, dict) and sample else {}
    return {
        "type": "object",
        "properties": {
            "body": {"title": "Body", **body},
            "headers": {"title": "Headers", **texts},
            "query": {"title": "Query", **texts},
            "method": {"title": "Method", "type": "string"},
        },
        "required": ["body", "headers", "query", "method"],
    }


async def run(config: Config, ctx: NodeContext) -> Leave:
    return Leave(ctx.trigger)


NODE = NodeType(
    name="webhook_trigger",
    title="Webhook",
    group="Triggers",
    description="Another system posts to a secret address, and the workflow starts.",
    icon="webhook",
    config=Config,
    output=output,
    run=run,
    is_trigger=True,
    has_error_port=False,
    summary="When something is posted",
)
