"""Evaluates a tree over a scope: total, without side effects, within a budget of steps and of result size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from runtime.errors import ExpressionError
from runtime.graph.expressions.functions import FUNCTIONS, METHODS
from runtime.graph.expressions.lexer import failure
from runtime.graph.expressions.syntax import (
    Call,
    Chain,
    Index,
    ListOf,
    Literal,
    Macro,
    MapOf,
    Name,
    Select,
    Ternary,
    Tree,
    Unary,
)
from runtime.graph.expressions.values import (
    NOTHING,
    Perhaps,
    ValueProblem,
    equal,
    is_number,
    known,
    number,
    plain,
    type_name,
)

MAX_STEPS = 100_000
MAX_ITEMS = 100_000
MAX_WEIGHT = 1_000_000
"""What one value may hold, all levels counted: one for each value in it, one for every 16 characters."""
MAX_WORK = 2_000_000
"""The weights of everything that operators and functions look through, so that few steps cannot take long."""
MAX_SUGGESTED_FROM = 200
LOOK_AT_THE_TOP = frozenset({"size", "first", "last", "isEmpty", "type", "orValue", "hasValue"})


class _Exhausted(ExpressionError):
    """A budget is used up; nothing may make up for it."""


class _Missing(ExpressionError):
    """A name or key that is not there: optional access, has() and coalesce() take it for "nothing"."""


def evaluate(tree: Tree, scope: Mapping[str, Any], text: str = "") -> Any:
    """The value as JSON; raises ExpressionError with the position of what went wrong."""
    try:
        return plain(_Evaluation(text).value(tree, scope))
    except ValueProblem as problem:
        raise failure(str(problem), tree.position, text) from problem


class _Evaluation:
    def __init__(self, text: str) -> None:
        self._text = text
        self._steps = 0
        self._made = 0
        self._work = 0
        # Lists and objects by identity, kept so that no id is used twice: what is shared is measured once.
        self._weights: dict[int, tuple[Any, int]] = {}

    def value(self, tree: Tree, scope: Mapping[str, Any]) -> Any:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise self._exhausted("The expression takes too many steps.", tree.position)
        try:
            found = self._HANDLERS[type(tree)](self, tree, scope)
            return known(found) if type(found) is int else found
        except ValueProblem as problem:
            raise failure(str(problem), tree.position, self._text) from problem
        except OverflowError:
            raise failure("The result is too large.", tree.position, self._text) from None

    def _present(self, tree: Tree, scope: Mapping[str, Any]) -> Any:
        """The value, with optional access opened: nothing becomes null."""
        found = self.value(tree, scope)
        if isinstance(found, Perhaps):
            return found.value if found.present else None
        return found

    # --- names and access ---

    def _literal(self, tree: Literal, scope: Mapping[str, Any]) -> Any:
        # The lexer lets 2^63 pass because -2^63 is a number.
        return number(tree.value) if is_number(tree.value) else tree.value

    def _name(self, tree: Name, scope: Mapping[str, Any]) -> Any:
        if tree.name in scope:
            return scope[tree.name]
        raise self._missing(f'There is no "{tree.name}" here.', tree.name, list(scope), tree.position)

    def _select(self, tree: Select, scope: Mapping[str, Any]) -> Any:
        return self._get(tree.of, tree.name, tree.optional, tree.position, scope)

    def _index(self, tree: Index, scope: Mapping[str, Any]) -> Any:
        key = self._present(tree.key, scope)
        return self._get(tree.of, key, tree.optional, tree.position, scope)

    def _get(self, of: Tree, key: Any, optional: bool, position: int, scope: Mapping[str, Any]) -> Any:
        try:
            target = self.value(of, scope)
        except _Missing:
            if optional:
                return NOTHING
            raise
        if isinstance(target, Perhaps):
            if not target.present or target.value is None:
                return NOTHING
            target, optional = target.value, True
        try:
            found = self._member(target, key, position)
        except _Missing:
            if optional:
                return NOTHING
            raise
        return Perhaps(True, found) if optional else found

    def _member(self, target: Any, key: Any, position: int) -> Any:
        if isinstance(target, Mapping) and isinstance(key, str):
            if key in target:
                return target[key]
            raise self._missing(f'There is no "{key}".', key, list(target), position)
        if isinstance(target, list) and is_number(key):
            whole = number(key)
            if isinstance(whole, int) and 0 <= whole < len(target):
                return target[whole]
            has = "1 item" if len(target) == 1 else f"{len(target)} items"
            raise self._missing(f"The list has {has}; there is no item {whole}.", "", [], position)
        if target is None:
            raise self._missing(f'The value before "{key}" is empty (null).', "", [], position)
        raise failure(f'"{key}" cannot be read from {type_name(target)}.', position, self._text)

    def _missing(self, message: str, name: str, known: list[str], position: int) -> _Missing:
        # Similarity costs far more than a step; has() and coalesce() may ask for it many times.
        close = get_close_matches(name[:100], known, n=1) if len(known) <= MAX_SUGGESTED_FROM else []
        hint = f' Did you mean "{close[0]}"?' if close else ""
        return _Missing(message + hint, details={"position": position, "expression": self._text[:500]})

    # --- calls ---

    def _call(self, tree: Call, scope: Mapping[str, Any]) -> Any:
        if tree.target is None and tree.name == "has":
            return self._has(tree.arguments[0], scope)
        if tree.target is None and tree.name == "coalesce":
            return self._coalesce(tree, scope)
        if tree.target is not None:
            optional_needed = tree.name in {"orValue", "hasValue"}
            target = (self._perhaps if optional_needed else self._present)(tree.target, scope)
            arguments = [target, *(self._present(argument, scope) for argument in tree.arguments)]
        else:
            arguments = [self._present(argument, scope) for argument in tree.arguments]
        if tree.name not in LOOK_AT_THE_TOP:
            self._look_through(arguments, tree.position)
        function = (METHODS if tree.target is not None else FUNCTIONS)[tree.name]
        return self._sized(function.apply(*arguments), tree.position)

    def _perhaps(self, tree: Tree, scope: Mapping[str, Any]) -> Any:
        try:
            return self.value(tree, scope)
        except _Missing:
            return NOTHING

    def _has(self, tree: Tree, scope: Mapping[str, Any]) -> bool:
        found = self._perhaps(tree, scope)
        return found.present if isinstance(found, Perhaps) else True

    def _coalesce(self, tree: Call, scope: Mapping[str, Any]) -> Any:
        for argument in tree.arguments:
            found = self._perhaps(argument, scope)
            if isinstance(found, Perhaps):
                found = found.value if found.present else None
            if found is not None:
                return found
        return None

    def _macro(self, tree: Macro, scope: Mapping[str, Any]) -> Any:
        target = self._present(tree.target, scope)
        items = list(target) if isinstance(target, dict) else target
        if not isinstance(items, list):
            raise ValueProblem(f".{tree.name}() needs a list, not {type_name(target)}.")
        if tree.name == "map":
            return self._mapped(tree, items, scope)
        holds = (
            [item for item in items if self._holds(tree, item, scope)]
            if tree.name in {"filter", "exists_one"}
            else []
        )
        match tree.name:
            case "filter":
                return self._sized(holds, tree.position)
            case "exists_one":
                return len(holds) == 1
            case "exists":
                return any(self._holds(tree, item, scope) for item in items)
        return all(self._holds(tree, item, scope) for item in items)

    def _mapped(self, tree: Macro, items: list[Any], scope: Mapping[str, Any]) -> list[Any]:
        results = []
        for item in items:
            inner = {**scope, tree.variable: item}
            if len(tree.body) == 1 or self._truth(tree.body[0], inner):
                results.append(self._present(tree.body[-1], inner))
        self._sized(results, tree.position)
        return results

    def _holds(self, tree: Macro, item: Any, scope: Mapping[str, Any]) -> bool:
        return self._truth(tree.body[0], {**scope, tree.variable: item})

    def _truth(self, tree: Tree, scope: Mapping[str, Any]) -> bool:
        found = self._present(tree, scope)
        if not isinstance(found, bool):
            raise failure(f"This must be true or false, not {type_name(found)}.", tree.position, self._text)
        return found

    def _sized(self, made: Any, position: int) -> Any:
        """Every value that is made counts, so that a few nested macros cannot fill the memory."""
        if isinstance(made, (list, dict)):
            self._made += len(made)
        elif isinstance(made, str):
            self._made += len(made) // 16
        if self._made > MAX_ITEMS or self._weight(made) > MAX_WEIGHT:
            raise self._exhausted("The result becomes too large.", position)
        return made

    def _look_through(self, values: list[Any], position: int) -> None:
        self._work += sum(map(self._weight, values))
        if self._work > MAX_WORK:
            raise self._exhausted("The expression takes too many steps.", position)

    def _weight(self, value: Any) -> int:
        if isinstance(value, str):
            return 1 + len(value) // 16
        if not isinstance(value, (list, dict)):
            return 1
        known = self._weights.get(id(value))
        if known is None:
            weight = 1 + sum(map(self._weight, value))
            if isinstance(value, dict):
                weight += sum(map(self._weight, value.values()))
            known = self._weights[id(value)] = (value, weight)
        return known[1]

    def _exhausted(self, message: str, position: int) -> _Exhausted:
        return _Exhausted(message, details={"position": position, "expression": self._text[:500]})

    # --- structures ---

    def _list(self, tree: ListOf, scope: Mapping[str, Any]) -> list[Any]:
        made = [self._present(item, scope) for item in tree.items]
        self._sized(made, tree.position)
        return made

    def _map(self, tree: MapOf, scope: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_tree, value_tree in tree.entries:
            key = self._present(key_tree, scope)
            if not isinstance(key, str):
                raise failure(f"A key is a text, not {type_name(key)}.", key_tree.position, self._text)
            if key in made:
                raise failure(f'The key "{key}" stands twice.', key_tree.position, self._text)
            made[key] = self._present(value_tree, scope)
        self._sized(made, tree.position)
        return made

    # --- operators ---

    def _unary(self, tree: Unary, scope: Mapping[str, Any]) -> Any:
        if tree.operator == "!":
            return not self._truth(tree.of, scope)
        value = tree.of.value if isinstance(tree.of, Literal) else self._present(tree.of, scope)
        if isinstance(value, timedelta):
            return -value
        if not is_number(value):
            raise ValueProblem(f"- needs a number, not {type_name(value)}.")
        return number(-value)

    def _ternary(self, tree: Ternary, scope: Mapping[str, Any]) -> Any:
        return self.value(tree.yes if self._truth(tree.condition, scope) else tree.no, scope)

    def _chain(self, tree: Chain, scope: Mapping[str, Any]) -> Any:
        operator = tree.rest[0][0]
        if operator in {"&&", "||"}:
            return self._logic(tree, scope, stop_at=operator == "||")
        left = self._present(tree.first, scope)
        for symbol, operand, position in tree.rest:
            right = self._present(operand, scope)
            self._look_through([left, right], position)
            try:
                left = self._sized(_OPERATORS[symbol](left, right), position)
            except ValueProblem as problem:
                raise failure(str(problem), position, self._text) from problem
            except (OverflowError, ZeroDivisionError):
                raise failure("The result is not a number.", position, self._text) from None
        return left

    def _logic(self, tree: Chain, scope: Mapping[str, Any], *, stop_at: bool) -> bool:
        """As in CEL, an error on one side does not count when the other side decides."""
        error: ExpressionError | None = None
        for operand in (tree.first, *(operand for _, operand, _ in tree.rest)):
            try:
                if self._truth(operand, scope) is stop_at:
                    return stop_at
            except _Exhausted:
                raise
            except ExpressionError as failed:
                error = error or failed
        if error is not None:
            raise error
        return not stop_at

    _HANDLERS: Mapping[type, Callable[..., Any]] = {
        Literal: _literal,
        Name: _name,
        Select: _select,
        Index: _index,
        Call: _call,
        Macro: _macro,
        ListOf: _list,
        MapOf: _map,
        Unary: _unary,
        Ternary: _ternary,
        Chain: _chain,
    }


def _refuse(symbol: str, left: Any, right: Any) -> ValueProblem:
    hint = ""
    if symbol == "+" and (isinstance(left, str) or isinstance(right, str)):
        hint = " Write string(x) to make a text of the other side."
    return ValueProblem(f"{symbol} cannot be used between {type_name(left)} and {type_name(right)}.{hint}")


def _add(left: Any, right: Any) -> Any:
    if is_number(left) and is_number(right):
        return number(left + right)
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    if isinstance(left, timedelta) and isinstance(right, (datetime, timedelta)):
        return right + left
    if isinstance(left, datetime) and isinstance(right, timedelta):
        return left + right
    raise _refuse("+", left, right)


def _subtract(left: Any, right: Any) -> Any:
    if is_number(left) and is_number(right):
        return number(left - right)
    if isinstance(left, datetime) and isinstance(right, (datetime, timedelta)):
        return left - right
    if isinstance(left, timedelta) and isinstance(right, timedelta):
        return left - right
    raise _refuse("-", left, right)


def _multiply(left: Any, right: Any) -> Any:
    if is_number(left) and is_number(right):
        return number(left * right)
    raise _refuse("*", left, right)


def _divide(left: Any, right: Any) -> Any:
    if not (is_number(left) and is_number(right)):
        raise _refuse("/", left, right)
    if right == 0:
        raise ValueProblem("Division by zero.")
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return number(left // right)
    return number(left / right)


def _remainder(left: Any, right: Any) -> Any:
    if not (is_number(left) and is_number(right)):
        raise _refuse("%", left, right)
    left, right = number(left), number(right)
    if not (isinstance(left, int) and isinstance(right, int)):
        raise ValueProblem("% needs whole numbers.")
    if right == 0:
        raise ValueProblem("Division by zero.")
    # The sign follows the left side, as in CEL.
    return number(abs(left) % abs(right) * (1 if left >= 0 else -1))


def _ordered(symbol: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        comparable = (is_number(left) and is_number(right)) or (
            type(left) is type(right) and isinstance(left, (str, bool, datetime, timedelta))
        )
        if not comparable:
            raise _refuse(symbol, left, right)
        return compare(left, right)

    return apply


def _in(left: Any, right: Any) -> bool:
    if isinstance(right, list):
        return any(equal(left, item) for item in right)
    if isinstance(right, dict):
        return isinstance(left, str) and left in right
    raise ValueProblem(f"`in` needs a list or an object on its right, not {type_name(right)}.")


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _remainder,
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered("<", lambda left, right: left < right),
    "<=": _ordered("<=", lambda left, right: left <= right),
    ">": _ordered(">", lambda left, right: left > right),
    ">=": _ordered(">=", lambda left, right: left >= right),
    "in": _in,
}
