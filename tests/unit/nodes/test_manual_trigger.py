"""Started by a person: what is asked for is what later steps may use."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.json_schema import first_problem
from tests.unit.nodes.fakes import Around, left, output_of, ports, refused

FIELDS = [
    {"id": "order_id", "title": "Order number", "required": True},
    {"id": "urgent", "kind": "boolean"},
    {"id": "colour", "kind": "choice", "choices": [{"id": "red"}, {"id": "blue"}]},
]


def test_a_button_without_a_form_is_a_trigger_too() -> None:
    assert refused("manual_trigger", {}) == []
    assert output_of("manual_trigger", {}) == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"fields": [{"id": "Order"}]}, "fields/0/id"),
        ({"fields": [{"id": "a"}, {"id": "b", "kind": "colour"}]}, "fields/1/kind"),
        ({"fields": [{"id": "a", "type": "text"}]}, "fields/0/type"),
        ({"fields": [{"id": "a", "kind": "choice", "choices": [{"title": "Red"}]}]}, "fields/0/choices/0/id"),
        ({"fields": {"id": "a"}}, "fields"),
        ({"public": "perhaps"}, "public"),
    ],
)
def test_a_form_that_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("manual_trigger", config) == [field]


def test_it_leaves_by_one_exit_and_cannot_fail() -> None:
    assert ports("manual_trigger", {"fields": FIELDS}) == ["out"]


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"order_id": "12345"}, True),
        ({"order_id": "12345", "urgent": False, "colour": "red"}, True),
        ({"urgent": True}, False),
        ({"order_id": "12345", "colour": "green"}, False),
        ({"order_id": "12345", "is_admin": True}, False),
    ],
)
def test_later_steps_see_the_fields_and_which_of_them_may_be_missing(
    given: dict[str, Any], fits: bool
) -> None:
    schema = output_of("manual_trigger", {"fields": FIELDS})

    assert schema is not None
    assert (first_problem(given, schema) is None) is fits


def test_a_half_written_field_is_left_out_of_what_later_steps_see() -> None:
    schema = output_of("manual_trigger", {"fields": [{"id": ""}, {"id": "order_id"}, "x", None]})

    assert schema is not None
    assert list(schema["properties"]) == ["order_id"]


async def test_it_gives_what_was_filled_in() -> None:
    leave = await left("manual_trigger", {"fields": FIELDS}, Around(trigger={"order_id": "12345"}))

    assert (leave.output, leave.ports) == ({"order_id": "12345"}, ("out",))
