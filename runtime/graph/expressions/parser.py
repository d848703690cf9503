"""Reads an expression into a tree: precedence climbing, with limits on length and depth.

Precedence from loose to tight: ?: · || · && · comparisons and `in` · + - · * / % · ! - · access and calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from runtime.graph.expressions.functions import FUNCTIONS, METHODS
from runtime.graph.expressions.lexer import Token, failure, tokens
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

MAX_LENGTH = 4096
MAX_DEPTH = 50
MACROS = {"all": 2, "exists": 2, "exists_one": 2, "filter": 2, "map": 3}
LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))
CONSTANTS = {"true": True, "false": False, "null": None}
RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop"}
) | {
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
}


@dataclass(frozen=True)
class Parsed:
    """A tree, and where in the text it ends."""

    tree: Tree
    end: int


@lru_cache(maxsize=4096)
def parse(text: str) -> Tree:
    """The tree of a whole text; raises ExpressionError with the position of what is wrong."""
    if len(text) > MAX_LENGTH:
        raise failure(f"The expression is longer than {MAX_LENGTH:,} characters.", MAX_LENGTH, text)
    parser = _Parser(text, 0)
    tree = parser.expression()
    if parser.token.kind != "end":
        raise failure(f'"{parser.token.value}" is not expected here.', parser.token.position, text)
    _check_height(tree, text)
    return tree


def parse_part(text: str, start: int) -> Parsed:
    """The expression that begins at `start` and ends before `}}`; `end` is behind those braces."""
    parser = _Parser(text, start)
    tree = parser.expression()
    closing = parser.token.position
    if text[closing : closing + 2] != "}}":
        message = (
            "A part that begins with {{ must end with }}."
            if parser.token.kind == "end"
            else (f'"{parser.token.value}" is not expected here.')
        )
        raise failure(message, closing, text)
    if closing - start > MAX_LENGTH:
        raise failure(f"The expression is longer than {MAX_LENGTH:,} characters.", start, text)
    _check_height(tree, text)
    return Parsed(tree, closing + 2)


def _check_height(tree: Tree, text: str) -> None:
    """What walks the tree later is recursive, and signs, operators and accesses add levels of their own."""
    level: list[Tree] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in children(parent)]
    if level:
        raise failure(f"The expression is nested deeper than {MAX_DEPTH} levels.", level[0].position, text)


class _Parser:
    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self._tokens = tokens(text, start)
        self._depth = 0
        self.token: Token = next(self._tokens)

    # --- tokens ---

    def advance(self) -> Token:
        token = self.token
        self.token = next(self._tokens)
        return token

    def is_operator(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.value in operators

    def take(self, operator: str) -> bool:
        if self.is_operator(operator):
            self.advance()
            return True
        return False

    def expect(self, operator: str, after: str) -> None:
        if not self.take(operator):
            found = f'"{self.token.value}"' if self.token.kind != "end" else "the end"
            raise failure(f'"{operator}" is expected {after}, not {found}.', self.token.position, self.text)

    # --- grammar ---

    def expression(self) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise failure(
                f"The expression is nested deeper than {MAX_DEPTH} levels.", self.token.position, self.text
            )
        tree = self.chain(0)
        if self.is_operator("?"):
            position = self.advance().position
            yes = self.chain(0)
            self.expect(":", "after the first result of ? :")
            tree = Ternary(tree, yes, self.expression(), position)
        self._depth -= 1
        return tree

    def chain(self, level: int) -> Tree:
        if level == len(LEVELS):
            return self.unary()
        first = self.chain(level + 1)
        rest = []
        while self._operator_of(level):
            token = self.advance()
            rest.append((str(token.value), self.chain(level + 1), token.position))
        return Chain(first, tuple(rest), first.position) if rest else first

    def _operator_of(self, level: int) -> bool:
        operators = LEVELS[level]
        return self.is_operator(*operators) or (
            "in" in operators and self.token.kind == "name" and self.token.value == "in"
        )

    def unary(self) -> Tree:
        signs = []
        while self.is_operator("!", "-"):
            signs.append(self.advance())
            if len(signs) > MAX_DEPTH:
                raise failure(f"More than {MAX_DEPTH} signs in a row.", self.token.position, self.text)
        tree = self.access()
        for sign in reversed(signs):
            tree = Unary(str(sign.value), tree, sign.position)
        return tree

    def access(self) -> Tree:
        tree = self.primary()
        steps = 0
        while self.is_operator(".", ".?", "[", "[?"):
            steps += 1
            if steps > MAX_DEPTH:
                raise failure(f"More than {MAX_DEPTH} accesses in a row.", self.token.position, self.text)
            tree = self.index(tree) if self.token.value in {"[", "[?"} else self.member(tree)
        return tree

    def index(self, of: Tree) -> Tree:
        opening = self.advance()
        key = self.expression()
        self.expect("]", "after the key")
        return Index(of, key, opening.value == "[?", opening.position)

    def member(self, of: Tree) -> Tree:
        optional = self.advance().value == ".?"
        if self.token.kind != "name":
            raise failure("A name is expected after the point.", self.token.position, self.text)
        name = self.advance()
        if optional or not self.is_operator("("):
            return Select(of, str(name.value), optional, name.position)
        arguments = self.arguments()
        if name.value in MACROS:
            return self.macro(str(name.value), of, arguments, name.position)
        if name.value not in METHODS:
            raise failure(f'There is no function ".{name.value}()".', name.position, self.text)
        METHODS[name.value].check_count(len(arguments), name.position, self.text)
        return Call(str(name.value), of, arguments, name.position)

    def macro(self, name: str, of: Tree, arguments: tuple[Tree, ...], position: int) -> Tree:
        most = MACROS[name]
        if not 2 <= len(arguments) <= most:
            raise failure(
                f".{name}() takes a name and a condition, as in .{name}(x, x > 1).", position, self.text
            )
        variable = arguments[0]
        if not isinstance(variable, Name):
            raise failure(f"The first part of .{name}() is a plain name.", position, self.text)
        return Macro(name, of, variable.name, arguments[1:], position)

    def arguments(self) -> tuple[Tree, ...]:
        self.expect("(", "here")
        items: list[Tree] = []
        while not self.is_operator(")"):
            items.append(self.expression())
            if not self.take(","):
                break
        self.expect(")", "after the arguments")
        return tuple(items)

    def primary(self) -> Tree:
        token = self.token
        if token.kind in {"number", "text"}:
            self.advance()
            return Literal(token.value, token.position)
        if token.kind == "name":
            return self.name()
        if self.take("("):
            tree = self.expression()
            self.expect(")", "to close the bracket")
            return tree
        if self.is_operator("["):
            return self.list_of()
        if self.is_operator("{"):
            return self.map_of()
        if token.kind == "end" or self.text[token.position : token.position + 2] == "}}":
            raise failure("Something is missing here.", token.position, self.text)
        raise failure(f'"{token.value}" is not expected here.', token.position, self.text)

    def name(self) -> Tree:
        token = self.advance()
        name = str(token.value)
        if name in CONSTANTS:
            return Literal(CONSTANTS[name], token.position)
        if name in RESERVED or name == "in":
            raise failure(
                f'"{name}" is a word of the language and cannot be a name.', token.position, self.text
            )
        if not self.is_operator("("):
            return Name(name, token.position)
        arguments = self.arguments()
        if name not in FUNCTIONS:
            raise failure(f'There is no function "{name}()".', token.position, self.text)
        FUNCTIONS[name].check_count(len(arguments), token.position, self.text)
        if name == "has" and not isinstance(arguments[0], (Select, Index)):
            raise failure("has() takes a path such as has(trigger.body.name).", token.position, self.text)
        if name == "has" and path_of(arguments[0]) is None:
            raise failure("has() takes a path without calculations.", token.position, self.text)
        return Call(name, None, arguments, token.position)

    def list_of(self) -> Tree:
        position = self.advance().position
        items: list[Tree] = []
        while not self.is_operator("]"):
            items.append(self.expression())
            if not self.take(","):
                break
        self.expect("]", "to close the list")
        return ListOf(tuple(items), position)

    def map_of(self) -> Tree:
        position = self.advance().position
        entries: list[tuple[Tree, Tree]] = []
        while not self.is_operator("}"):
            key = self.expression()
            self.expect(":", "after the key")
            entries.append((key, self.expression()))
            if not self.take(","):
                break
        self.expect("}", "to close the map")
        return MapOf(tuple(entries), position)
