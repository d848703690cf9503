"""Reads named fields out of a text, null where they are absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field as Setting

from runtime.errors import LlmError
from runtime.fields import Field, fields_schema
from runtime.graph.node_types import JsonSchema, Known
from runtime.llm.extraction import extraction_prompt, read_fields
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, without_effect
from runtime.nodes.lists import models_of
from runtime.nodes.model_field import check_model, model_field


class Config(NodeConfig):
    model: str = model_field()
    input: Any = Setting(
        title="Text to read",
        json_schema_extra={"x-expression": True, "x-widget": "long_text"},
    )
    fields: list[Field] = Setting(
        min_length=1,
        max_length=100,
        title="What to find",
        description="Each becomes a value that later steps can use; empty where the text does not say it.",
        json_schema_extra={"x-widget": "fields"},
    )


def output(config: Mapping[str, Any], known: Known) -> JsonSchema:
    return fields_schema(models_of(Field, config.get("fields")), nullable=True)


async def run(config: Config, ctx: NodeContext) -> Leave:
    model = await ctx.model(config.model)
    system, user = extraction_prompt(config.fields, config.input)
    try:
        completion = await ctx.llm.complete_json(
            model,
            system=system,
            user=user,
            schema=fields_schema(config.fields, nullable=True),
            schema_name="fields",
            timeout_s=ctx.timeout_s,
        )
    except LlmError as error:
        ctx.spend(error.details.get("usage", {}))
        raise
    ctx.spend(completion.usage.as_dict())
    return Leave(read_fields(completion.value or {}, config.fields))


NODE = NodeType(
    name="llm_extract",
    title="Extract",
    group="AI",
    description="A model reads a text and picks out what you name: a number, a name, a date.",
    icon="scan-text",
    config=Config,
    output=output,
    run=run,
    effect=without_effect,
    check=check_model,
    default_config={"model": "default", "input": "", "fields": []},
)
