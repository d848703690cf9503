"""The tree of an expression. Every node knows its position in the text and how deep it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any
    position: int


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Select:
    """`of.name`; with `optional` it is `of.?name`."""

    of: Tree
    name: str
    optional: bool
    position: int


@dataclass(frozen=True, slots=True)
class Index:
    """`of[key]`; with `optional` it is `of[?key]`."""

    of: Tree
    key: Tree
    optional: bool
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments)`, or `target.name(arguments)`."""

    name: str
    target: Tree | None
    arguments: tuple[Tree, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Macro:
    """`target.all(variable, body)` and its relatives; `body` has two parts for a map with a filter."""

    name: str
    target: Tree
    variable: str
    body: tuple[Tree, ...]
    position: int


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Tree, ...]
    position: int


@dataclass(frozen=True, slots=True)
class MapOf:
    entries: tuple[tuple[Tree, Tree], ...]
    position: int


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    of: Tree
    position: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators of one precedence in a row, `first op a op b …`: a flat list, so that length costs no depth."""

    first: Tree
    rest: tuple[tuple[str, Tree, int], ...]
    position: int


@dataclass(frozen=True, slots=True)
class Ternary:
    condition: Tree
    yes: Tree
    no: Tree
    position: int


Tree = Literal | Name | Select | Index | Call | Macro | ListOf | MapOf | Unary | Chain | Ternary


def children(tree: Tree) -> Iterator[Tree]:
    """The direct parts of a tree, in the order of the text."""
    match tree:
        case Select() | Unary():
            yield tree.of
        case Index():
            yield tree.of
            yield tree.key
        case Call():
            if tree.target is not None:
                yield tree.target
            yield from tree.arguments
        case Macro():
            yield tree.target
            yield from tree.body
        case ListOf():
            yield from tree.items
        case MapOf():
            for key, value in tree.entries:
                yield key
                yield value
        case Chain():
            yield tree.first
            for _, operand, _ in tree.rest:
                yield operand
        case Ternary():
            yield tree.condition
            yield tree.yes
            yield tree.no
        case _:
            return


def path_of(tree: Tree) -> list[str] | None:
    """["steps", "lookup", "status"] for a chain of names and constant keys; None for anything else."""
    parts: list[str] = []
    while True:
        match tree:
            case Name():
                parts.append(tree.name)
                return parts[::-1]
            case Select():
                parts.append(tree.name)
                tree = tree.of
            case Index(key=Literal(value=str() as key)):
                parts.append(key)
                tree = tree.of
            case _:
                return None
