"""The first branch that holds names the exit; a condition is true or false, or a mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from runtime.errors import ExpressionError, NodeFailure
from tests.unit.nodes.fakes import Around, left, output_of, ports, problems, refused

BRANCHES = {
    "branches": [
        {"id": "huge", "when": "{{ trigger.amount > 1000 }}"},
        {
            "id": "large",
            "title": "Large",
            "when": {"all": [{"left": "{{ trigger.amount }}", "op": "greater", "right": 50}]},
        },
    ]
}


def of(amount: Any) -> Around:
    return Around(scope={"trigger": {"amount": amount}})


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "branches"),
        ({"branches": []}, "branches"),
        ({"branches": [{"id": "Yes", "when": "{{ true }}"}]}, "branches/0/id"),
        ({"branches": [{"id": "not an id", "when": "{{ true }}"}]}, "branches/0/id"),
        ({"branches": [{"when": "{{ true }}"}]}, "branches/0/id"),
        ({"branches": [{"id": "a"}]}, "branches/0/when"),
        ({"branches": [{"id": "a", "when": "{{ true }}", "wenn": "{{ true }}"}]}, "branches/0/wenn"),
    ],
)
def test_a_branch_that_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("condition", config) == [field]


def test_every_branch_is_an_exit_and_so_is_otherwise() -> None:
    assert ports("condition", BRANCHES) == ["huge", "large", "otherwise", "error"]


def test_later_steps_may_ask_which_branch_was_taken() -> None:
    schema = output_of("condition", BRANCHES)

    assert schema is not None
    assert schema["properties"]["branch"]["type"] == "string"


@pytest.mark.parametrize(("amount", "branch"), [(2000, "huge"), (1000, "large"), (50, "otherwise")])
async def test_the_first_branch_that_holds_is_taken(amount: int, branch: str) -> None:
    leave = await left("condition", BRANCHES, of(amount))

    assert (leave.output, leave.ports) == ({"branch": branch}, (branch,))


async def test_rules_see_past_a_missing_number_where_an_expression_fails() -> None:
    rules = {"branches": BRANCHES["branches"][1:]}

    assert (await left("condition", rules, of(None))).ports == ("otherwise",)
    with pytest.raises(ExpressionError):
        await left("condition", BRANCHES, of(None))


async def test_a_branch_behind_the_one_that_was_taken_is_never_asked() -> None:
    config = {
        "branches": [{"id": "yes", "when": "{{ true }}"}, {"id": "broken", "when": "{{ steps.nowhere }}"}]
    }

    assert (await left("condition", config)).ports == ("yes",)


@pytest.mark.parametrize(
    "when", ["{{ trigger.amount }}", "{{ 'true' }}", "true", "", " {{ true }}", "{{ null }}", "{{ 1 }}"]
)
async def test_what_is_neither_true_nor_false_is_a_failure_that_names_the_branch(when: str) -> None:
    config = {
        "branches": [{"id": "no", "when": "{{ false }}"}, {"id": "odd", "title": "Odd one", "when": when}]
    }

    with pytest.raises(NodeFailure) as caught:
        await left("condition", config, of(5))

    assert caught.value.code == "expression_error"
    assert caught.value.details == {"field": "branches/1/when"}
    assert "Odd one" in caught.value.message
    assert caught.value.retryable is False


@pytest.mark.parametrize(
    "when",
    [
        "{{ trigger.nothing > 1 }}",
        {"all": [{"left": "{{ trigger.nothing }}", "op": "greater", "right": 1}]},
        {"all": [{"op": "greater"}]},
        {"some": []},
    ],
)
async def test_a_condition_that_cannot_be_computed_names_its_field(when: str | Mapping[str, Any]) -> None:
    with pytest.raises(ExpressionError) as caught:
        await left("condition", {"branches": [{"id": "a", "when": when}]}, of(5))

    assert caught.value.code == "expression_error"
    assert caught.value.details["field"] == "branches/0/when"


async def test_rules_without_a_rule_always_hold() -> None:
    assert (await left("condition", {"branches": [{"id": "yes", "when": {"all": []}}]})).ports == ("yes",)


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("", "required"),
        ("yes", "type_mismatch"),
        ("true", "type_mismatch"),
    ],
)
def test_a_text_that_is_no_expression_is_told_while_drawing(when: str, code: str) -> None:
    config = {"branches": [{"id": "a", "when": "{{ true }}"}, {"id": "b", "when": when}]}

    assert problems("condition", config) == [("branches/1/when", code)]


@pytest.mark.parametrize("when", [" {{ true }}", {"all": []}, "{{ not closed", None, 5])
def test_what_others_judge_is_not_told_twice(when: Any) -> None:
    assert problems("condition", {"branches": [{"id": "a", "when": when}]}) == []
