"""Forms of what servers ask: fields from their schema, and answers that go back as they want them."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.elicitation import check_content, form_fields
from runtime.json_schema import SchemaUnusable


def a_schema(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


def kind_of(about: dict[str, Any]) -> str:
    return str(form_fields(a_schema(it=about))[0]["kind"])


@pytest.mark.parametrize(
    ("about", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "maxLength": 2000}, "long_text"),
        ({"type": "string", "format": "email"}, "email"),
        ({"type": "string", "format": "uri"}, "url"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": "number"}, "number"),
        ({"type": "integer"}, "integer"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "string", "enum": ["a", "b"]}, "choice"),
        ({"type": "array", "items": {"type": "string", "enum": ["a"]}}, "multi_choice"),
        ({"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}}, "multi_choice"),
    ],
)
def test_each_kind_of_property_has_its_field(about: dict[str, Any], kind: str) -> None:
    assert kind_of(about) == kind


def test_titles_of_choices_come_from_every_form_of_enumeration() -> None:
    titled = {"type": "string", "oneOf": [{"const": "v", "title": "Vegetarian"}]}
    older = {"type": "string", "enum": ["v"], "enumNames": ["Vegetarian"]}
    for about in (titled, older):
        assert form_fields(a_schema(meal=about))[0]["choices"] == [{"id": "v", "title": "Vegetarian"}]


def test_limits_defaults_and_names_are_taken_over() -> None:
    about = {"type": "integer", "title": "Seats", "minimum": 1, "maximum": 4, "default": 2}
    field = form_fields(a_schema(["seatCount"], seatCount=about))[0]
    assert (field["id"], field["title"], field["required"]) == ("seatCount", "Seats", True)
    assert (field["minimum"], field["maximum"], field["default"]) == (1, 4, 2)


@pytest.mark.parametrize(
    "schema",
    [
        a_schema(it={"type": "object"}),
        a_schema(it={"type": "array", "items": {"type": "number"}}),
        a_schema(it=True),
        a_schema(**{f"f{number}": {"type": "string"} for number in range(51)}),
        {"type": "object", "properties": []},
        {"type": "object", "properties": {}, "required": "x"},
    ],
)
def test_what_no_form_can_ask_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(SchemaUnusable):
        form_fields(schema)


def given(about: dict[str, Any], value: Any, zone: str = "UTC") -> Any:
    content, problems = check_content(a_schema(it=about), {"it": value}, zone=zone)
    return problems.get("it") or content.get("it")


@pytest.mark.parametrize(
    ("about", "value", "sent"),
    [
        ({"type": "integer"}, "3", 3),
        ({"type": "number"}, "3.5", 3.5),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, False, False),
        ({"type": "string"}, " as it is ", " as it is "),
        ({"type": "string", "format": "uri"}, "mailto:ida@example.com", "mailto:ida@example.com"),
        ({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, ["a"], ["a"]),
    ],
)
def test_answers_are_brought_to_their_kind(about: dict[str, Any], value: Any, sent: Any) -> None:
    assert given(about, value) == sent
    assert type(given(about, value)) is type(sent)


def test_a_time_without_a_zone_is_the_workspaces() -> None:
    moment = {"type": "string", "format": "date-time"}
    assert given(moment, "2026-12-24T18:00", "Europe/Berlin") == "2026-12-24T18:00:00+01:00"
    assert given(moment, "2026-12-24T18:00:00Z", "Europe/Berlin") == "2026-12-24T18:00:00+00:00"


@pytest.mark.parametrize(
    ("about", "value", "sentence"),
    [
        ({"type": "integer"}, "2.5", "Write a whole number."),
        ({"type": "number"}, "many", "Write a number."),
        ({"type": "number"}, "1e400", "Write a number."),
        ({"type": "integer", "maximum": 4}, 9, "It must be at most 4."),
        ({"type": "string", "minLength": 3}, "ab", "It must have at least 3 characters."),
        ({"type": "string", "format": "email"}, "ida@", "Write an e-mail address."),
        ({"type": "string", "format": "uri"}, "nowhere", "Write an address such as https://example.com."),
        ({"type": "string", "format": "date"}, "24.12.2026", "Write a date such as 2026-11-21."),
        ({"type": "string", "enum": ["a"]}, "b", "It must be one of a."),
        ({"type": "boolean"}, "perhaps", "Choose yes or no."),
        ({"type": "string"}, {"a": 1}, "Write a text."),
    ],
)
def test_an_answer_that_does_not_fit_says_why(about: dict[str, Any], value: Any, sentence: str) -> None:
    assert given(about, value) == sentence


def test_required_and_unknown_answers_are_told() -> None:
    schema = a_schema(["name"], name={"type": "string"}, age={"type": "integer"})
    content, problems = check_content(schema, {"name": "", "shoe": 43})
    assert content == {}
    assert problems == {"name": "Please fill this in.", "shoe": "This is not asked for."}
    assert check_content(schema, {"name": "Ida", "age": ""}) == ({"name": "Ida"}, {})
