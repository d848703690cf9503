"""Values under names: kinds are kept, order is kept, names are ids."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import ExpressionError
from runtime.json_schema import first_problem
from tests.unit.nodes.fakes import Around, fits_output, left, output_of, ports, refused


def one(value: Any) -> dict[str, Any]:
    return {"values": [{"id": "it", "value": value}]}


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "values"),
        ({"values": []}, "values"),
        ({"values": [{"id": "a"}, {"id": "Two Words"}]}, "values/1/id"),
        ({"values": [{"value": 1}]}, "values/0/id"),
        ({"values": [{"id": "a", "vlaue": 1}]}, "values/0/vlaue"),
        ({"values": {"a": 1}}, "values"),
    ],
)
def test_a_value_that_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("set_values", config) == [field]


def test_it_leaves_by_one_exit() -> None:
    assert ports("set_values", one(1)) == ["out", "error"]


def test_later_steps_see_every_name_and_nothing_else_of_the_values() -> None:
    config = {"values": [{"id": "limit", "value": 50}, {"id": "who"}]}

    assert output_of("set_values", config) == {
        "type": "object",
        "properties": {"limit": {"title": "limit"}, "who": {"title": "who"}},
        "required": ["limit", "who"],
    }


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("plain", "plain"),
        (50, 50),
        (None, None),
        (True, True),
        ({"a": [1, "{{ trigger.n }}"]}, {"a": [1, 7]}),
        ("{{ trigger.n }}", 7),
        ("{{ trigger.n }} pieces", "7 pieces"),
        ("{{ trigger.list }}", ["a", "b"]),
        ("{{ 1 / 4 }}", 0.25),
        ("{{ timestamp('2026-11-21T10:00:00+01:00') }}", "2026-11-21T09:00:00Z"),
        ("{{ duration('90s') }}", 90),
        ('{{ "{{" }}', "{{"),
    ],
)
async def test_a_value_keeps_its_kind(written: Any, kept: Any) -> None:
    around = Around(scope={"trigger": {"n": 7, "list": ["a", "b"]}})
    leave = await left("set_values", one(written), around)

    assert (leave.output, leave.ports) == ({"it": kept}, ("out",))
    assert type(leave.output["it"]) is type(kept)
    assert fits_output("set_values", one(written), leave)


async def test_a_value_is_not_computed_a_second_time() -> None:
    around = Around(scope={"trigger": {"text": "{{ run.id }}"}})

    assert (await left("set_values", one("{{ trigger.text }}"), around)).output == {"it": "{{ run.id }}"}


async def test_a_name_is_never_computed() -> None:
    assert refused("set_values", {"values": [{"id": "{{ trigger.name }}", "value": 1}]}) == ["values/0/id"]


async def test_a_missing_value_fails_the_step_and_names_the_field() -> None:
    config = {"values": [{"id": "a", "value": 1}, {"id": "b", "value": "{{ trigger.nothing }}"}]}

    with pytest.raises(ExpressionError) as caught:
        await left("set_values", config, Around(scope={"trigger": {}}))

    assert caught.value.details["field"] == "values/1/value"


def test_a_half_written_value_is_left_out_of_what_later_steps_see() -> None:
    schema = output_of("set_values", {"values": [{"id": ""}, {"id": "a"}, None]})

    assert schema is not None
    assert first_problem({"a": 1}, schema) is None
    assert list(schema["properties"]) == ["a"]
