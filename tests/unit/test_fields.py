"""Fields: their schema, and answers brought to their kinds."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.fields import Choice, Field, check_answers, fields_schema
from runtime.json_schema import first_problem

COLOURS = [Choice(id="red", title="Red"), Choice(id="blue")]


def field(kind: Any, **more: Any) -> Field:
    choices = COLOURS if kind in {"choice", "multi_choice"} else []
    return Field(id="it", kind=kind, choices=choices, **more)


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("text", "  Ada ", "Ada"),
        ("text", 12345, "12345"),
        ("number", "1.299,50 €", 1299.5),
        ("number", "1,299.50", 1299.5),
        ("number", "12", 12),
        ("number", 0, 0),
        ("boolean", "yes", True),
        ("boolean", False, False),
        ("date", "2026-11-21", "2026-11-21"),
        ("date", "2026-11-21T09:30:00", "2026-11-21"),
        ("datetime", "2026-11-21T09:30:00Z", "2026-11-21T09:30:00+00:00"),
        ("email", "ada@example.com", "ada@example.com"),
        ("phone", "+49 30 1234567", "+49 30 1234567"),
        ("url", "https://example.com/x", "https://example.com/x"),
        ("choice", "red", "red"),
        ("multi_choice", ["red", "blue", "red"], ["red", "blue"]),
    ],
)
def test_an_answer_is_brought_to_its_kind(kind: str, given: Any, kept: Any) -> None:
    assert check_answers([field(kind)], {"it": given}) == ({"it": kept}, {})


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("text", ["a"]),
        ("text", "x" * 4001),
        ("number", "twelve"),
        ("number", True),
        ("number", float("nan")),
        ("number", "inf"),
        ("boolean", "perhaps"),
        ("date", "2026-02-30"),
        ("date", "2026-11-21 or so"),
        ("datetime", "tomorrow"),
        ("email", "ada@example"),
        ("phone", "call me"),
        ("url", "javascript:alert(1)"),
        ("choice", "green"),
        ("multi_choice", ["red", "green"]),
        ("file", {"file": "x"}),
    ],
)
def test_an_answer_that_does_not_fit_is_told_at_its_field(kind: str, given: Any) -> None:
    clean, problems = check_answers([field(kind)], {"it": given})

    assert clean == {}
    assert problems["it"].endswith(".")


def test_an_optional_field_may_stay_empty_and_a_required_one_may_not() -> None:
    fields = [Field(id="a"), Field(id="b", required=True)]

    assert check_answers(fields, {"a": "", "b": ""}) == ({}, {"b": "Please fill this in."})


def test_a_required_yes_or_no_may_be_no() -> None:
    assert check_answers([field("boolean", required=True)], {"it": False}) == ({"it": False}, {})


def test_an_answer_to_no_question_is_refused() -> None:
    assert check_answers([], {"is_admin": True})[1] == {"is_admin": "This field is not asked for."}


@pytest.mark.parametrize(
    ("kind", "value"),
    [("text", "a"), ("number", 1.5), ("boolean", True), ("choice", "red"), ("multi_choice", ["blue"])],
)
def test_the_schema_takes_a_value_of_the_kind_and_null_only_where_it_may_be_absent(
    kind: str, value: Any
) -> None:
    open_schema = fields_schema([field(kind)], nullable=True)
    strict = fields_schema([field(kind, required=True)], nullable=False)

    assert first_problem({"it": value}, open_schema) is None
    assert first_problem({"it": None}, open_schema) is None
    assert first_problem({"it": value}, strict) is None
    assert first_problem({"it": None}, strict) is not None
    assert first_problem({}, strict) == ("it", "is required")


def test_a_choice_outside_the_list_does_not_fit_the_schema() -> None:
    schema = fields_schema([field("choice")], nullable=True)

    assert first_problem({"it": "green"}, schema) is not None
