"""Checks a tree against the shapes of what is in scope, before anything runs.

A property that a closed object does not declare is an error, an optional one a warning with the repair; what
has no schema is unknown and not judged. Inside has(), coalesce() and behind `.?` a value may be absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from typing import Literal as OneOf

from runtime.graph.expressions.functions import FUNCTIONS, METHODS
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
    children,
    path_of,
)
from runtime.graph.shapes import UNKNOWN, Shape, of_kind

BOOLEAN, NUMBER, TEXT = of_kind("boolean"), of_kind("number"), of_kind("string")


@dataclass(frozen=True)
class Finding:
    """Something wrong at a position of the text; `repair` is the text to put in place of `replaces`."""

    code: str
    message: str
    severity: OneOf["error", "warning"]
    position: int
    replaces: str = ""
    repair: str = ""


@dataclass(frozen=True)
class Reference:
    """A path that is read, such as ["steps", "lookup", "status"]; guarded if its absence is provided for."""

    path: tuple[str, ...]
    position: int
    guarded: bool


def check(tree: Tree, scope: Mapping[str, Shape]) -> tuple[Shape, list[Finding]]:
    """The shape of the result, and what is wrong."""
    checker = _Checker()
    return checker.shape(tree, scope, lenient=False), checker.findings


def references(tree: Tree) -> list[Reference]:
    """Every path that an expression reads, outermost part first. A has() on a step guards all reads of it."""
    found: list[Reference] = []
    _collect(tree, guarded=False, found=found)
    asked = {path[:2] for path in _asked(tree)}
    return [Reference(row.path, row.position, row.guarded or row.path[:2] in asked) for row in found]


def _collect(tree: Tree, *, guarded: bool, found: list[Reference]) -> None:
    path = path_of(tree)
    if path is not None:
        found.append(Reference(tuple(path), tree.position, guarded or _has_optional(tree)))
        return
    if isinstance(tree, Call) and tree.target is None and tree.name in {"has", "coalesce"}:
        guarded = True
    provided = tree.target if isinstance(tree, Call) and tree.name in {"orValue", "hasValue"} else None
    for child in children(tree):
        inner: list[Reference] = []
        _collect(child, guarded=guarded or child is provided, found=inner)
        bound = tree.variable if isinstance(tree, Macro) and child is not tree.target else None
        found += [reference for reference in inner if reference.path[0] != bound]


def _asked(tree: Tree) -> Iterator[tuple[str, ...]]:
    """Paths whose presence the expression itself looks at, so that it can go another way."""
    if isinstance(tree, Call) and tree.name in {"has", "hasValue"}:
        path = path_of(tree.arguments[0] if tree.target is None else tree.target)
        if path is not None:
            yield tuple(path)
    for child in children(tree):
        yield from _asked(child)


def _has_optional(tree: Tree) -> bool:
    while isinstance(tree, (Select, Index)):
        if tree.optional:
            return True
        tree = tree.of
    return False


class _Checker:
    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def shape(self, tree: Tree, scope: Mapping[str, Shape], *, lenient: bool) -> Shape:
        return self._HANDLERS[type(tree)](self, tree, scope, lenient)

    def _literal(self, tree: Literal, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        match tree.value:
            case bool():
                return BOOLEAN
            case int() | float():
                return NUMBER
            case str():
                return TEXT
        return UNKNOWN

    def _name(self, tree: Name, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        if tree.name in scope:
            return scope[tree.name]
        known = ", ".join(sorted(scope))
        self._report("reference_missing", f'There is no "{tree.name}" here; there is {known}.', tree.position)
        return UNKNOWN

    def _select(self, tree: Select, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        lenient = lenient or tree.optional
        return self._member(self.shape(tree.of, scope, lenient=lenient), tree.name, tree, lenient)

    def _index(self, tree: Index, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        lenient = lenient or tree.optional
        of = self.shape(tree.of, scope, lenient=lenient)
        self.shape(tree.key, scope, lenient=False)
        if isinstance(tree.key, Literal) and isinstance(tree.key.value, str):
            return self._member(of, tree.key.value, tree, lenient)
        return of.item() if "array" in of.kinds else UNKNOWN

    def _member(self, of: Shape, name: str, tree: Select | Index, lenient: bool) -> Shape:
        kinds = of.kinds - {"null"}
        if kinds and "object" not in kinds:
            self._mismatch(f'"{name}" cannot be read from {of.words()}.', tree.position, of)
            return UNKNOWN
        found = of.member(name)
        if found is None:
            if of.is_closed:
                self._undeclared(of, name, tree, lenient)
            return UNKNOWN
        if not lenient and of.properties and name in of.properties and not of.is_required(name):
            self._optional(name, tree)
        return found

    def _undeclared(self, of: Shape, name: str, tree: Select | Index, lenient: bool) -> None:
        known = sorted(of.properties)
        close = get_close_matches(name, known, n=1)
        listed = ", ".join(known[:12]) or "nothing"
        message = f'There is no "{name}"; there is {listed}.' + (
            f' Did you mean "{close[0]}"?' if close else ""
        )
        severity: OneOf["error", "warning"] = "warning" if of.is_sample or lenient else "error"
        self._report("reference_missing", message, tree.position, severity)

    def _optional(self, name: str, tree: Select | Index) -> None:
        path = path_of(tree)
        if path is None or not isinstance(tree, Select):
            return
        old = ".".join(path)
        repair = ".".join(path[:-1]) + f'.?{name}.orValue("")'
        message = f'"{name}" may be missing. Say what to take then: {repair}'
        self.findings.append(Finding("may_be_missing", message, "warning", tree.position, old, repair))

    def _call(self, tree: Call, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        forgiving = tree.name in {"has", "coalesce"} and tree.target is None
        optional = tree.name in {"orValue", "hasValue"} and tree.target is not None
        target = UNKNOWN
        if tree.target is not None:
            target = self.shape(tree.target, scope, lenient=lenient or optional)
        shapes = [self.shape(argument, scope, lenient=lenient or forgiving) for argument in tree.arguments]
        if forgiving and tree.name == "coalesce":
            kinds = {shape.kinds for shape in shapes}
            return shapes[0] if len(kinds) == 1 else UNKNOWN
        if tree.name == "orValue" and tree.target is not None:
            return target
        function = (METHODS if tree.target is not None else FUNCTIONS)[tree.name]
        return of_kind(function.result) if function.result else UNKNOWN

    def _macro(self, tree: Macro, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        target = self.shape(tree.target, scope, lenient=lenient)
        kinds = target.kinds - {"null"}
        if kinds and not kinds & {"array", "object"}:
            self._mismatch(f".{tree.name}() needs a list, not {target.words()}.", tree.position, target)
        item = target.item() if "array" in kinds else UNKNOWN
        inner = {**scope, tree.variable: item}
        for part in tree.body:
            self.shape(part, inner, lenient=lenient)
        if tree.name in {"all", "exists", "exists_one"}:
            return BOOLEAN
        return target if tree.name == "filter" and "array" in kinds else of_kind("array")

    def _list(self, tree: ListOf, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        for item in tree.items:
            self.shape(item, scope, lenient=lenient)
        return of_kind("array")

    def _map(self, tree: MapOf, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        properties: dict[str, Any] = {}
        for key, value in tree.entries:
            self.shape(key, scope, lenient=lenient)
            shape = self.shape(value, scope, lenient=lenient)
            if isinstance(key, Literal) and isinstance(key.value, str):
                properties[key.value] = dict(shape.resolved)
        return Shape({"type": "object", "properties": properties, "required": sorted(properties)})

    def _unary(self, tree: Unary, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        shape = self.shape(tree.of, scope, lenient=lenient)
        if tree.operator == "!":
            self._need(shape, "boolean", "!", tree.position)
            return BOOLEAN
        return NUMBER if shape.kinds else UNKNOWN

    def _ternary(self, tree: Ternary, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        self._need(self.shape(tree.condition, scope, lenient=lenient), "boolean", "?", tree.position)
        yes = self.shape(tree.yes, scope, lenient=lenient)
        no = self.shape(tree.no, scope, lenient=lenient)
        return yes if yes.kinds == no.kinds else UNKNOWN

    def _chain(self, tree: Chain, scope: Mapping[str, Shape], lenient: bool) -> Shape:
        left = self.shape(tree.first, scope, lenient=lenient)
        for operator, operand, position in tree.rest:
            right = self.shape(operand, scope, lenient=lenient)
            left = self._operated(operator, left, right, position)
        return left

    def _operated(self, operator: str, left: Shape, right: Shape, position: int) -> Shape:
        if operator in {"&&", "||"}:
            self._need(left, "boolean", operator, position)
            self._need(right, "boolean", operator, position)
            return BOOLEAN
        if operator in {"==", "!=", "in"}:
            return BOOLEAN
        mixed = left.kinds and right.kinds and {"string", "number"} <= (left.kinds | right.kinds)
        if mixed and not left.kinds & right.kinds:
            message = f"{operator} cannot be used between {left.words()} and {right.words()}."
            self._mismatch(message, position, left, right)
        if operator in {"<", "<=", ">", ">="}:
            return BOOLEAN
        return left if left.kinds == right.kinds else UNKNOWN

    def _need(self, shape: Shape, kind: str, operator: str, position: int) -> None:
        kinds = shape.kinds - {"null"}
        if kinds and kind not in kinds:
            self._mismatch(f"{operator} needs true or false, not {shape.words()}.", position, shape)

    def _mismatch(self, message: str, position: int, *shapes: Shape) -> None:
        """A sample says what there was, not what there must be: it only warns."""
        guessed = any(shape.is_sample for shape in shapes)
        self._report("type_mismatch", message, position, "warning" if guessed else "error")

    def _report(
        self, code: str, message: str, position: int, severity: OneOf["error", "warning"] = "error"
    ) -> None:
        self.findings.append(Finding(code, message, severity, position))

    _HANDLERS: Mapping[type, Callable[..., Shape]] = {
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
