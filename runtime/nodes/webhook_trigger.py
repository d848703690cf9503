"""Started by another system: a POST to the workflow's own address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field

from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.samples import schema_of_sample
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType


class ByAddress(NodeConfig):
    model_config = ConfigDict(title="Whoever knows the address")
    kind: Literal["address"]


class Signed(NodeConfig):
    model_config = ConfigDict(title="Who signs it (Standard Webhooks)")
    kind: Literal["standard_webhooks"]


class ByBearer(NodeConfig):
    model_config = ConfigDict(title="Who sends a bearer token")
    kind: Literal["bearer"]


class ByHeader(NodeConfig):
    model_config = ConfigDict(title="Who sends a secret header")
    kind: Literal["header"]
    name: str = Field(
        title="Header",
        description="The header that carries the secret, such as X-Api-Key.",
        pattern=r"^[A-Za-z0-9-]{1,100}$",
        json_schema_extra={"x-placeholder": "X-Api-Key"},
    )


class Config(NodeConfig):
    respond: Literal["at_once", "when_replied"] = Field(
        default="at_once",
        title="Answer",
        description="At once: the sender gets a receipt. When replied: the sender waits up to 30 s for the Reply step.",
        json_schema_extra={"x-enum-titles": ["At once, with a receipt", "When the workflow replies"]},
    )
    auth: ByAddress | Signed | ByBearer | ByHeader = Field(
        default=ByAddress(kind="address"),
        discriminator="kind",
        title="Who may start it",
        description="The address is a secret in any case. A signature also shows that nobody altered what was sent.",
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
