"""Every node type, in palette order."""

from typing import Any

from runtime.nodes import (
    agent_call,
    condition,
    failure_trigger,
    for_each,
    human_handoff,
    llm_agent,
    llm_decision,
    llm_extract,
    llm_turn,
    llm_write,
    manual_trigger,
    mcp_prompt,
    mcp_resource,
    mcp_tool,
    repeat,
    reply,
    schedule_trigger,
    set_values,
    stop,
    sub_workflow,
    tool_trigger,
    wait,
    watch_trigger,
    webhook_trigger,
)
from runtime.nodes.base import NodeType

# Steps that other steps make up while they run; nobody can draw them.
INTERNAL_TYPES: dict[str, NodeType[Any]] = {
    "llm_turn": llm_turn.NODE,
    "agent_call": agent_call.NODE,
}

NODE_TYPES: dict[str, NodeType[Any]] = {
    "manual_trigger": manual_trigger.NODE,
    "webhook_trigger": webhook_trigger.NODE,
    "schedule_trigger": schedule_trigger.NODE,
    "watch_trigger": watch_trigger.NODE,
    "tool_trigger": tool_trigger.NODE,
    "failure_trigger": failure_trigger.NODE,
    "llm_decision": llm_decision.NODE,
    "llm_extract": llm_extract.NODE,
    "llm_write": llm_write.NODE,
    "llm_agent": llm_agent.NODE,
    "mcp_tool": mcp_tool.NODE,
    "mcp_resource": mcp_resource.NODE,
    "mcp_prompt": mcp_prompt.NODE,
    "human_handoff": human_handoff.NODE,
    "condition": condition.NODE,
    "for_each": for_each.NODE,
    "repeat": repeat.NODE,
    "sub_workflow": sub_workflow.NODE,
    "wait": wait.NODE,
    "set_values": set_values.NODE,
    "reply": reply.NODE,
    "stop": stop.NODE,
}

EXECUTABLE_TYPES = {**NODE_TYPES, **INTERNAL_TYPES}
