"""What may stand in a row: plain JSON of bounded size, whatever came in."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.engine.values import MAX_DEPTH, MAX_VALUE_BYTES, storable
from runtime.errors import NodeFailure

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Colour(StrEnum):
    RED = "red"


def nested(levels: int, *, of_lists: bool = True) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if of_lists else {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**63 - 1, 1.5, -0.0, "", "Zoë 🎈", [], {}, {"a": [1, {"b": None}]}, [[], [[]]]],
)
def test_plain_json_stays_as_it_is(value: Any) -> None:
    kept = storable(value, what="It")

    assert kept == value
    assert type(kept) is type(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a\x00b", f"a{REPLACEMENT}b"),
        ("a\ud800b", "a?b"),
        ("\x00\ud800", f"{REPLACEMENT}?"),
        ({"k\x00": ["v\x00"]}, {f"k{REPLACEMENT}": [f"v{REPLACEMENT}"]}),
        ({"k\udfff": 1}, {"k?": 1}),
        (2**63, float(2**63)),
        (10**400, None),
        (math.nan, None),
        ([math.inf, -math.inf, 1.0], [None, None, 1.0]),
        ((1, 2), [1, 2]),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        (date(2026, 11, 21), "2026-11-21"),
        (datetime(2026, 11, 21, 9, tzinfo=UTC), "2026-11-21 09:00:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (Colour.RED, "red"),
        (b"\x00", "b'\\x00'"),
    ],
)
def test_what_a_row_cannot_hold_is_replaced(value: Any, kept: Any) -> None:
    assert storable(value, what="It") == kept


def test_the_value_that_was_given_is_left_alone() -> None:
    given = {"a": ["x\x00", (1, 2)]}
    storable(given, what="It")

    assert given == {"a": ["x\x00", (1, 2)]}


def test_a_later_change_of_what_was_given_does_not_reach_what_is_kept() -> None:
    given = {"a": [1]}
    kept = storable(given, what="It")
    given["a"].append(2)

    assert kept == {"a": [1]}


@pytest.mark.parametrize("of_lists", [True, False])
def test_a_hundred_levels_are_taken_and_one_more_is_refused(of_lists: bool) -> None:
    assert storable(nested(MAX_DEPTH, of_lists=of_lists), what="It") == nested(MAX_DEPTH, of_lists=of_lists)
    with pytest.raises(NodeFailure) as caught:
        storable(nested(MAX_DEPTH + 1, of_lists=of_lists), what='The output of "Look up"')

    assert caught.value.code == "value_too_large"
    assert caught.value.message.startswith('The output of "Look up" is nested deeper')
    assert caught.value.retryable is False


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(NodeFailure):
        storable(value, what="It")


@pytest.mark.parametrize("character", ["x", "ä", "🎈"])
def test_the_limit_counts_bytes_as_they_are_stored(character: str) -> None:
    quotes = 2
    most = (MAX_VALUE_BYTES - quotes) // len(character.encode())
    assert len(storable(character * most, what="It")) == most
    with pytest.raises(NodeFailure) as caught:
        storable(character * (most + 1), what="It")

    assert caught.value.code == "value_too_large"
    assert caught.value.details["limit_bytes"] == MAX_VALUE_BYTES
    assert caught.value.details["size_bytes"] > MAX_VALUE_BYTES
    assert "8,388,608" in caught.value.message


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec=None), max_size=4) | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


@given(ANYTHING)
def test_whatever_comes_in_can_be_stored_and_read_back(value: Any) -> None:
    kept = storable(value, what="It")
    text = json.dumps(kept, ensure_ascii=False, allow_nan=False)

    assert json.loads(text.encode()) == kept
    assert "\\u0000" not in text
    assert storable(kept, what="It") == kept
