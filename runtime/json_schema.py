"""Checks values against schemas that others wrote: no remote references, patterns in linear time, bounded work.

2020-12 is the default, as in MCP; a schema that names draft-07 is read by those rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any

import re2
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

MAX_SCHEMA_BYTES = 256 * 1024
MAX_SCHEMA_DEPTH = 40
MAX_PATTERN = 1000
MAX_REFERENCES_FOLLOWED = 20_000
"""In one check: references that fan out would otherwise cost exponential time."""
MAX_PROBLEMS_COMPARED = 100
QUICK_PARTS = 500
QUICK_CHARACTERS = 20_000

Problems = Iterator[ValidationError]
# Without one the library would fetch what a reference names.
_NOTHING_ELSE: Registry[Any] = Registry()
_references_left: ContextVar[list[int]] = ContextVar("references_left")


class SchemaUnusable(Exception):
    """The schema is too large, too deep, refers elsewhere, costs too much or is no schema."""


def first_problem(value: Any, schema: Mapping[str, Any]) -> tuple[str, str] | None:
    """(path of the field, end of a sentence) of the first thing that does not fit; None when all fits.

    raises   SchemaUnusable
    """
    found = problems_in(value, schema)
    return min(found, key=lambda problem: problem[0].split("/"))[:2] if found else None


def problems_in(value: Any, schema: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """(path of the field, end of a sentence, the value there) of what does not fit, up to a hundred of them.

    raises   SchemaUnusable
    """
    validator = _validator(json.dumps(schema, sort_keys=True))
    _references_left.set([MAX_REFERENCES_FOLLOWED])
    try:
        found = list(islice(validator.iter_errors(value), MAX_PROBLEMS_COMPARED))
    except Unresolvable as error:
        raise SchemaUnusable(f"it refers to {str(error.ref)[:200]}, which is not in it") from error
    except RecursionError as error:
        raise SchemaUnusable("it refers to itself without end") from error
    return [
        ("/".join(str(part) for part in error.absolute_path), _sentence(error), error.instance)
        for error in found
    ]


def is_quick(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether the check takes so little that an event loop need not be spared it: a small value, and no references."""
    parts, characters, stack = 0, 0, [value]
    while stack:
        item = stack.pop()
        parts += 1
        if isinstance(item, str):
            characters += len(item)
        elif isinstance(item, dict):
            characters += sum(map(len, item))
            stack += item.values()
        elif isinstance(item, list):
            stack += item
        if parts + len(stack) > QUICK_PARTS or characters > QUICK_CHARACTERS:
            return False
    return not _refers(json.dumps(schema, sort_keys=True))


@lru_cache(maxsize=512)
def _refers(text: str) -> bool:
    return any(f'"{keyword}"' in text for keyword in ("$ref", "$dynamicRef", "$recursiveRef"))


@lru_cache(maxsize=512)
def _validator(text: str) -> Any:
    if len(text) > MAX_SCHEMA_BYTES:
        raise SchemaUnusable("it is too large")
    schema = json.loads(text)
    if _depth(schema) > MAX_SCHEMA_DEPTH:
        raise SchemaUnusable("it is nested too deeply")
    if "patternProperties" in text and "unevaluatedProperties" in text:
        # The library would match these patterns with its own, backtracking engine.
        raise SchemaUnusable("it mixes patternProperties with unevaluatedProperties")
    is_draft_7 = "draft-07" in str(schema.get("$schema", ""))
    original, bounded = (Draft7Validator, _DRAFT_7) if is_draft_7 else (Draft202012Validator, _DRAFT_2020)
    try:
        original.check_schema(schema)
    except SchemaError as error:
        raise SchemaUnusable(f"it is not valid: {error.message[:200]}") from error
    return bounded(schema, registry=_NOTHING_ELSE)


def _depth(value: Any) -> int:
    deepest, stack = 0, [(value, 1)]
    while stack:
        item, depth = stack.pop()
        deepest = max(deepest, depth)
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        stack += [(child, depth + 1) for child in children]
    return deepest


def _matches(pattern: Any, text: str) -> bool | None:
    """Whether a pattern is found in a text; None for one that only a backtracking engine could judge."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        return None
    compiled = _compiled(pattern)
    return None if compiled is None else compiled.search(text) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


# --- keywords of our own, in place of the library's ----------------------------------------------------


def _pattern(validator: Any, pattern: Any, value: Any, schema: Mapping[str, Any]) -> Problems:
    # A pattern that cannot be judged is left to the server itself.
    if isinstance(value, str) and _matches(pattern, value) is False:
        yield ValidationError(f"does not fit the pattern {pattern}")


def _pattern_properties(validator: Any, patterns: Any, value: Any, schema: Mapping[str, Any]) -> Problems:
    if not isinstance(value, dict):
        return
    for pattern, inner in patterns.items():
        for name, item in value.items():
            if _matches(pattern, name):
                yield from validator.descend(item, inner, path=name)


def _additional_properties(validator: Any, allowed: Any, value: Any, schema: Mapping[str, Any]) -> Problems:
    if not isinstance(value, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, item in value.items():
        if name in known or any(_matches(pattern, name) is not False for pattern in patterns):
            continue
        if allowed is False:
            yield ValidationError("is not known here", path=[name])
        else:
            yield from validator.descend(item, allowed, path=name)


def _required(validator: Any, names: Any, value: Any, schema: Mapping[str, Any]) -> Problems:
    if isinstance(value, dict):
        for name in names:
            if name not in value:
                yield ValidationError("is required", path=[name])


def _unique_items(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Problems:
    if wanted and isinstance(value, list):
        texts = [json.dumps(_plain(item), sort_keys=True) for item in value]
        if len(set(texts)) < len(texts):
            yield ValidationError("holds something twice")


def _plain(value: Any) -> Any:
    """The value with 1.0 as 1: equal numbers are equal to JSON Schema, however they are written."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _counted(follow: Callable[..., Problems]) -> Callable[..., Problems]:
    def keyword(validator: Any, reference: Any, value: Any, schema: Mapping[str, Any]) -> Problems:
        left = _references_left.get()
        left[0] -= 1
        if left[0] < 0:
            raise SchemaUnusable("its references fan out too far")
        yield from follow(validator, reference, value, schema)

    return keyword


def _bounded(original: Any) -> Any:
    keywords = original.VALIDATORS
    own = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "required": _required,
        "uniqueItems": _unique_items,
    }
    references = {name: _counted(keywords[name]) for name in ("$ref", "$dynamicRef") if name in keywords}
    make: Any = extend
    return make(original, {**own, **references})


_DRAFT_7, _DRAFT_2020 = _bounded(Draft7Validator), _bounded(Draft202012Validator)


# --- words for people ----------------------------------------------------------------------------------

_TYPE_NAMES = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "empty",
}
_SENTENCES: dict[str, Callable[[Any], str]] = {
    "type": lambda types: (
        "must be " + " or ".join(map(_type_name, types if isinstance(types, list) else [types]))
    ),
    "enum": lambda values: "must be one of " + ", ".join(map(str, values[:20])),
    "const": lambda value: f"must be {value}",
    "minimum": lambda limit: f"must be at least {limit}",
    "maximum": lambda limit: f"must be at most {limit}",
    "exclusiveMinimum": lambda limit: f"must be more than {limit}",
    "exclusiveMaximum": lambda limit: f"must be less than {limit}",
    "multipleOf": lambda step: f"must be a multiple of {step}",
    "minLength": lambda limit: f"must have at least {limit} characters",
    "maxLength": lambda limit: f"must have at most {limit} characters",
    "minItems": lambda limit: f"must have at least {limit} entries",
    "maxItems": lambda limit: f"must have at most {limit} entries",
    "anyOf": lambda forms: "fits none of the forms that it may have",
    "oneOf": lambda forms: "must fit exactly one of the forms that it may have",
}
_OWN_WORDS = frozenset({"pattern", "additionalProperties", "required", "uniqueItems"})


def _sentence(error: ValidationError) -> str:
    keyword = str(error.validator)
    if keyword in _OWN_WORDS:
        return error.message[:300]
    told = _SENTENCES.get(keyword)
    return told(error.validator_value)[:300] if told else f'does not fit its definition ("{keyword}")'


def _type_name(name: Any) -> str:
    return _TYPE_NAMES.get(str(name), str(name))
