"""What a watch finds in the answer of a tool."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runtime.errors import PatchbayError
from runtime.watching import MAX_ITEMS, MAX_KEY, Watch

WATCH = Watch("orders", "list_late", {}, "{{ result.orders }}", "{{ item.id }}")
NAMES: dict[str, Any] = {"vars": {"limit": 3, "nothing": None}, "workspace": {"timezone": "UTC"}}


def keys(watch: Watch, *items: Any) -> list[str]:
    return [row.key for row in watch.sightings({"orders": list(items)}, NAMES)]


def test_items_come_in_their_order_with_what_a_run_is_given() -> None:
    [one, two] = WATCH.sightings({"orders": [{"id": 7}, {"id": "b", "x": 1}]}, NAMES)

    assert (one.key, one.value, two.key) == ("7", {"id": 7}, "b")
    [text] = replace(WATCH, key="{{ item }}").sightings({"orders": ["a"]}, NAMES)
    assert text.value == {"value": "a"}


def test_an_item_has_changed_when_anything_in_it_has() -> None:
    [before] = WATCH.sightings({"orders": [{"id": 1, "a": 1, "b": [2]}]}, NAMES)
    [same] = WATCH.sightings({"orders": [{"b": [2], "a": 1, "id": 1}]}, NAMES)
    [other] = WATCH.sightings({"orders": [{"id": 1, "a": 1, "b": [3]}]}, NAMES)

    assert before.digest == same.digest
    assert before.digest != other.digest


@pytest.mark.parametrize(
    "where",
    ["{{ item.days > vars.limit }}", {"all": [{"left": "{{ item.days }}", "op": "greater", "right": 3}]}],
)
def test_what_does_not_fit_is_left_out(where: Any) -> None:
    watch = replace(WATCH, where=where)

    assert keys(watch, {"id": 1, "days": 3}, {"id": 2, "days": 4}) == ["2"]


def test_the_same_item_twice_counts_once() -> None:
    assert keys(WATCH, {"id": 1}, {"id": 1}) == ["1"]


def test_long_keys_stay_apart() -> None:
    found = keys(WATCH, {"id": "x" * 500 + "a"}, {"id": "x" * 500 + "b"})

    assert len(set(found)) == 2
    assert max(map(len, found)) <= MAX_KEY


@pytest.mark.parametrize(
    ("changes", "items", "code", "field"),
    [
        ({"items": "{{ result }}"}, [], "watch_not_a_list", "items"),
        ({"items": "{{ result.none }}"}, [], "expression_error", "items"),
        ({}, [{"id": 1, "a": 1}, {"id": 1, "a": 2}], "watch_key_taken", "key"),
        ({}, [{"id": n} for n in range(MAX_ITEMS + 1)], "watch_too_many_items", "items"),
        ({}, [{"id": None}], "expression_error", "key"),
        ({}, [{"no": 1}], "expression_error", "key"),
        ({"where": "{{ item.id }}"}, [{"id": 1}], "expression_error", "where"),
    ],
)
def test_what_cannot_be_watched_says_why(
    changes: dict[str, Any], items: list[Any], code: str, field: str
) -> None:
    with pytest.raises(PatchbayError) as caught:
        keys(replace(WATCH, **changes), *items)

    assert caught.value.code == code
    assert caught.value.details["field"] == field


def test_arguments_are_asked_at_each_look() -> None:
    watch = replace(WATCH, arguments={"limit": "{{ vars.limit }}", "deep": {"a": ["{{ vars.limit + 1 }}"]}})

    assert watch.asked(NAMES) == {"limit": 3, "deep": {"a": [4]}}
    assert replace(WATCH, arguments={"n": "{{ vars.nothing }}"}).asked(NAMES) == {}


def test_a_watch_comes_back_from_its_row() -> None:
    watch = replace(WATCH, where="{{ true }}", every_s=30, first="run")

    assert Watch.from_spec({**watch.spec(), "of a later release": 1}) == watch
    assert watch.finds_like(replace(watch, every_s=60, first="remember"))
    assert not watch.finds_like(replace(watch, where=None))
