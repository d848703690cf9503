"""What a watch asks of a server, and which items it finds in the answer. Pure: the caller asks and remembers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from runtime.errors import ExpressionError, NodeFailure
from runtime.graph.expressions.values import as_text
from runtime.graph.rules import derive_expression
from runtime.graph.templates import parse_template, render_free

MAX_ITEMS = 1000
MAX_KEY = 200


@dataclass(frozen=True)
class Sighting:
    """One item as it looks now.

    key     names it among the items of its watch, at most MAX_KEY characters
    digest  differs when anything in it does
    value   what a run is given: the item, or {"value": item} where it is no object
    """

    key: str
    digest: str
    value: dict[str, Any]


@dataclass(frozen=True)
class Watch:
    """What is asked how often; texts are as their author wrote them, with their expressions."""

    server: str
    tool: str
    arguments: Mapping[str, Any]
    items: str
    key: str
    where: str | Mapping[str, Any] | None = None
    every_s: int = 60
    first: Literal["remember", "run"] = "remember"

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Watch:
        """From what `spec` gave."""
        known = {part.name for part in fields(cls)}
        return cls(**{name: value for name, value in spec.items() if name in known})

    def spec(self) -> dict[str, Any]:
        """As JSON, for a row."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def finds_like(self, other: Watch) -> bool:
        """Whether both find the same items, however often they look."""
        same = ("server", "tool", "arguments", "items", "key", "where")
        return all(getattr(self, name) == getattr(other, name) for name in same)

    def asked(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of the call; null stands for what is not there. Raises ExpressionError."""
        rendered = render_free(dict(self.arguments), names, "arguments")
        return {name: value for name, value in rendered.items() if value is not None}

    def sightings(self, result: Any, names: Mapping[str, Any]) -> list[Sighting]:
        """The items in a result, in its order; an item that stands twice counts once.

        raises   ExpressionError, or NodeFailure (watch_not_a_list, watch_too_many_items, watch_key_taken); details
                 hold the field
        """
        items = _rendered(self.items, {**names, "result": result}, "items")
        if not isinstance(items, list):
            raise NodeFailure(
                "What the expression for the items gives is no list.",
                code="watch_not_a_list",
                details={"field": "items"},
            )
        if len(items) > MAX_ITEMS:
            raise NodeFailure(
                f"The tool gave {len(items):,} items; a watch takes {MAX_ITEMS:,}. Ask the tool for fewer.",
                code="watch_too_many_items",
                details={"field": "items", "items": len(items), "limit": MAX_ITEMS},
            )
        found: dict[str, Sighting] = {}
        for place, item in enumerate(items):
            own = {**names, "item": item}
            if not self._is_wanted(own, place):
                continue
            sighting = self._sighting(item, own, place)
            if found.setdefault(sighting.key, sighting).digest != sighting.digest:
                raise NodeFailure(
                    f'Two different items are named "{sighting.key}". Choose a key that each item has for itself.',
                    code="watch_key_taken",
                    details={"field": "key", "key": sighting.key},
                )
        return list(found.values())

    def _is_wanted(self, names: Mapping[str, Any], place: int) -> bool:
        if self.where is None:
            return True
        text = self.where if isinstance(self.where, str) else derive_expression(self.where)
        wanted = _rendered(text, names, "where", place)
        if not isinstance(wanted, bool):
            raise NodeFailure(
                f"The filter gave no true or false for item {place + 1}.",
                code="expression_error",
                details={"field": "where", "item": place},
            )
        return wanted

    def _sighting(self, item: Any, names: Mapping[str, Any], place: int) -> Sighting:
        key = _rendered(self.key, names, "key", place)
        if key is None or key == "":
            raise NodeFailure(
                f"Item {place + 1} has no key.",
                code="expression_error",
                details={"field": "key", "item": place},
            )
        return Sighting(
            _short(as_text(key)), _digest(item), item if isinstance(item, dict) else {"value": item}
        )


def _rendered(text: str, names: Mapping[str, Any], about: str, place: int | None = None) -> Any:
    try:
        return parse_template(text).render(names)
    except ExpressionError as error:
        error.details["field"] = about
        if place is not None:
            error.details["item"] = place
        raise


def _digest(item: Any) -> str:
    return hashlib.sha256(json.dumps(item, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _short(key: str) -> str:
    """A long key is told apart by its hash; its beginning stays for people to read."""
    if len(key) <= MAX_KEY:
        return key
    return f"{key[:100]}…{hashlib.sha256(key.encode()).hexdigest()}"
