"""Called as a tool: a name that callers may use, arguments that can be checked, and what they give to later steps."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.json_schema import first_problem
from tests.unit.nodes.fakes import Around, full_problems, left, output_of, ports, problems, refused

ARGUMENTS = {
    "type": "object",
    "properties": {"order_id": {"type": "string"}, "urgent": {"type": "boolean"}},
    "required": ["order_id"],
}
TOOL = {"name": "order_status", "description": "Says where an order is.", "input_schema": ARGUMENTS}


def test_a_tool_may_take_nothing() -> None:
    assert refused("tool_trigger", {"name": "ping"}) == []
    assert output_of("tool_trigger", {"name": "ping"}) == {"type": "object", "properties": {}}


@pytest.mark.parametrize("name", ["a", "Order-Status_2", "x" * 64])
def test_a_name_has_letters_digits_and_two_signs(name: str) -> None:
    assert refused("tool_trigger", {**TOOL, "name": name}) == []


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "order status"}, "name"),
        ({"name": "order.status"}, "name"),
        ({"name": "größe"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "x", "description": "y" * 4001}, "description"),
        ({"name": "x", "input_schema": "text"}, "input_schema"),
        ({"name": "x", "input_schema": [ARGUMENTS]}, "input_schema"),
        ({"name": "x", "title": "X"}, "title"),
    ],
)
def test_a_setting_that_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("tool_trigger", config) == [field]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"properties": {}},
        {"type": "object", "properties": 5},
        {"type": "object", "properties": {"a": {"type": "text"}}},
        {"type": "object", "$ref": "https://example.com/schema.json"},
    ],
)
def test_arguments_that_cannot_be_checked_are_told_while_drawing(schema: dict[str, Any]) -> None:
    assert problems("tool_trigger", {**TOOL, "input_schema": schema}) == [("input_schema", "invalid_config")]


def test_a_tool_that_says_nothing_about_itself_is_warned_of() -> None:
    found = full_problems("tool_trigger", {**TOOL, "description": ""})

    assert [(problem.field, problem.code, problem.severity) for problem in found] == [
        ("description", "no_description", "warning")
    ]


def test_it_leaves_by_one_exit_and_cannot_fail() -> None:
    assert ports("tool_trigger", TOOL) == ["out"]


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"order_id": "12345"}, True),
        ({"order_id": "12345", "urgent": True}, True),
        ({"urgent": True}, False),
        ({"order_id": 12345}, False),
    ],
)
def test_later_steps_see_the_arguments_as_they_are_defined(given: dict[str, Any], fits: bool) -> None:
    schema = output_of("tool_trigger", TOOL)

    assert schema is not None
    assert (first_problem(given, schema) is None) is fits


async def test_it_gives_the_arguments_as_they_came() -> None:
    leave = await left("tool_trigger", TOOL, Around(trigger={"order_id": "12345"}))

    assert (leave.output, leave.ports) == ({"order_id": "12345"}, ("out",))
