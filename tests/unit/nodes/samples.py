"""One good config of every node type, with the exits and the names that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.graph.node_types import PromptFacts, ToolFacts

GET_ORDER = ToolFacts(
    "get_order",
    {
        "type": "object",
        "properties": {"order_id": {"type": "string", "title": "Order number"}, "note": True},
        "required": ["order_id"],
        "additionalProperties": False,
    },
    {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]},
    effect="none",
)
LIST_LATE = ToolFacts(
    "list_late",
    {"type": "object", "properties": {"since": {"type": "string"}}, "additionalProperties": False},
    {
        "type": "object",
        "properties": {
            "orders": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"id": {"type": "string"}, "days": {"type": "integer"}},
                    "required": ["id", "days"],
                },
            }
        },
        "required": ["orders"],
    },
    effect="none",
)
APOLOGISE = PromptFacts("apologise", {"order_id": True, "tone": False})


@dataclass(frozen=True)
class Sample:
    """output   the names that later steps may refer to"""

    config: Mapping[str, Any]
    ports: list[str]
    output: list[str]
    tool: ToolFacts = GET_ORDER


FIELDS = [
    {"id": "order_id", "title": "Order number", "kind": "text", "required": True},
    {"id": "amount", "kind": "number"},
]

SAMPLES: Mapping[str, Sample] = {
    "manual_trigger": Sample({"fields": FIELDS, "public": True}, ["out"], ["order_id", "amount"]),
    "webhook_trigger": Sample(
        {"respond": "when_replied", "auth": {"kind": "address"}, "sample": {"message": "Where is it?"}},
        ["out"],
        ["body", "headers", "query", "method"],
    ),
    "schedule_trigger": Sample(
        {"cron": "30 7 * * 1-5", "timezone": "Europe/Berlin", "missed": "skip"},
        ["out"],
        ["due_at", "previous_at"],
    ),
    "watch_trigger": Sample(
        {
            "server": "orders",
            "tool": "list_late",
            "arguments": {"since": "{{ vars.since }}"},
            "items": "{{ result.orders }}",
            "key": "{{ item.id }}",
            "where": "{{ item.days > 3 }}",
            "every_s": 300,
            "first": "run",
            "sample": {"id": "12345", "days": 4},
        },
        ["out"],
        ["id", "days"],
    ),
    "tool_trigger": Sample(
        {
            "name": "order_status",
            "description": "Says where an order is.",
            "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}},
        },
        ["out"],
        ["order_id"],
    ),
    "failure_trigger": Sample({"workflows": ["refunds"]}, ["out"], ["workflow", "run_id", "node", "error"]),
    "llm_decision": Sample(
        {
            "question": "What do they want?",
            "input": "{{ run.id }}",
            "choices": [
                {"id": "refund", "title": "Refund", "description": "Wants money", "min_confidence": 0.8},
                {"id": "status", "title": "Status"},
            ],
            "rules": [{"when": "{{ run.id == '' }}", "choice": "refund"}],
            "fields": FIELDS,
        },
        ["refund", "status", "otherwise", "unsure", "error"],
        ["choice", "choices", "confidence", "scores", "reason", "evidence", "fields", "decided_by"],
    ),
    "llm_extract": Sample(
        {"input": "{{ run.id }}", "fields": FIELDS}, ["out", "error"], ["order_id", "amount"]
    ),
    "llm_write": Sample(
        {"instructions": "Answer kindly.", "input": "{{ run.id }}", "max_tokens": 200},
        ["out", "error"],
        ["text"],
    ),
    "mcp_tool": Sample(
        {"server": "orders", "tool": "get_order", "arguments": {"order_id": "{{ run.id }}"}},
        ["out", "error"],
        ["status"],
    ),
    "mcp_resource": Sample(
        {"server": "orders", "uri": "orders://order/{order_id}", "variables": {"order_id": "{{ run.id }}"}},
        ["out", "error"],
        ["text", "content"],
    ),
    "mcp_prompt": Sample(
        {"server": "orders", "prompt": "apologise", "arguments": {"order_id": "{{ run.id }}"}},
        ["out", "error"],
        ["text", "messages"],
    ),
    "human_handoff": Sample(
        {
            "title": "Refund {{ run.id }}?",
            "message": "Above the limit.",
            "choices": [{"id": "approve", "title": "Approve"}, {"id": "reject"}],
            "data": [{"label": "Run", "value": "{{ run.id }}"}],
            "fields": FIELDS,
            "assign_to": {"kind": "role", "value": "agent"},
            "due_in_s": 3600,
            "remind_in_s": 600,
            "escalate_to": {"kind": "role", "value": "admin"},
        },
        ["approve", "reject", "timed_out", "error"],
        ["choice", "answers", "comment", "answered_by", "answered_at"],
    ),
    "condition": Sample(
        {
            "branches": [
                {"id": "large", "when": "{{ run.id == 'x' }}"},
                {
                    "id": "empty",
                    "title": "Empty",
                    "when": {"all": [{"left": "{{ run.id }}", "op": "is_empty"}]},
                },
            ]
        },
        ["large", "empty", "otherwise", "error"],
        ["branch"],
    ),
    "wait": Sample({"until": "2026-11-21T10:00:00+01:00"}, ["out", "error"], ["waited_s"]),
    "set_values": Sample(
        {"values": [{"id": "limit", "value": 50}, {"id": "who", "value": "{{ run.id }}"}]},
        ["out", "error"],
        ["limit", "who"],
    ),
    "reply": Sample({"text": "Run {{ run.id }}"}, ["out", "error"], ["sent"]),
    "stop": Sample({"outcome": "failure", "message": "No more {{ run.id }}"}, [], []),
    "for_each": Sample(
        {"items": ["A", "B"], "max_parallel": 3, "on_item_error": "continue", "collect": "{{ item.id }}"},
        ["out", "error"],
        ["results", "failed"],
    ),
    "llm_agent": Sample(
        {
            "goal": "Find the order.",
            "tools": [{"server": "orders", "tool": "get_order"}],
            "output_fields": FIELDS,
            "max_steps": 3,
        },
        ["out", "gave_up", "error"],
        ["order_id", "amount", "answer", "steps", "reason"],
    ),
    "sub_workflow": Sample(
        {"workflow": "refunds", "input": {"order_id": "1"}, "wait": False}, ["out", "error"], ["run_id"]
    ),
    "repeat": Sample(
        {"until": True, "max_times": 5, "delay_s": 2, "collect": None},
        ["out", "limit_reached", "error"],
        ["times", "last"],
    ),
}
