"""Every node type, in palette order."""

from typing import Any

from runtime.nodes import (
    condition,
    failure_trigger,
    for_each,
    human_handoff,
    llm_decision,
    llm_extract,
    llm_write,
    manual_trigger,
    mcp_tool,
    repeat,
    reply,
    schedule_trigger,
    set_values,
    stop,
    sub_workflow,
    tool_trigger,
    wait,
    webhook_trigger,
)
from runtime.nodes.base import NodeType

NODE_TYPES: dict[str, NodeType[Any]] = {
    "manual_trigger": manual_trigger.NODE,
    "webhook_trigger": webhook_trigger.NODE,
    "schedule_trigger": schedule_trigger.NODE,
    "tool_trigger": tool_trigger.NODE,
    "failure_trigger": failure_trigger.NODE,
    "llm_decision": llm_decision.NODE,
    "llm_extract": llm_extract.NODE,
    "llm_write": llm_write.NODE,
    "mcp_tool": mcp_tool.NODE,
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
