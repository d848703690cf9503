"""Reads lists of fields, choices and the like from a config that may still be incomplete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def rows_of(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a raw list, each with its place in it."""
    for position, element in enumerate(value if isinstance(value, list) else []):
        if isinstance(element, Mapping):
            yield position, element


def models_of(kind: type[Model], value: Any) -> list[Model]:
    """The elements of a raw list that fit the model; a draft's half-filled ones are left out."""
    found = []
    for element in value if isinstance(value, list) else []:
        try:
            found.append(kind.model_validate(element))
        except ValidationError:
            continue
    return found


def texts_of(value: Any) -> tuple[str, ...]:
    """A text, or those in a list: somebody may have written anything."""
    values = value if isinstance(value, list) else [value]
    return tuple(one for one in values if isinstance(one, str) and one)
