"""A model reads fields out of a text: each is there, in the form of its kind, or null."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import LlmError
from runtime.json_schema import first_problem
from tests.unit.nodes.fakes import (
    TIMEOUT_S,
    Around,
    FakeLlm,
    Registered,
    fits_output,
    left,
    llm_failure,
    output_of,
    ports,
    problems,
    refused,
)

FIELDS = [
    {"id": "order_id", "title": "Order number", "required": True, "description": "Five digits"},
    {"id": "amount", "kind": "number"},
    {"id": "colour", "kind": "choice", "choices": [{"id": "red"}, {"id": "blue"}]},
    {"id": "day", "kind": "date"},
]
CONFIG = {"input": "{{ trigger.text }}", "fields": FIELDS}
NOTHING = {"order_id": None, "amount": None, "colour": None, "day": None}


def around(*answers: dict[str, Any] | LlmError) -> Around:
    return Around(llm=FakeLlm(*answers), scope={"trigger": {"text": "Order 12345, please"}})


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"fields": FIELDS}, "input"),
        ({"input": "x", "fields": []}, "fields"),
        ({"input": "x"}, "fields"),
        ({"input": "x", "fields": [{"id": "a"}] * 101}, "fields"),
        ({"input": "x", "fields": [{"id": "Order"}]}, "fields/0/id"),
        ({"input": "x", "fields": [{"id": "a", "kind": "money"}]}, "fields/0/kind"),
        ({"input": "x", "fields": [{"id": "a"}], "field": []}, "field"),
    ],
)
def test_what_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("llm_extract", config) == [field]


def test_it_leaves_by_one_exit() -> None:
    assert ports("llm_extract", CONFIG) == ["out", "error"]


def test_later_steps_see_every_field_as_one_that_may_be_null() -> None:
    schema = output_of("llm_extract", CONFIG)

    assert schema is not None
    assert schema["required"] == ["order_id", "amount", "colour", "day"]
    assert schema["properties"]["order_id"]["type"] == ["string", "null"]
    assert first_problem(NOTHING, schema) is None
    assert first_problem({**NOTHING, "colour": "green"}, schema) is not None


def test_a_model_that_is_not_registered_is_told_while_drawing() -> None:
    assert problems("llm_extract", CONFIG, Registered(models=[])) == [("model", "unknown_model")]
    assert problems("llm_extract", CONFIG) == []


async def test_the_model_is_told_of_every_field_and_the_text_is_data() -> None:
    here = around(NOTHING)
    await left("llm_extract", CONFIG, here)
    [asked] = here.llm.asked

    assert "order_id: Order number (text). Five digits" in asked.system
    assert "one of red, blue" in asked.system
    assert asked.user == "<data>\nOrder 12345, please\n</data>"
    assert asked.schema == output_of("llm_extract", CONFIG)
    assert asked.timeout_s == TIMEOUT_S


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"order_id": " 12345 ", "amount": 9.5}, {"order_id": "12345", "amount": 9.5}),
        ({"order_id": "", "colour": "red"}, {"order_id": None, "colour": "red"}),
        ({"order_id": "1", "day": "2026-11-21T10:00:00"}, {"order_id": "1", "day": "2026-11-21"}),
        ({"order_id": "1", "day": "soon"}, {"order_id": "1", "day": None}),
        ({}, {}),
    ],
)
async def test_what_was_found_is_brought_to_its_kind_and_the_rest_is_null(
    answer: dict[str, Any], found: dict[str, Any]
) -> None:
    leave = await left("llm_extract", CONFIG, around({**NOTHING, **answer}))

    assert (leave.output, leave.ports) == ({**NOTHING, **found}, ("out",))
    assert fits_output("llm_extract", CONFIG, leave)


async def test_tokens_are_noted_also_of_a_call_that_failed() -> None:
    spent = around(NOTHING)
    await left("llm_extract", CONFIG, spent)
    failed = around(llm_failure("llm_invalid_answer", usage={"input_tokens": 7, "model": "m"}))
    with pytest.raises(LlmError) as caught:
        await left("llm_extract", CONFIG, failed)

    assert caught.value.code == "llm_invalid_answer"
    assert spent.usage["output_tokens"] == 20
    assert failed.usage == {"input_tokens": 7, "model": "m"}
