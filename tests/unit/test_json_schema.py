"""Schemas of strangers: what does not fit is named, and no schema costs more than it may."""

from __future__ import annotations

import time
from typing import Any

import pytest

from runtime.json_schema import SchemaUnusable, first_problem, is_quick


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        (5, {"type": "number"}, None),
        ({"a": 1}, {"properties": {"a": {"type": "string"}}}, ("a", "must be a text")),
        ({"a": 1}, {"properties": {"a": {"type": ["string", "null"]}}}, ("a", "must be a text or empty")),
        ({}, {"type": "object", "required": ["name"]}, ("name", "is required")),
        ({"a": {}}, {"properties": {"a": {"required": ["b"]}}}, ("a/b", "is required")),
        ({"x": 1}, {"properties": {}, "additionalProperties": False}, ("x", "is not known here")),
        ({"x": 1}, {"additionalProperties": {"type": "string"}}, ("x", "must be a text")),
        ([1, "b"], {"items": {"type": "integer"}}, ("1", "must be a whole number")),
        ("d", {"enum": ["a", "b"]}, ("", "must be one of a, b")),
        (0, {"minimum": 1}, ("", "must be at least 1")),
        (0, {"exclusiveMinimum": 0}, ("", "must be more than 0")),
        ("", {"minLength": 1}, ("", "must have at least 1 characters")),
        ("x1", {"pattern": "^[0-9]+$"}, ("", "does not fit the pattern ^[0-9]+$")),
        (
            "x",
            {"anyOf": [{"type": "number"}, {"type": "null"}]},
            ("", "fits none of the forms that it may have"),
        ),
        ([1, 1.0], {"uniqueItems": True}, ("", "holds something twice")),
        ([1, True, "1", {"a": 1}], {"uniqueItems": True}, None),
        ({"n_1": "x"}, {"patternProperties": {"^n_": {"type": "number"}}}, ("n_1", "must be a number")),
        ({"n_1": 1}, {"patternProperties": {"^n_": {}}, "additionalProperties": False}, None),
        (
            {"m": 1},
            {"patternProperties": {"^n_": {}}, "additionalProperties": False},
            ("m", "is not known here"),
        ),
        ([1, "a"], {"not": {}}, ("", 'does not fit its definition ("not")')),
    ],
)
def test_the_first_thing_that_does_not_fit_is_named(
    value: Any, schema: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    assert first_problem(value, schema) == expected


def test_the_problem_is_the_first_by_the_name_of_the_field() -> None:
    schema = {"properties": {name: {"type": "string"} for name in "cab"}}

    assert first_problem({"c": 1, "b": 2, "a": 3}, schema) == ("a", "must be a text")


def test_references_inside_the_schema_are_followed() -> None:
    schema = {"$defs": {"n": {"type": "number"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}

    assert first_problem({"a": "x"}, schema) == ("a", "must be a number")


def test_a_schema_of_draft_7_is_read_by_its_own_rules() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}

    assert first_problem([1], schema) == ("0", "must be a text")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "#"},
        {"type": "strin"},
        {"required": 5},
        {"description": "x" * 300_000},
        {"patternProperties": {"(a+)+$": {}}, "unevaluatedProperties": False},
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(SchemaUnusable):
        first_problem({}, schema)


def test_a_schema_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(50):
        schema = {"properties": {"a": schema}}

    with pytest.raises(SchemaUnusable):
        first_problem({}, schema)


def test_references_that_fan_out_are_stopped_early() -> None:
    fan = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(30)}
    started = time.monotonic()

    with pytest.raises(SchemaUnusable):
        first_problem({}, {"$ref": "#/$defs/s0", "$defs": {**fan, "s30": {}}})
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^(a+)+$"},
        {"propertyNames": {"pattern": "^(a+)+$"}},
        {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": {}},
    ],
)
def test_a_pattern_never_takes_exponential_time(schema: dict[str, Any]) -> None:
    text = "a" * 5000 + "!"
    started = time.monotonic()

    first_problem({text: 1} if "pattern" not in schema else text, schema)

    assert time.monotonic() - started < 1


def test_a_pattern_that_only_backtracking_could_judge_is_left_to_the_server() -> None:
    assert first_problem("ab", {"pattern": "^(?=a)ab$"}) is None


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ({"id": "A-1", "items": [1, 2, {"a": None}]}, {"type": "object"}, True),
        (list(range(400)), {"type": "array"}, True),
        (list(range(600)), {"type": "array"}, False),
        ({"text": "a" * 30_000}, {"type": "object"}, False),
        ({"a" * 30_000: 1}, {"type": "object"}, False),
        ([[[]] * 300] * 300, {"type": "array"}, False),
        ("small", {"$defs": {"a": {}}, "$ref": "#/$defs/a"}, False),
    ],
)
def test_only_the_check_of_a_small_value_without_references_is_quick(
    value: Any, schema: dict[str, Any], expected: bool
) -> None:
    assert is_quick(value, schema) is expected
