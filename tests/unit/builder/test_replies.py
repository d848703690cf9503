"""What a tool promises of its result: the forms of its replies where they are known, and never more than is true."""

from __future__ import annotations

from typing import Any

import pytest

from builder.mcp_endpoint.failures import ERROR_SCHEMA
from builder.mcp_endpoint.replies import HANDLE, TEXT_REPLY, output_schema
from runtime.graph.node_types import ToolFacts
from runtime.graph.schema import parse_graph
from runtime.json_schema import first_problem
from tests.unit.nodes.fakes import Registered

ORDER = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["sent", "lost"]},
        "items": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "linked": {"$ref": "#/$defs/link"},
    },
    "required": ["status"],
    "additionalProperties": False,
    "$defs": {"link": {"type": "string"}},
}
WORKSPACE = Registered(tools=[ToolFacts("get_order", {"type": "object"}, ORDER)])
LOOKUP = {"id": "lookup", "type": "mcp_tool", "config": {"server": "orders", "tool": "get_order"}}


def promised(*replies: dict[str, Any], **settings: Any) -> Any:
    nodes = [
        {"id": f"reply_{position}", "type": "reply", "config": config, "settings": settings}
        for position, config in enumerate(replies)
    ]
    return output_schema(parse_graph({"nodes": [LOOKUP, *nodes], "edges": []}), WORKSPACE)


def form_of(data: Any) -> Any:
    """The promised form of a reply with these data."""
    return promised({"data": data})["anyOf"][0]


def test_a_text_a_handle_or_an_error_is_promised_for_text_replies() -> None:
    schema = promised({"text": "Hello {{ run.id }}"}, {"text": "Bye"})

    assert schema == {"type": "object", "anyOf": [TEXT_REPLY, HANDLE, ERROR_SCHEMA]}
    assert first_problem({"text": "Hello"}, schema) is None
    assert first_problem({"run_id": "1", "status": "waiting", "message": ""}, schema) is None
    assert first_problem({"error": {"code": "X", "message": "", "retryable": False}}, schema) is None
    assert first_problem({"status": "sent"}, schema) is not None


def test_each_reply_adds_its_form() -> None:
    forms = promised({"text": "Hello"}, {"data": {"a": "b"}})["anyOf"]

    assert forms[0] == TEXT_REPLY
    assert forms[1]["required"] == ["a"]


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("{{ steps.lookup.status }}", {"type": "string"}),
        ("Order {{ steps.lookup.status }}", {"type": "string"}),
        ("{{ steps.lookup.status + '!' }}", {}),
        ("{{ trigger.text }}", {}),
        ("{{ steps.lookup.nothing }}", {}),
        ("{{ steps.nothing.status }}", {}),
        ("{{ steps.lookup.linked }}", {}),
        (
            "{{ steps.lookup.items }}",
            {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        ),
        ("fixed", {"type": "string"}),
        (5, {}),
        ({"a": True}, {"type": "object", "properties": {"a": {}}, "required": ["a"]}),
    ],
)
def test_a_value_is_known_as_far_as_its_step_tells(value: Any, known: dict[str, Any]) -> None:
    assert form_of({"it": value})["properties"]["it"] == known


@pytest.mark.parametrize("data", [[1], 5, "text", "{{ trigger.x }}", "{{ steps.lookup.status }}"])
def test_nothing_is_promised_when_a_reply_may_be_no_object(data: Any) -> None:
    assert promised({"text": "Hello"}, {"data": data}) is None


def test_nothing_is_promised_without_a_reply() -> None:
    assert promised() is None
    assert promised({"text": "Hello"}, disabled=True) is None
