"""One turn of an agent's model: what it says, and which tools of the agent's list it wants called."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from runtime.errors import LlmError
from runtime.llm.agent import OfferedTool, declared, functions_of, read_call
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, without_effect


class ToolName(NodeConfig):
    server: str = Field(title="Server")
    tool: str = Field(title="Tool")


class Config(NodeConfig):
    """answer_schema   of the function that ends the conversation; None where plain words do"""

    model: str = Field(title="Model")
    messages: list[dict[str, Any]] = Field(title="Conversation so far")
    tools: list[ToolName] = Field(title="Tools")
    answer_schema: dict[str, Any] | None = Field(default=None, title="Form of the answer")
    max_tokens: int = Field(title="Longest answer (tokens)")


async def run(config: Config, ctx: NodeContext) -> Leave:
    model = await ctx.model(config.model)
    tools = [OfferedTool(name.server, (await ctx.tool(name.server, name.tool))[1]) for name in config.tools]
    functions = functions_of(tools, config.answer_schema)
    try:
        turn = await ctx.llm.take_turn(
            model,
            messages=config.messages,
            functions=declared(functions, config.answer_schema),
            timeout_s=ctx.timeout_s,
            max_tokens=config.max_tokens,
        )
    except LlmError as error:
        ctx.spend(error.details.get("usage", {}))
        raise
    ctx.spend(turn.usage.as_dict())
    calls = [read_call(call, functions, config.answer_schema) for call in turn.calls]
    return Leave({"text": turn.text, "calls": calls})


NODE = NodeType(
    name="llm_turn",
    title="Model's turn",
    group="AI",
    description="A model says what to do next.",
    icon="sparkles",
    config=Config,
    run=run,
    effect=without_effect,
)
