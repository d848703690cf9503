"""The visual builder's rules, and the expression that follows from them; never the other way.

What is null (a field that a model did not find) is neither greater nor less than anything, contains nothing, and
begins and ends like an empty text. A path that leads nowhere is an error as everywhere else, but for the operators that ask
whether something is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from runtime.errors import ExpressionError
from runtime.graph.templates import OPENING, pieces

MAX_GROUP_DEPTH = 3

Derive = Callable[[str, str], str]


def _compare(operator: str) -> Derive:
    return lambda left, right: f"({left}) {operator} ({right})"


def _order(operator: str) -> Derive:
    return lambda left, right: f"({left}) != null && ({right}) != null && ({left}) {operator} ({right})"


def _method(name: str) -> Derive:
    return lambda left, right: f"string({left}).{name}(string({right}))"


OPERATORS: Mapping[str, Derive] = {
    "equals": _compare("=="),
    "not_equals": _compare("!="),
    "greater": _order(">"),
    "greater_or_equal": _order(">="),
    "less": _order("<"),
    "less_or_equal": _order("<="),
    "contains": lambda left, right: f"holds({left}, {right})",
    "not_contains": lambda left, right: f"!holds({left}, {right})",
    "starts_with": _method("startsWith"),
    "ends_with": _method("endsWith"),
    "matches": _method("matches"),
    "is_one_of": lambda left, right: f"({left}) in ({right})",
    "is_empty": lambda left, right: f"isEmpty(coalesce({left}, null))",
    "is_not_empty": lambda left, right: f"!isEmpty(coalesce({left}, null))",
    "exists": lambda left, right: f"coalesce({left}, null) != null",
    "is_true": lambda left, right: f"coalesce({left}, false) == true",
    "is_false": lambda left, right: f"coalesce({left}, true) == false",
}
UNARY = frozenset({"is_empty", "is_not_empty", "exists", "is_true", "is_false"})


def derive_expression(rules: Mapping[str, Any]) -> str:
    """`{"all"|"any": [{"left", "op", "right"} or a nested group]}` as one `{{ }}` text; an empty group is true.

    raises   ExpressionError naming the rule that is incomplete
    """
    return "{{ " + _group(rules, 0) + " }}"


def _group(rules: Mapping[str, Any], depth: int) -> str:
    if depth > MAX_GROUP_DEPTH:
        raise ExpressionError("The rules are nested too deeply.")
    keys = [key for key in ("all", "any") if key in rules]
    if len(keys) != 1 or len(rules) != 1 or not isinstance(rules[keys[0]], list):
        raise ExpressionError('Rules are an object with one list, "all" or "any".')
    parts = [_rule(rule, depth, number) for number, rule in enumerate(rules[keys[0]], start=1)]
    if not parts:
        return "true"
    return (" && " if keys[0] == "all" else " || ").join(f"({part})" for part in parts)


def _rule(rule: Any, depth: int, number: int) -> str:
    if not isinstance(rule, Mapping):
        raise ExpressionError(f"Rule {number} is not complete.", details={"rule": number})
    if "all" in rule or "any" in rule:
        return _group(rule, depth + 1)
    operator = OPERATORS.get(str(rule.get("op")))
    if operator is None:
        raise ExpressionError(
            f'Rule {number} has no known operator ("{rule.get("op")}").', details={"rule": number}
        )
    if rule.get("left") in (None, ""):
        raise ExpressionError(f"Rule {number} says nothing on its left side.", details={"rule": number})
    right = "null" if rule.get("op") in UNARY else _operand(rule.get("right"))
    return operator(_operand(rule["left"]), right)


def _operand(value: Any) -> str:
    """A `{{ }}` text gives its expression, one with parts among other characters a text; else a literal."""
    if not isinstance(value, str) or OPENING not in value:
        return json.dumps(value, ensure_ascii=False)
    found = pieces(value.strip())
    if len(found) == 1 and found[0][1] is not None:
        return _inner(found[0][0])
    return " + ".join(
        json.dumps(piece, ensure_ascii=False) if tree is None else f"string({_inner(piece)})"
        for piece, tree in found
    )


def _inner(piece: str) -> str:
    return piece[2:-2].strip()
