"""What the caller gets: a text or data, never both."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import ExpressionError
from tests.unit.nodes.fakes import Around, fits_output, left, output_of, ports, problems, refused

SCOPE = {"steps": {"lookup": {"status": "shipped", "items": [1, 2], "note": None}}}


@pytest.mark.parametrize(
    "config", [{}, {"text": "Hi"}, {"data": {"a": 1}}, {"text": "", "data": {"a": 1}}, {"text": ""}]
)
def test_a_text_or_data_is_taken(config: dict[str, Any]) -> None:
    assert refused("reply", config) == []
    assert problems("reply", config) == []


def test_both_at_once_are_refused_also_while_drawing() -> None:
    config = {"text": "Hi", "data": 0}

    assert refused("reply", config) == [""]
    assert problems("reply", config) == [("data", "invalid_config")]


@pytest.mark.parametrize(("config", "field"), [({"text": 5}, "text"), ({"texts": "Hi"}, "texts")])
def test_what_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("reply", config) == [field]


def test_a_free_exit_is_a_meant_end() -> None:
    assert ports("reply", {}) == ["out", "error"]


def test_later_steps_may_ask_whether_it_was_sent() -> None:
    schema = output_of("reply", {})

    assert schema is not None
    assert schema["properties"]["sent"]["type"] == "boolean"
    assert schema["required"] == ["sent"]


@pytest.mark.parametrize(
    ("config", "reply"),
    [
        ({"text": "It is {{ steps.lookup.status }}."}, {"text": "It is shipped."}),
        ({"text": ""}, {"text": ""}),
        ({}, {"text": ""}),
        ({"data": {"status": "{{ steps.lookup.status }}"}}, {"status": "shipped"}),
        ({"data": "{{ steps.lookup }}"}, SCOPE["steps"]["lookup"]),
        ({"data": "{{ size(steps.lookup.items) }}"}, 2),
        ({"data": False}, False),
        ({"data": 0, "text": ""}, 0),
        ({"data": "{{ steps.lookup.note }}"}, None),
        ({"data": "{{ steps.lookup.note }}", "text": ""}, None),
        ({"data": None}, None),
        ({"data": None, "text": "Hi"}, {"text": "Hi"}),
    ],
)
async def test_data_goes_out_bare_and_a_text_in_its_place(config: dict[str, Any], reply: Any) -> None:
    leave = await left("reply", config, Around(scope=SCOPE))

    assert (leave.reply, leave.replies, leave.ports) == (reply, True, ("out",))
    assert fits_output("reply", config, leave)


@pytest.mark.parametrize("text", ["It is {{ trigger.status }}.", "{{ trigger.status }}"])
async def test_a_text_with_an_empty_value_fails_and_names_the_field(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        await left("reply", {"text": text}, Around(scope={"trigger": {"status": None}}))

    assert caught.value.details["field"] == "text"
