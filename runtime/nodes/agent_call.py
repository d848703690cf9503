"""A call that an agent's model asked for: a call of a tool, with the agent's own word on who must agree."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from runtime.graph.node_types import Effect
from runtime.nodes import mcp_tool
from runtime.nodes.base import Leave, NodeContext, NodeType, Park, Proceed, Waited


class Config(mcp_tool.Config):
    approval: bool = Field(default=False, title="Ask before each call")
    due_in_s: float | None = Field(default=None, gt=0, title="Time to answer")


def _call(config: Config) -> mcp_tool.Config:
    return mcp_tool.Config(server=config.server, tool=config.tool, arguments=config.arguments)


async def ask_first(config: Config, ctx: NodeContext) -> Park | None:
    _, tool = await ctx.tool(config.server, config.tool)
    approval = tool.approval or (mcp_tool.ANYONE if config.approval else None)
    # Of the admin's time and the author's the shorter one: each may count on it.
    times = [tool.approval_due_s, config.due_in_s if config.approval else None]
    tool = replace(tool, approval_due_s=min((due_s for due_s in times if due_s is not None), default=None))
    return mcp_tool.question_before_call(_call(config), tool, approval, ctx)


def resume(config: Config, waited: Waited, ctx: NodeContext) -> Proceed:
    return mcp_tool.resume(_call(config), waited, ctx)


async def effect(config: Config, ctx: NodeContext) -> Effect:
    return await mcp_tool.effect(_call(config), ctx)


async def run(config: Config, ctx: NodeContext) -> Leave | Park:
    return await mcp_tool.run(_call(config), ctx)


NODE = NodeType(
    name="agent_call",
    title="Tool call",
    group="Tools",
    description="Calls a tool that a model chose from the list of its agent.",
    icon="plug",
    config=Config,
    run=run,
    ask_first=ask_first,
    resume=resume,
    effect=effect,
    summary="{server} · {tool}",
)
