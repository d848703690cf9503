"""JSON Schemas as static types: what can be said of a value before it exists. Unknown is always allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TYPE_WORDS = {
    "string": "a text",
    "number": "a number",
    "integer": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}


@dataclass(frozen=True)
class Shape:
    """A schema and the document that its `$ref`s point into; an empty schema means unknown."""

    schema: Mapping[str, Any] = field(default_factory=dict)
    root: Mapping[str, Any] | None = None

    @property
    def resolved(self) -> Mapping[str, Any]:
        """The schema behind local references and behind an `anyOf` with null."""
        schema = self.schema
        for _ in range(20):
            reference = schema.get("$ref")
            if isinstance(reference, str):
                schema = self._lookup(reference)
                continue
            options = schema.get("anyOf") or schema.get("oneOf")
            if isinstance(options, list):
                real = [
                    option for option in options if isinstance(option, dict) and option.get("type") != "null"
                ]
                if len(real) == 1:
                    schema = real[0]
                    continue
            return schema
        return {}

    def _lookup(self, reference: str) -> Mapping[str, Any]:
        target: Any = self.root if self.root is not None else self.schema
        if not reference.startswith("#/"):
            return {}
        for part in reference[2:].split("/"):
            target = target.get(part) if isinstance(target, Mapping) else None
        return target if isinstance(target, Mapping) else {}

    @property
    def kinds(self) -> frozenset[str]:
        """The JSON types it may have, `integer` as `number`; empty for unknown."""
        schema = self.resolved
        found = schema.get("type")
        names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        if not names and "properties" in schema:
            names = ["object"]
        if not names and isinstance(schema.get("enum"), list):
            names = [_kind_of(value) for value in schema["enum"]]
        return frozenset("number" if name == "integer" else str(name) for name in names)

    @property
    def is_sample(self) -> bool:
        return bool(self.resolved.get("x-sample"))

    @property
    def properties(self) -> Mapping[str, Any]:
        found = self.resolved.get("properties")
        return found if isinstance(found, Mapping) else {}

    @property
    def is_closed(self) -> bool:
        """Whether a property that is not declared is a mistake: declared ones, and no word of others."""
        schema = self.resolved
        if not self.properties and schema.get("additionalProperties") is not False:
            return False
        return not schema.get("additionalProperties") and not schema.get("patternProperties")

    def member(self, name: str) -> Shape | None:
        """A property; None when it is not declared."""
        if name in self.properties:
            found = self.properties[name]
            return Shape(found if isinstance(found, Mapping) else {}, self._root)
        extra = self.resolved.get("additionalProperties")
        return Shape(extra, self._root) if isinstance(extra, Mapping) else None

    def is_required(self, name: str) -> bool:
        required = self.resolved.get("required")
        return isinstance(required, list) and name in required

    def item(self) -> Shape:
        found = self.resolved.get("items")
        return Shape(found, self._root) if isinstance(found, Mapping) else UNKNOWN

    @property
    def _root(self) -> Mapping[str, Any]:
        return self.root if self.root is not None else self.schema

    def words(self) -> str:
        """What people call it."""
        return (
            " or ".join(sorted(TYPE_WORDS.get(kind, kind) for kind in self.kinds if kind != "null"))
            or "any value"
        )


UNKNOWN = Shape()


@dataclass(frozen=True)
class ScopeShape(Shape):
    """An object put together from shapes with roots of their own, such as `steps`; every member is there."""

    members: Mapping[str, Shape] = field(default_factory=dict)

    @property
    def resolved(self) -> Mapping[str, Any]:
        return {"type": "object", "additionalProperties": False}

    @property
    def properties(self) -> Mapping[str, Any]:
        return {name: shape.schema for name, shape in self.members.items()}

    def member(self, name: str) -> Shape | None:
        return self.members.get(name)

    def is_required(self, name: str) -> bool:
        return True


def of_kind(kind: str) -> Shape:
    return Shape({"type": kind})


def union(shapes: Sequence[Shape]) -> Shape:
    """What holds of a value that has one of these shapes: a property is certain only where all require it."""
    schemas = [shape.resolved for shape in shapes]
    if all(schema == schemas[0] for schema in schemas):
        return shapes[0]
    kinds = [shape.kinds for shape in shapes]
    if not all(kinds):
        return UNKNOWN
    guess = {"x-sample": True} if any(shape.is_sample for shape in shapes) else {}
    if any(found != {"object"} for found in kinds):
        return Shape({"type": sorted(frozenset().union(*kinds)), **guess})
    names = dict.fromkeys(name for shape in shapes for name in shape.properties)
    return Shape(
        {
            "type": "object",
            "properties": {name: dict(_member_of(shapes, name).resolved) for name in names},
            "required": [name for name in names if all(shape.is_required(name) for shape in shapes)],
            "additionalProperties": not all(shape.is_closed for shape in shapes),
            **guess,
        }
    )


def _member_of(shapes: Sequence[Shape], name: str) -> Shape:
    """A property where it is declared; unknown if another shape may hold it without declaring it."""
    members = [
        shape.member(name) for shape in shapes if shape.member(name) is not None or not shape.is_closed
    ]
    return union([member or UNKNOWN for member in members])


def mismatch(given: Shape, wanted: Shape) -> bool:
    """Certain that the value cannot fit; null and unknown fit everywhere."""
    have, need = given.kinds - {"null"}, wanted.kinds - {"null"}
    return bool(have) and bool(need) and not have & need


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return {str: "string", int: "number", float: "number", list: "array", dict: "object"}.get(
        type(value), "null"
    )
