"""Started by another system: body, headers, query and method, shaped by a sample where there is one."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.json_schema import first_problem
from runtime.nodes.webhook_trigger import Config
from tests.unit.nodes.fakes import Around, left, output_of, ports, refused

ARRIVED = {
    "body": {"message": "Hello"},
    "headers": {"x-shop": "1"},
    "query": {"lang": "de"},
    "method": "POST",
}


def test_left_alone_it_answers_at_once_and_its_address_is_the_key() -> None:
    config = Config()

    assert (config.respond, config.auth.kind, config.methods) == ("at_once", "address", ["POST"])


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"respond": "later"}, "respond"),
        ({"auth": {"kind": "nobody"}}, "auth"),
        ({"auth": {"kind": "address", "token": "secret"}}, "auth/address/token"),
        ({"methods": ["GET"]}, "methods/0"),
        ({"sample": "text"}, "sample"),
    ],
)
def test_a_setting_that_does_not_exist_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("webhook_trigger", config) == [field]


def test_it_leaves_by_one_exit_and_cannot_fail() -> None:
    assert ports("webhook_trigger", {}) == ["out"]


@pytest.mark.parametrize("sample", [None, {}, "no object", [1]])
def test_without_a_sample_nothing_is_said_of_the_body(sample: Any) -> None:
    schema = output_of("webhook_trigger", {"sample": sample})

    assert schema is not None
    assert schema["properties"]["body"] == {"title": "Body"}
    assert first_problem({**ARRIVED, "body": "plain text"}, schema) is None


def test_a_sample_shapes_the_body_as_a_guess() -> None:
    schema = output_of("webhook_trigger", {"sample": {"message": "Hi", "order": {"items": [1]}}})

    assert schema is not None
    body = schema["properties"]["body"]
    assert body["x-sample"] is True
    assert body["properties"]["message"] == {"type": "string", "x-sample": True}
    assert body["properties"]["order"]["properties"]["items"]["items"]["type"] == "number"


def test_all_four_parts_of_a_call_are_always_there() -> None:
    schema = output_of("webhook_trigger", {})

    assert schema is not None
    assert first_problem(ARRIVED, schema) is None
    for part in ARRIVED:
        rest = {name: value for name, value in ARRIVED.items() if name != part}
        assert first_problem(rest, schema) == (part, "is required")


async def test_it_gives_the_call_as_it_came() -> None:
    leave = await left("webhook_trigger", {}, Around(trigger=ARRIVED))

    assert (leave.output, leave.ports) == (ARRIVED, ("out",))
