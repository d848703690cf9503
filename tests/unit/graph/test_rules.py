"""The visual builder's rules, held over values that are there, null, of another kind, or absent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import ExpressionError
from runtime.graph.rules import MAX_GROUP_DEPTH, OPERATORS, UNARY, derive_expression
from runtime.graph.templates import parse_template

ORDER = {"status": "Shipped", "total": 42.5, "paid": True, "note": "", "lost": None, "tags": ["new", "vip"]}


def holds(rules: dict[str, Any], scope: dict[str, Any] | None = None) -> Any:
    return parse_template(derive_expression(rules)).render(scope or {"order": ORDER, "limit": 40})


def rule(left: Any, op: str, right: Any = None) -> dict[str, Any]:
    return {"all": [{"left": left, "op": op, "right": right}]}


def of(name: str) -> str:
    return f"{{{{ order.{name} }}}}"


@pytest.mark.parametrize(
    ("left", "op", "right", "result"),
    [
        ("status", "equals", "Shipped", True),
        ("status", "equals", "shipped", False),
        ("total", "equals", 42.5, True),
        ("total", "equals", "42.5", False),
        ("status", "not_equals", "Lost", True),
        ("total", "greater", 42, True),
        ("total", "greater", 42.5, False),
        ("total", "greater_or_equal", 42.5, True),
        ("total", "less", 42.5, False),
        ("total", "less_or_equal", 42.5, True),
        ("total", "greater", "{{ limit }}", True),
        ("status", "contains", "ship", True),
        ("tags", "contains", "vip", True),
        ("tags", "not_contains", "vip", False),
        ("status", "starts_with", "Ship", True),
        ("status", "ends_with", "ped", True),
        ("status", "matches", "^S.*d$", True),
        ("total", "starts_with", 42, True),
        ("status", "is_one_of", ["Lost", "Shipped"], True),
        ("status", "is_one_of", [], False),
        ("note", "is_empty", None, True),
        ("status", "is_not_empty", None, True),
        ("note", "exists", None, True),
        ("paid", "is_true", None, True),
        ("paid", "is_false", None, False),
    ],
)
def test_a_rule_holds(left: str, op: str, right: Any, result: bool) -> None:
    assert holds(rule(of(left), op, right)) is result


@pytest.mark.parametrize(
    ("op", "right", "result"),
    [
        ("equals", "a", False),
        ("not_equals", "a", True),
        ("greater", 1, False),
        ("greater_or_equal", 1, False),
        ("less", 1, False),
        ("less_or_equal", 1, False),
        ("contains", "a", False),
        ("not_contains", "a", True),
        ("starts_with", "a", False),
        ("ends_with", "a", False),
        ("matches", "a", False),
        ("is_one_of", ["a"], False),
        ("is_empty", None, True),
        ("is_not_empty", None, False),
        ("exists", None, False),
        ("is_true", None, False),
        ("is_false", None, False),
    ],
)
def test_of_null_only_what_denies_holds(op: str, right: Any, result: bool) -> None:
    assert holds(rule(of("lost"), op, right)) is result


def test_nothing_is_greater_or_less_than_null() -> None:
    for op in ("greater", "greater_or_equal", "less", "less_or_equal"):
        assert holds(rule(of("total"), op, of("lost"))) is False


@pytest.mark.parametrize("op", sorted(set(OPERATORS) - UNARY))
def test_a_path_that_leads_nowhere_is_an_error_that_names_it(op: str) -> None:
    right: Any = ["a"] if op == "is_one_of" else "a"
    for left in (of("phone"), "{{ steps.later.text }}"):
        with pytest.raises(ExpressionError, match=r"phone|steps"):
            holds(rule(left, op, right))


@pytest.mark.parametrize(
    ("op", "result"),
    [("is_empty", True), ("is_not_empty", False), ("exists", False), ("is_true", False), ("is_false", False)],
)
def test_operators_that_ask_whether_something_is_there_take_its_absence(op: str, result: bool) -> None:
    for left in (of("phone"), "{{ steps.later.text }}"):
        assert holds(rule(left, op)) is result


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-5, 5), st.text("ab(", max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from(sorted(OPERATORS)), VALUES, VALUES)
@settings(max_examples=500, deadline=None)
def test_any_rule_over_any_values_holds_or_not_or_says_why(op: str, left: Any, right: Any) -> None:
    try:
        result = holds(rule("{{ left }}", op, "{{ right }}"), {"left": left, "right": right})
    except ExpressionError as error:
        result = error.details["position"] >= 0
    assert isinstance(result, bool)


@given(st.one_of(VALUES, st.text()))
@settings(max_examples=300, deadline=None)
def test_a_value_written_into_a_rule_is_that_value(value: Any) -> None:
    if value in (None, "") or (isinstance(value, str) and "{{" in value):
        return
    assert holds(rule(value, "equals", "{{ value }}"), {"value": value}) is True


# --- groups and operands ------------------------------------------------------------------------

TRUE: dict[str, Any] = {"left": 1, "op": "equals", "right": 1}
FALSE: dict[str, Any] = {"left": 1, "op": "equals", "right": 2}


@pytest.mark.parametrize(
    ("rules", "result"),
    [
        ({"all": []}, True),
        ({"any": []}, True),
        ({"all": [TRUE, FALSE]}, False),
        ({"any": [TRUE, FALSE]}, True),
        ({"all": [TRUE, {"any": [FALSE, TRUE]}]}, True),
        ({"any": [FALSE, {"all": [TRUE, FALSE]}]}, False),
        ({"all": [{"any": [TRUE]}, {"any": [FALSE]}]}, False),
    ],
)
def test_groups_hold_by_all_or_any_of_their_rules(rules: dict[str, Any], result: bool) -> None:
    assert holds(rules) is result


def test_an_operand_may_be_any_expression() -> None:
    assert holds(rule("{{ order.paid ? 1 : 2 }}", "less", "{{ limit }}")) is True
    assert holds(rule("{{ order.paid || false }}", "equals", True)) is True
    assert holds(rule(' {{ "}}" }} ', "equals", "}}")) is True


def test_parts_among_other_characters_make_a_text() -> None:
    scope = {"order": {"id": 7, "name": "Order 7"}}

    assert holds(rule(of("name"), "equals", "Order {{ order.id }}"), scope) is True
    assert holds(rule("{{ order.id }}-{{ order.id }}", "equals", "7-7"), scope) is True


def nested(depth: int) -> dict[str, Any]:
    rules: dict[str, Any] = {"all": [TRUE]}
    for _ in range(depth):
        rules = {"any": [rules]}
    return rules


def test_groups_are_nested_so_deep_and_no_deeper() -> None:
    assert holds(nested(MAX_GROUP_DEPTH)) is True
    with pytest.raises(ExpressionError):
        derive_expression(nested(MAX_GROUP_DEPTH + 1))


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"all": [], "any": []},
        {"all": [], "title": "x"},
        {"all": {}},
        {"none": []},
        {"all": ["x"]},
        {"all": [{}]},
        {"all": [{"left": 1, "op": "resembles"}]},
        {"all": [{"left": "", "op": "equals", "right": 1}]},
        {"all": [{"op": "exists"}]},
        {"all": [{"left": "{{ a, b }}", "op": "exists"}]},
        {"all": [{"left": "{{ a", "op": "exists"}]},
        {"all": [{"left": "{{ }}", "op": "exists"}]},
        {"all": [{"left": "{{ a) || (true }}", "op": "exists"}]},
    ],
)
def test_rules_that_are_not_complete_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(ExpressionError):
        derive_expression(rules)


def test_the_rule_that_is_not_complete_is_named() -> None:
    with pytest.raises(ExpressionError) as caught:
        derive_expression({"all": [TRUE, {"left": 1, "op": "resembles"}]})

    assert caught.value.details == {"rule": 2}
