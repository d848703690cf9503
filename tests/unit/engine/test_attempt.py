"""One attempt: its settings, its time limit, and how its failure is told."""

from __future__ import annotations

import logging
from uuid import UUID

import pytest
from pydantic import BaseModel

from runtime.engine.attempt import (
    FIELDS_TOLD,
    AttemptContext,
    idempotency_key,
    rendered_config,
    run_attempt,
    typed_config,
)
from runtime.errors import ExpressionError, NodeFailure, PatchbayError
from runtime.nodes.base import Config, Leave, NodeContext, NodeType
from runtime.nodes.catalogue import NODE_TYPES
from tests.unit.nodes.fakes import Around

FIRST, SECOND = UUID(int=1), UUID(int=2)


class Empty(Config):
    """No settings."""


def a_type(error: Exception) -> NodeType[Empty]:
    """A step that fails like this."""

    async def run(config: Empty, ctx: NodeContext) -> Leave:
        raise error

    return NodeType("odd", "Odd", "Flow", "Fails.", "bug", Empty, run)


async def caught_from(error: Exception) -> PatchbayError:
    with pytest.raises(PatchbayError) as caught:
        await run_attempt(a_type(error), Empty(), Around().context())
    return caught.value


def test_every_attempt_and_every_retry_has_the_key_of_the_first_run_and_the_step() -> None:
    assert idempotency_key(FIRST, "lookup") == idempotency_key(FIRST, "lookup")
    assert len({idempotency_key(run, path) for run in (FIRST, SECOND) for path in ("lookup", "other")}) == 4
    assert len(idempotency_key(FIRST, "x" * 400)) == 40


def test_a_value_that_no_row_can_hold_is_replaced_before_the_step_sees_it() -> None:
    config = {"values": [{"id": "a", "value": "{{ trigger }}"}]}

    rendered = rendered_config(NODE_TYPES["set_values"], config, {"trigger": {"text": "a\x00"}})

    assert rendered["values"][0]["value"] == {"text": "a\N{REPLACEMENT CHARACTER}"}


def test_settings_that_became_too_large_fail_the_step() -> None:
    values = [{"id": f"a{number}", "value": "{{ trigger }}"} for number in range(20)]

    with pytest.raises(NodeFailure) as caught:
        rendered_config(NODE_TYPES["set_values"], {"values": values}, {"trigger": "x" * 500_000})

    assert caught.value.code == "value_too_large"
    assert "Set values" in caught.value.message


def test_an_expression_that_fails_names_its_field() -> None:
    with pytest.raises(ExpressionError) as caught:
        rendered_config(
            NODE_TYPES["mcp_tool"], {"arguments": {"a": {"b": ["{{ trigger.x }}"]}}}, {"trigger": {}}
        )

    assert caught.value.details["field"] == "arguments/a/b/0"


def test_settings_that_do_not_fit_are_told_field_by_field() -> None:
    with pytest.raises(NodeFailure) as caught:
        typed_config(NODE_TYPES["human_handoff"], {"choices": [{"id": "a", "title": 5}]})

    assert (caught.value.code, caught.value.retryable) == ("invalid_config", False)
    assert [row["field"] for row in caught.value.details["fields"]] == ["title", "choices/0/title"]
    assert caught.value.message.startswith("The field title does not fit: ")


def test_of_very_many_mistakes_only_the_first_are_told() -> None:
    with pytest.raises(NodeFailure) as caught:
        typed_config(NODE_TYPES["set_values"], {"values": [5] * 1000})

    assert len(caught.value.details["fields"]) == FIELDS_TOLD


async def test_a_failure_that_has_a_name_leaves_as_it_is() -> None:
    error = NodeFailure("No.", code="mine")

    assert await caught_from(error) is error


async def test_a_step_that_takes_too_long_has_timed_out_and_may_be_tried_again() -> None:
    error = await caught_from(TimeoutError())

    assert (error.code, error.retryable) == ("timed_out", True)
    assert error.details == {"timeout_s": 60.0, "sent": True}


async def test_a_failure_that_nobody_foresaw_is_logged_and_told_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        error = await caught_from(ZeroDivisionError("the key is sk-123"))

    assert (error.code, error.retryable) == ("internal_error", False)
    assert error.details == {"kind": "ZeroDivisionError", "sent": True}
    assert "sk-123" not in error.message
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_what_several_calls_of_one_attempt_cost_is_added_up() -> None:
    context: AttemptContext = Around().context()
    context.spend({"input_tokens": 10, "output_tokens": 1, "cost_usd": 0.5, "model": "a"})
    context.spend({})
    context.spend({"input_tokens": 5, "cost_usd": None, "model": "b", "secret": "x"})

    assert context.usage == {"input_tokens": 15, "output_tokens": 1, "cost_usd": 0.5, "model": "b"}


def test_the_settings_come_as_the_model_of_the_type() -> None:
    config: BaseModel = typed_config(NODE_TYPES["wait"], {"for_s": "60"})

    assert config == NODE_TYPES["wait"].config(for_s=60)
