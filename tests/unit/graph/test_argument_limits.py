"""Limits of a tool's arguments: what is refused, and where."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import McpError
from runtime.graph.argument_limits import check_limits, limit_problem, refused_arguments


@pytest.mark.parametrize(
    ("arguments", "limits", "refused"),
    [
        ({"folder": "/srv"}, {"folder": {"value": "/srv"}}, []),
        ({"folder": "/etc"}, {"folder": {"value": "/srv"}}, ["folder"]),
        ({}, {"folder": {"value": "/srv"}}, ["folder"]),
        ({"count": 5}, {"count": {"value": 5}}, []),
        ({"name": "abc"}, {"name": {"pattern": "[a-z]+"}}, []),
        ({"name": "abc!"}, {"name": {"pattern": "[a-z]+"}}, ["name"]),
        ({}, {"name": {"pattern": "[a-z]+"}}, []),
        ({"name": None}, {"name": {"pattern": "[a-z]+"}}, []),
        ({"count": 12}, {"count": {"pattern": "[0-9]{1,2}"}}, []),
        ({"to": ["a@x.org", "b@x.org"]}, {"to": {"pattern": ".*@x\\.org"}}, []),
        ({"to": ["a@x.org", "b@y.org"]}, {"to": {"pattern": ".*@x\\.org"}}, ["to"]),
        ({"customer": {"country": "DE"}}, {"customer/country": {"value": "DE"}}, []),
        ({"customer": {"country": "FR"}}, {"customer/country": {"value": "DE"}}, ["customer/country"]),
        ({"customer": "DE"}, {"customer/country": {"value": "DE"}}, ["customer/country"]),
        ({"customer": "{}"}, {"customer/country": {"pattern": "DE"}}, ["customer/country"]),
        ({"customer": None}, {"customer/country": {"pattern": "DE"}}, []),
        ({"items": [{"sku": "A1"}, {"sku": "A2"}]}, {"items/sku": {"pattern": "A[0-9]"}}, []),
        ({"items": [{"sku": "A1"}, {"sku": "B2"}]}, {"items/sku": {"pattern": "A[0-9]"}}, ["items/sku"]),
        ({"items": [{"sku": "A1"}, {}]}, {"items/sku": {"pattern": "A[0-9]"}}, []),
        ({"items": [{"sku": "A1"}, {}]}, {"items/sku": {"value": "A1"}}, ["items/sku"]),
        ({"items": []}, {"items/sku": {"value": "A1"}}, []),
        ({}, {"items/sku": {"value": "A1"}}, ["items/sku"]),
        ({"items": [["A1"]]}, {"items/sku": {"pattern": "A[0-9]"}}, ["items/sku"]),
        ({"sets": [[{"sku": "B2"}]]}, {"sets/sku": {"pattern": "A[0-9]"}}, ["sets/sku"]),
        ({"on": True}, {"on": {"value": 1}}, ["on"]),
        ({"a": "line\nline"}, {"a": {"pattern": "line"}}, ["a"]),
    ],
)
def test_what_breaks_a_limit_is_named(
    arguments: dict[str, Any], limits: dict[str, Any], refused: list[str]
) -> None:
    assert [path for path, _ in refused_arguments(arguments, limits)] == refused


def test_what_is_not_known_yet_is_not_judged() -> None:
    arguments = {"folder": "{{ trigger.x }}", "all": "{{ trigger }}", "items": [{"sku": "{{ trigger.sku }}"}]}
    limits = {"folder": {"value": "/srv"}, "all/part": {"value": 1}, "items/sku": {"pattern": "A"}}

    assert list(refused_arguments(arguments, limits, unknown=lambda value: "{{" in str(value))) == []


@pytest.mark.parametrize(
    "limit", [None, {}, {"value": 1, "pattern": "a"}, {"pattern": ""}, {"pattern": "("}, {"x": 1}]
)
def test_a_limit_that_cannot_be_is_told(limit: Any) -> None:
    assert limit_problem(limit)


def test_the_error_names_the_argument_and_was_never_sent() -> None:
    with pytest.raises(McpError) as caught:
        check_limits("files", "read", {"folder": "/etc"}, {"folder": {"value": "/srv"}})

    assert caught.value.code == "mcp_argument_refused"
    assert caught.value.details["field"] == "folder"
    assert caught.value.details["sent"] is False
    assert '"/srv"' in caught.value.message
