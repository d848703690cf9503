"""Lets a model write a text from instructions and material."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from runtime.errors import LlmError
from runtime.llm.prompts import DATA_RULE, data_block
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, without_effect
from runtime.nodes.model_field import check_model, model_field


class Config(NodeConfig):
    model: str = model_field()
    instructions: str = Field(
        min_length=1,
        max_length=20_000,
        title="What to write",
        description="For example: a friendly answer in two sentences, using only the facts given.",
        json_schema_extra={"x-expression": True, "x-widget": "long_text"},
    )
    input: Any = Field(
        default="",
        title="Facts to use",
        json_schema_extra={"x-expression": True, "x-widget": "long_text"},
    )
    max_tokens: int = Field(
        default=1000, ge=1, le=16_000, title="Longest answer (tokens)", json_schema_extra={"x-advanced": True}
    )


class Output(BaseModel):
    text: str = Field(title="Text")


async def run(config: Config, ctx: NodeContext) -> Leave:
    model = await ctx.model(config.model)
    system = f"You write texts for a business. {DATA_RULE} Use only facts that are given; never invent any."
    user = f"{config.instructions}\n\n{data_block(config.input)}"
    try:
        completion = await ctx.llm.complete_text(
            model, system=system, user=user, timeout_s=ctx.timeout_s, max_tokens=config.max_tokens
        )
    except LlmError as error:
        ctx.spend(error.details.get("usage", {}))
        raise
    ctx.spend(completion.usage.as_dict())
    return Leave({"text": completion.text})


NODE = NodeType(
    name="llm_write",
    title="Write",
    group="AI",
    description="A model writes a text from your instructions and facts.",
    icon="pen-line",
    config=Config,
    output=Output,
    run=run,
    effect=without_effect,
    check=check_model,
    summary="{instructions}",
    default_config={"model": "default", "instructions": "", "input": ""},
)
