"""Texts with `{{ }}` parts: one pass, no second evaluation.

A text that is exactly one part keeps the type of its value; among other characters every part becomes text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from runtime.errors import ExpressionError
from runtime.graph.expressions.evaluator import evaluate
from runtime.graph.expressions.lexer import failure
from runtime.graph.expressions.parser import parse_part
from runtime.graph.expressions.syntax import Tree
from runtime.graph.expressions.values import ValueProblem, as_text, is_number
from runtime.graph.shapes import Shape, of_kind

MAX_TEMPLATE = 100_000
MAX_RENDERED = 4_000_000
OPENING = "{{"
TEXT_FIELD = Shape({"type": ["string", "number", "boolean"]})


@dataclass(frozen=True)
class Template:
    """The parts of a text in order: plain texts and expression trees."""

    text: str
    parts: tuple[str | Tree, ...]

    @property
    def single(self) -> Tree | None:
        """The expression, where the text is exactly one part."""
        return self.parts[0] if len(self.parts) == 1 and not isinstance(self.parts[0], str) else None

    @property
    def trees(self) -> list[Tree]:
        return [part for part in self.parts if not isinstance(part, str)]

    def render(self, scope: Mapping[str, Any], *, in_url: bool = False) -> Any:
        """The value; raises ExpressionError with the position in the text."""
        single = self.single
        if single is not None and not in_url:
            return evaluate(single, scope, self.text)
        rendered, length = [], 0
        for part in self.parts:
            rendered.append(part if isinstance(part, str) else self._shown(part, scope, in_url))
            length += len(rendered[-1])
            if length > MAX_RENDERED:
                position = 0 if isinstance(part, str) else part.position
                raise failure(
                    f"The text becomes longer than {MAX_RENDERED:,} characters.", position, self.text
                )
        return "".join(rendered)

    def shown(self, value: Any, position: int = 0) -> str:
        """How a value of a part reads as text; raises ExpressionError with the position of the part."""
        try:
            return as_text(value)
        except ValueProblem as problem:
            raise failure(str(problem), position, self.text) from problem

    def _shown(self, tree: Tree, scope: Mapping[str, Any], in_url: bool) -> str:
        shown = self.shown(evaluate(tree, scope, self.text), tree.position)
        return quote(shown, safe="") if in_url else shown


def has_parts(value: Any) -> bool:
    """Whether a value is a text with at least one `{{`."""
    return isinstance(value, str) and OPENING in value


@lru_cache(maxsize=4096)
def parse_template(text: str) -> Template:
    """Cut a text into its parts; raises ExpressionError for a part that is no expression."""
    if len(text) > MAX_TEMPLATE:
        raise failure(f"The text is longer than {MAX_TEMPLATE:,} characters.", MAX_TEMPLATE, text)
    return Template(text, tuple(piece if tree is None else tree for piece, tree in pieces(text)))


@lru_cache(maxsize=4096)
def pieces(text: str) -> tuple[tuple[str, Tree | None], ...]:
    """Every part as it is written, and the tree of those that are expressions."""
    return tuple(_pieces(text))


def _pieces(text: str) -> Iterator[tuple[str, Tree | None]]:
    position = 0
    while (opening := text.find(OPENING, position)) >= 0:
        if opening > position:
            yield text[position:opening], None
        parsed = parse_part(text, opening + len(OPENING))
        yield text[opening : parsed.end], parsed.tree
        position = parsed.end
    if position < len(text) or not text:
        yield text[position:], None


# --- configs ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A text with parts inside a config, or the rules of the visual builder.

    field     its path, such as `arguments/order_id`
    wanted    what the field takes; a text field of a step type takes numbers and truth values as text
    lazy      the node renders it by itself
    in_body   a container's field over the end of an iteration
    allowed   whether the schema lets the field take expressions
    rules     the object that stands in a lazy field instead of a text
    """

    field: str
    text: str
    wanted: Shape
    lazy: bool
    allowed: bool
    rules: Mapping[str, Any] | None = None
    in_body: bool = False


def render_config(
    config: Mapping[str, Any], schema: Mapping[str, Any], scope: Mapping[str, Any]
) -> dict[str, Any]:
    """The config with every allowed expression replaced by its value; lazy ones stay as they are.

    raises   ExpressionError; details hold the field, the position and the expression
    """
    rendered = _render(dict(config), schema, schema, scope, "", False)
    if not isinstance(rendered, dict):
        raise TypeError("a config is an object")
    return rendered


def render_body_fields(
    config: Mapping[str, Any], schema: Mapping[str, Any], scope: Mapping[str, Any]
) -> dict[str, Any]:
    """A container's fields over the end of an iteration, rendered there, by name; raises ExpressionError."""
    fields = {
        name: declared
        for name, declared in schema.get("properties", {}).items()
        # A form that was emptied again leaves an empty text behind.
        if declared.get("x-expression") == "body" and config.get(name) not in (None, "")
    }
    return {
        name: _render(config[name], {**declared, "x-expression": True}, schema, scope, name, False)
        for name, declared in fields.items()
    }


def render_free(value: Any, scope: Mapping[str, Any], field: str) -> Any:
    """Every text of a value rendered, however deep it stands; raises ExpressionError, whose details hold the field."""
    return _render(value, {"x-expression": True}, {}, scope, field, True)


def expression_places(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Place]:
    """Every text with parts in a config, also where none is allowed, and every rules object."""
    return list(_places(config, schema, schema, "", False, False))


def _render(
    value: Any,
    schema: Mapping[str, Any],
    root: Mapping[str, Any],
    scope: Mapping[str, Any],
    path: str,
    free: bool,
) -> Any:
    # Most values are plain, and the schema has nothing to say about them.
    if not isinstance(value, (str, dict, list)) or (isinstance(value, str) and OPENING not in value):
        return value
    options = _options(schema, root)
    mode = _mode(options) or (True if free else None)
    if isinstance(value, str):
        if mode is not True:
            return value
        in_url = any(option.get("format") == "uri" for option in options)
        template = parse_template(value)
        try:
            rendered = template.render(scope, in_url=in_url)
            return template.shown(rendered) if _is_scalar(rendered) and _is_text_field(options) else rendered
        except ExpressionError as error:
            error.details["field"] = path
            raise
    if mode in {"lazy", "body", "own"}:
        return value
    if isinstance(value, dict):
        return {
            key: _render(item, _child(options, key), root, scope, _join(path, key), mode is True)
            for key, item in value.items()
        }
    item_schema = _item(options)
    return [
        _render(item, item_schema, root, scope, _join(path, str(index)), mode is True)
        for index, item in enumerate(value)
    ]


def _places(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str, free: bool, in_body: bool
) -> Iterator[Place]:
    options = _options(schema, root)
    mode = _mode(options) or (True if free else None)
    in_body = in_body or mode == "body"
    if isinstance(value, str):
        if OPENING in value:
            wanted = _wanted(schema, root, options, mode)
            yield Place(path, value, wanted, mode == "lazy", mode is not None, in_body=in_body)
    elif isinstance(value, dict) and (mode == "lazy" or _is_asked(options)):
        yield Place(path, "", of_kind("boolean"), lazy=True, allowed=True, rules=value)
    elif isinstance(value, dict):
        inherited = mode is not None
        for key, item in value.items():
            yield from _places(item, _child(options, key), root, _join(path, key), inherited, in_body)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, _item(options), root, _join(path, str(index)), mode is not None, in_body)


def _wanted(
    schema: Mapping[str, Any],
    root: Mapping[str, Any],
    options: list[Mapping[str, Any]],
    mode: bool | str | None,
) -> Shape:
    if mode == "lazy" or _is_asked(options):
        return of_kind("boolean")
    if named := [option["x-wants"] for option in options if "x-wants" in option]:
        return of_kind(named[0])
    return TEXT_FIELD if _is_text_field(options) else Shape(schema, root)


def _is_asked(options: list[Mapping[str, Any]]) -> bool:
    """Whether a field that its type renders itself is a condition."""
    return any(option.get("x-wants") == "boolean" for option in options)


def _is_text_field(options: list[Mapping[str, Any]]) -> bool:
    """Whether a step type itself declares the field as text; arguments of tools keep the types they have."""
    types = {option["type"] for option in options if isinstance(option.get("type"), str)}
    return types - {"null"} == {"string"} and any(option.get("x-expression") for option in options)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool) or is_number(value)


def _options(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schema with `$ref` and `anyOf` opened: everything that may say something about the value."""
    found: list[Mapping[str, Any]] = []
    pending = [schema]
    while pending and len(found) < 50:
        current = pending.pop(0)
        found.append(current)
        reference = current.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            pending.append(root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}))
        for key in ("anyOf", "oneOf", "allOf"):
            pending += [option for option in current.get(key, ()) if isinstance(option, Mapping)]
    return found


def _mode(options: list[Mapping[str, Any]]) -> bool | str | None:
    """True, "lazy", "body", "own", or None where no expression is allowed."""
    for option in options:
        if option.get("x-expression"):
            mode: bool | str = option["x-expression"]
            return mode
    return None


def _child(options: list[Mapping[str, Any]], key: str) -> Mapping[str, Any]:
    for option in options:
        properties = option.get("properties")
        if isinstance(properties, Mapping) and isinstance(properties.get(key), Mapping):
            declared: Mapping[str, Any] = properties[key]
            return declared
    for option in options:
        extra = option.get("additionalProperties")
        if isinstance(extra, Mapping):
            return extra
    return {}


def _item(options: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next((option["items"] for option in options if isinstance(option.get("items"), Mapping)), {})


def _join(path: str, key: str) -> str:
    return f"{path}/{key}" if path else key
