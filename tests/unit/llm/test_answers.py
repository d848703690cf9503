from __future__ import annotations

import json
from typing import Any

import pytest

from runtime.llm.answers import Answer, fitting, read_answer, read_model_names
from runtime.llm.forms import can_be_strict, request_form

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "number"}},
    "required": ["a"],
    "additionalProperties": False,
}


def answer(text: str = "", *, was_cut: bool = False, declined: str = "") -> Answer:
    return Answer(text, was_cut, declined, 0, 0)


def body(message: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, **more}], "usage": {"prompt_tokens": 3}}).encode()


def test_the_text_of_an_answer_is_its_content() -> None:
    read = read_answer(body({"content": "hello"}, finish_reason="length"))

    assert read == Answer("hello", True, "", 3, 0, said="hello")


def test_the_arguments_of_a_called_function_are_the_text() -> None:
    read = read_answer(
        body({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]})
    )

    assert read is not None
    assert read.text == "{}"


@pytest.mark.parametrize("given", [b"", b"<html>", b"[]", b"null", b"\xff\xfe"])
def test_what_is_no_completion_is_none(given: bytes) -> None:
    assert read_answer(given) is None


@pytest.mark.parametrize(
    "given", [{}, {"choices": None}, {"choices": [7]}, {"choices": [{"message": []}], "usage": 1}]
)
def test_a_completion_with_holes_is_an_empty_answer(given: Any) -> None:
    assert read_answer(json.dumps(given).encode()) == Answer("", False, "", 0, 0)


@pytest.mark.parametrize("text", ['{"a": 1}', ' {"a": 1}\n', '```json\n{"a": 1}\n```'])
def test_an_object_is_found_also_in_a_code_block(text: str) -> None:
    assert fitting(answer(text), SCHEMA) == ({"a": 1}, "")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (answer("I think"), "it is no JSON"),
        (answer('{"a": 1', was_cut=True), "it was cut off at the limit of tokens"),
        (answer("[1]"), "it is no JSON object"),
        (answer('{"a": NaN}'), "it is no JSON"),
        (answer('{"a": "x"}'), "a must be a number"),
        (answer("{}"), "a is required"),
        (answer(declined="I may not do this"), "the model declined (I may not do this)"),
    ],
)
def test_why_an_answer_does_not_fit_is_told(given: Answer, problem: str) -> None:
    assert fitting(given, SCHEMA) == (None, problem)


def test_names_of_models_are_read_up_to_a_limit() -> None:
    listed = json.dumps({"data": [{"id": "a"}, {"id": 5}, {"id": "b"}, {"id": "c"}]}).encode()

    assert read_model_names(listed, 3) == ["a", "b"]
    assert read_model_names(b"nothing", 3) == []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (SCHEMA, True),
        ({**SCHEMA, "required": []}, False),
        ({**SCHEMA, "additionalProperties": True}, False),
        ({"type": "object"}, False),
        ({"type": "string", "format": "email"}, True),
        ({"type": "string", "format": "uri"}, False),
        ({"type": "array", "items": {"type": "object", "properties": {"a": {}}}}, False),
    ],
)
def test_only_closed_and_complete_schemas_are_asked_for_strictly(
    schema: dict[str, Any], expected: bool
) -> None:
    assert can_be_strict(schema) is expected


def test_in_json_mode_the_schema_stands_in_the_prompt_and_the_messages_stay_as_they_are() -> None:
    messages = [{"role": "system", "content": "Read."}, {"role": "user", "content": "Hello"}]

    form = request_form("json_mode", SCHEMA, "fields", messages)

    assert json.dumps(SCHEMA) in form["messages"][0]["content"]
    assert form["messages"][1:] == messages[1:]
    assert messages[0]["content"] == "Read."
