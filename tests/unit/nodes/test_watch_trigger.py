"""Watching a server: what may be watched, what its expressions read, and what a run is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from runtime.graph.schema import parse_graph
from runtime.graph.validation import check_graph, describe_nodes
from runtime.nodes.catalogue import NODE_TYPES
from tests.unit.nodes.fakes import Registered, example_of, hinted, output_of, problems
from tests.unit.nodes.samples import LIST_LATE, SAMPLES

KNOWN = Registered(tools=[LIST_LATE])
SAMPLE = SAMPLES["watch_trigger"].config


def without(config: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in names}


def found_in(changes: Mapping[str, Any], known: Registered = KNOWN) -> list[tuple[str | None, str]]:
    """Field and code of everything wrong with a workflow that begins with a watch."""
    config = {**without(SAMPLE, "arguments"), **changes}
    nodes = [
        {"id": "seen", "type": "watch_trigger", "config": config},
        {"id": "tell", "type": "reply", "config": {"text": "{{ trigger.id }} {{ trigger.days + 1 }}"}},
    ]
    edges = [{"source": "seen", "port": "out", "target": "tell"}]
    graph = parse_graph({"schema": 1, "nodes": nodes, "edges": edges})
    return [(problem.field, problem.code) for problem in check_graph(graph, NODE_TYPES, known)]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"where": {"all": [{"left": "{{ item.days }}", "op": "greater", "right": 3}]}}, []),
        ({"arguments": {"since": "{{ workspace.timezone }}"}}, []),
        ({"items": "{{ result.parcels }}"}, [("items", "reference_missing")]),
        ({"items": "{{ result.orders[0].id }}"}, [("items", "type_mismatch")]),
        ({"items": "orders"}, [("items", "type_mismatch")]),
        ({"key": "{{ item.number }}"}, [("key", "reference_missing")]),
        ({"key": "{{ trigger.id }}"}, [("key", "reference_missing")]),
        ({"key": "id"}, [("key", "type_mismatch")]),
        ({"where": "{{ item.days }}"}, [("where", "type_mismatch")]),
        ({"where": "{{ result.orders }}"}, [("where", "reference_missing")]),
        ({"arguments": {"since": "{{ run.id }}"}}, [("arguments/since", "reference_missing")]),
        ({"arguments": {"until": "now"}}, [("arguments/until", "unknown_argument")]),
        ({"tool": "list_all"}, [("tool", "unknown_tool")]),
        ({"server": "nowhere"}, [("server", "unknown_server")]),
        ({"every_s": 5}, [("every_s", "invalid_config")]),
    ],
)
def test_a_watch_is_judged_while_it_is_drawn(changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert [row for row in found_in(changes) if row[0] is not None and row[0] != "text"] == found


@pytest.mark.parametrize(
    ("tool", "found"),
    [
        (LIST_LATE, []),
        (replace(LIST_LATE, effect="idempotent"), []),
        (replace(LIST_LATE, effect="once"), [("tool", "tool_has_effects")]),
        (replace(LIST_LATE, approval={"kind": "anyone"}), [("tool", "approval_needed")]),
        (replace(LIST_LATE, enabled=False), [("tool", "mcp_tool_blocked")]),
        (replace(LIST_LATE, reserved=True), [("tool", "mcp_tool_reserved")]),
    ],
)
def test_only_what_does_no_harm_when_called_again_is_watched(tool: Any, found: list[tuple[str, str]]) -> None:
    assert problems("watch_trigger", SAMPLE, Registered(tools=[tool])) == found


def test_later_steps_know_the_item_by_the_definition_of_the_tool() -> None:
    schema = output_of("watch_trigger", without(SAMPLE, "sample"), KNOWN)

    assert schema is not None
    assert schema["required"] == ["id", "days"]


def test_without_a_definition_the_sample_tells_what_an_item_is() -> None:
    plain = Registered(tools=[replace(LIST_LATE, output_schema=None)])
    config = {**SAMPLE, "items": "{{ result.data.orders }}"}

    schema = output_of("watch_trigger", config, plain)
    assert schema is not None
    assert schema["properties"]["days"]["type"] == "number"
    assert output_of("watch_trigger", without(config, "sample"), plain) is None


def test_an_item_that_is_no_object_stands_under_value() -> None:
    numbers = {"type": "object", "properties": {"orders": {"type": "array", "items": {"type": "string"}}}}
    known = Registered(tools=[replace(LIST_LATE, output_schema=numbers)])

    schema = output_of("watch_trigger", {**SAMPLE, "key": "{{ item }}"}, known)

    assert schema is not None
    assert schema["properties"] == {"value": {"type": "string"}}


def test_the_editor_is_told_what_each_field_reads() -> None:
    graph = parse_graph({"schema": 1, "nodes": [{"id": "seen", "type": "watch_trigger", "config": SAMPLE}]})

    names = describe_nodes(graph, NODE_TYPES, KNOWN)["seen"].names

    assert {field: sorted(about) for field, about in names.items()} == {
        "arguments": [],
        "items": ["result"],
        "key": ["item"],
        "where": ["item"],
    }
    assert "days" in names["key"]["item"]["properties"]


def test_it_says_how_often_it_looks_and_what_the_first_look_does() -> None:
    assert hinted("watch_trigger", SAMPLE) == (
        "Looks every 5 minutes once it is published. Each item that is there at the beginning starts a run."
    )
    assert "only remembered" in str(hinted("watch_trigger", {**SAMPLE, "first": "remember"}))
    assert example_of("watch_trigger", SAMPLE) == {"id": "12345", "days": 4}
