"""Rules first, then a model: which exit is taken, and what is told of the decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from runtime.errors import ExpressionError, LlmError, NodeFailure
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

CONFIG: dict[str, Any] = {
    "question": "What do they want?",
    "input": "{{ trigger.message }}",
    "otherwise": "Small talk",
    "choices": [
        {"id": "refund", "title": "Refund", "description": "Wants money back", "examples": ["Pay me back"]},
        {"id": "status", "title": "Order status"},
    ],
}
RULE = {"when": "{{ trigger.vip }}", "choice": "refund"}


def answer(more: Mapping[str, Any] | None = None, /, **scores: float) -> dict[str, Any]:
    every = {"refund": 0.0, "status": 0.0, "otherwise": 0.0, **scores}
    return {"scores": every, "reason": "It says so.", **(more or {})}


def around(*answers: dict[str, Any] | LlmError, vip: Any = False) -> Around:
    return Around(llm=FakeLlm(*answers), scope={"trigger": {"message": "I want my money", "vip": vip}})


# --- while drawing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"question": ""}, "question"),
        ({"choices": []}, "choices"),
        ({"choices": [{"id": f"c{n}"} for n in range(51)]}, "choices"),
        ({"choices": [{"id": "Refund!"}]}, "choices/0/id"),
        ({"choices": [{"id": "a", "descripton": "typo"}]}, "choices/0/descripton"),
        ({"choices": [{"id": "a", "min_confidence": 2}]}, "choices/0/min_confidence"),
        ({"min_confidence": 1.5}, "min_confidence"),
        ({"mode": "some"}, "mode"),
        ({"rules": [{"when": "{{ true }}"}]}, "rules/0/choice"),
        ({"rules": [{"when": "{{ true }}", "choice": ""}]}, "rules/0/choice"),
        ({"rules": [{**RULE, "then": "x"}]}, "rules/0/then"),
        ({"fallback_models": ["m"] * 6}, "fallback_models"),
        ({"fields": [{"id": "a", "kind": "money"}]}, "fields/0/kind"),
        ({"threshold": 1}, "threshold"),
    ],
)
def test_what_does_not_fit_is_told_at_its_field(change: dict[str, Any], field: str) -> None:
    assert refused("llm_decision", {**CONFIG, **change}) == [field]


@pytest.mark.parametrize(
    ("change", "impossible"),
    [
        ({}, ["unsure"]),
        ({"min_confidence": 0}, ["unsure"]),
        ({"min_confidence": 0.6}, []),
        ({"choices": [{"id": "refund", "min_confidence": 0.9}, {"id": "status"}]}, []),
    ],
)
def test_every_choice_is_an_exit_and_unsure_can_be_taken_only_with_a_threshold(
    change: dict[str, Any], impossible: list[str]
) -> None:
    assert ports("llm_decision", {**CONFIG, **change}) == ["refund", "status", "otherwise", "unsure", "error"]
    assert ports("llm_decision", {**CONFIG, **change}, takable=False) == impossible


def test_later_steps_see_the_choices_and_the_fields() -> None:
    schema = output_of("llm_decision", {**CONFIG, "fields": [{"id": "order_id"}]})

    assert schema is not None
    assert schema["properties"]["choice"]["enum"] == ["refund", "status", "otherwise"]
    assert list(schema["properties"]["fields"]["properties"]) == ["order_id"]
    assert set(schema["required"]) == set(schema["properties"])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"model": "gone/m"}, [("model", "unknown_model")]),
        ({"fallback_models": ["default", "gone/m"]}, [("fallback_models/1", "unknown_model")]),
        ({"rules": [RULE, {**RULE, "choice": "otherwise"}]}, []),
        ({"rules": [{**RULE, "choice": "pay"}]}, [("rules/0/choice", "unknown_choice")]),
        ({"rules": [{**RULE, "when": "always"}]}, [("rules/0/when", "type_mismatch")]),
        ({"rules": [{**RULE, "when": ""}]}, [("rules/0/when", "required")]),
    ],
)
def test_models_and_rules_that_cannot_work_are_told_while_drawing(
    change: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems("llm_decision", {**CONFIG, **change}, Registered()) == found


# --- rules -----------------------------------------------------------------------------------------------------


async def test_a_rule_that_holds_decides_without_the_model() -> None:
    here = around(vip=True)
    leave = await left("llm_decision", {**CONFIG, "rules": [RULE], "fields": [{"id": "order_id"}]}, here)

    assert leave.ports == ("refund",)
    assert leave.output["decided_by"] == "rule"
    assert leave.output["confidence"] == 1.0
    assert leave.output["fields"] == {"order_id": None}
    assert here.llm.asked == []
    assert fits_output("llm_decision", {**CONFIG, "fields": [{"id": "order_id"}]}, leave)


async def test_the_first_rule_that_holds_wins() -> None:
    rules = [{"when": "{{ false }}", "choice": "refund"}, {"when": "{{ true }}", "choice": "otherwise"}, RULE]

    assert (await left("llm_decision", {**CONFIG, "rules": rules}, around(vip=True))).ports == ("otherwise",)


async def test_where_no_rule_holds_the_model_is_asked() -> None:
    leave = await left("llm_decision", {**CONFIG, "rules": [RULE]}, around(answer(status=0.9)))

    assert (leave.ports, leave.output["decided_by"]) == (("status",), "default-model")


async def test_a_rule_that_decides_is_not_held_to_a_threshold() -> None:
    config = {**CONFIG, "rules": [RULE], "min_confidence": 1}

    assert (await left("llm_decision", config, around(vip=True))).ports == ("refund",)


@pytest.mark.parametrize("vip", [1, "true", None])
async def test_a_rule_that_gives_no_true_or_false_is_a_failure(vip: Any) -> None:
    with pytest.raises(NodeFailure) as caught:
        await left("llm_decision", {**CONFIG, "rules": [RULE]}, around(vip=vip))

    assert (caught.value.code, caught.value.details) == ("expression_error", {"field": "rules/0/when"})


async def test_a_rule_that_cannot_be_computed_names_its_field() -> None:
    rules = [RULE, {"when": "{{ trigger.nothing }}", "choice": "refund"}]

    with pytest.raises(ExpressionError) as caught:
        await left("llm_decision", {**CONFIG, "rules": rules}, around())

    assert caught.value.details["field"] == "rules/1/when"


async def test_a_rule_cannot_choose_what_is_not_there() -> None:
    with pytest.raises(NodeFailure) as caught:
        await left("llm_decision", {**CONFIG, "rules": [{**RULE, "choice": "pay"}]}, around())

    assert caught.value.code == "invalid_config"


# --- the model ---------------------------------------------------------------------------------------------------


async def test_the_model_is_told_the_choices_and_the_input_is_data() -> None:
    here = around(answer(refund=1))
    await left("llm_decision", CONFIG, here)
    [asked] = here.llm.asked

    assert "Wants money back" in asked.system
    assert "Small talk" in asked.system
    assert asked.user == "Question: What do they want?\n\n<data>\nI want my money\n</data>"
    assert asked.timeout_s == pytest.approx(TIMEOUT_S, abs=5)


async def test_the_whole_decision_is_told() -> None:
    config = {**CONFIG, "evidence": True, "fields": [{"id": "order_id"}, {"id": "amount", "kind": "number"}]}
    more = {"evidence": ["my money", "invented"], "fields": {"order_id": " 12 ", "amount": None}}
    here = around(answer(more, refund=0.8, status=0.2))
    leave = await left("llm_decision", config, here)

    assert leave.output == {
        "choice": "refund",
        "choices": ["refund"],
        "confidence": 0.8,
        "scores": {"refund": 0.8, "status": 0.2, "otherwise": 0.0},
        "reason": "It says so.",
        "evidence": ["my money"],
        "fields": {"order_id": "12", "amount": None},
        "decided_by": "default-model",
    }
    assert fits_output("llm_decision", config, leave)
    assert here.usage["input_tokens"] == 100


@pytest.mark.parametrize(
    ("scores", "thresholds", "port"),
    [
        ({"refund": 0.5}, {}, "refund"),
        ({"refund": 0.5}, {"min_confidence": 0.5}, "refund"),
        ({"refund": 0.5}, {"min_confidence": 0.6}, "unsure"),
        ({"otherwise": 0.5}, {"min_confidence": 0.6}, "unsure"),
        ({"otherwise": 0.7}, {"min_confidence": 0.6}, "otherwise"),
        ({"refund": 0.7}, {"min_confidence": 0.6, "own": 0.9}, "unsure"),
        ({"refund": 0.5}, {"min_confidence": 0.6, "own": 0.4}, "refund"),
        ({"refund": 0.1}, {"min_confidence": 0.6, "own": 0}, "refund"),
        ({"status": 0.7}, {"own": 0.9}, "status"),
    ],
)
async def test_below_its_threshold_a_choice_is_unsure(
    scores: dict[str, float], thresholds: dict[str, float], port: str
) -> None:
    first, second = CONFIG["choices"]
    config = {
        **CONFIG,
        "min_confidence": thresholds.get("min_confidence"),
        "choices": [{**first, "min_confidence": thresholds.get("own")}, second],
    }
    leave = await left("llm_decision", config, around(answer(**scores)))

    assert leave.ports == (port,)
    assert leave.output["choice"] == next(iter(scores))


@pytest.mark.parametrize(
    ("scores", "least", "own", "taken"),
    [
        ({"refund": 0.9, "status": 0.6}, None, None, ("refund", "status")),
        ({"refund": 0.9, "status": 0.4}, None, None, ("refund",)),
        ({"refund": 0.9, "status": 0.6}, 0.8, None, ("refund",)),
        ({"refund": 0.9, "status": 0.6}, None, 0.7, ("refund",)),
        ({"refund": 0.9, "status": 0.6}, 0.8, 0.5, ("refund", "status")),
        ({"refund": 0.7, "status": 0.6}, 0.8, None, ("unsure",)),
        ({"refund": 0.2, "otherwise": 0.8}, None, None, ("otherwise",)),
    ],
)
async def test_with_several_each_choice_is_held_to_its_own_threshold(
    scores: dict[str, float], least: float | None, own: float | None, taken: tuple[str, ...]
) -> None:
    first, second = CONFIG["choices"]
    config = {
        **CONFIG,
        "mode": "all",
        "min_confidence": least,
        "choices": [first, {**second, "min_confidence": own}],
    }

    assert (await left("llm_decision", config, around(answer(**scores)))).ports == taken


# --- failing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["llm_unreachable", "llm_invalid_answer", "llm_refused"])
async def test_a_failed_call_is_a_failure_and_never_otherwise(code: str) -> None:
    with pytest.raises(LlmError) as caught:
        await left("llm_decision", CONFIG, around(llm_failure(code)))

    assert caught.value.code == code


async def test_the_next_model_is_asked_where_one_fails() -> None:
    config = {**CONFIG, "model": "own/first", "fallback_models": ["gone/second", "own/third"]}
    here = around(llm_failure("llm_unauthorized", retryable=False), answer(status=1))
    leave = await left("llm_decision", config, here)

    assert [asked.model for asked in here.llm.asked] == ["first", "third"]
    assert (leave.ports, leave.output["decided_by"]) == (("status",), "third")


async def test_a_silent_model_leaves_time_for_the_next_one() -> None:
    here = around(llm_failure("llm_timeout"), answer(status=1))
    await left("llm_decision", {**CONFIG, "fallback_models": ["own/other"]}, here)
    first, second = here.llm.asked

    assert first.timeout_s <= TIMEOUT_S / 2
    assert first.timeout_s < second.timeout_s <= TIMEOUT_S


async def test_where_all_models_fail_the_last_failure_counts_and_all_they_spent() -> None:
    here = around(
        llm_failure("llm_timeout", usage={"input_tokens": 5, "model": "a"}),
        llm_failure("llm_invalid_answer", usage={"input_tokens": 6, "model": "b"}),
    )

    with pytest.raises(LlmError) as caught:
        await left("llm_decision", {**CONFIG, "fallback_models": ["own/other"]}, here)

    assert caught.value.code == "llm_invalid_answer"
    assert here.usage == {"input_tokens": 11, "model": "b"}
