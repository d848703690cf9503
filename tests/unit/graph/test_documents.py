"""The graph document: what is read, what is refused before it is read, and how it is written."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import GraphMalformed
from runtime.graph import schema
from runtime.graph.schema import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_EDGES,
    MAX_NODES,
    MAX_NOTES,
    Graph,
    digest,
    dump_graph,
    parse_graph,
    parse_graph_text,
)
from runtime.graph.upgrades import upgrade_nodes
from tests.support.order_status import ORDER_STATUS
from tests.unit.graph.drawing import KINDS, Kind


def node(name: str = "a", **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "step", **more}


def refused(document: object) -> GraphMalformed:
    with pytest.raises(GraphMalformed) as caught:
        parse_graph(document)
    return caught.value


def refused_text(text: str | bytes) -> GraphMalformed:
    with pytest.raises(GraphMalformed) as caught:
        parse_graph_text(text)
    return caught.value


def test_the_example_of_the_documentation_is_read_and_written_the_same() -> None:
    graph = parse_graph(ORDER_STATUS)

    assert parse_graph(dump_graph(graph)) == graph
    assert [row["id"] for row in dump_graph(graph)["nodes"]] == [row["id"] for row in ORDER_STATUS["nodes"]]


def test_an_empty_document_is_an_empty_graph() -> None:
    assert parse_graph({}) == Graph()


def test_defaults_are_not_written() -> None:
    written = dump_graph(parse_graph({"nodes": [node(settings={"join": "all", "disabled": True})]}))

    assert written["nodes"][0]["settings"] == {"disabled": True}
    assert not {"title", "parent"} & written["nodes"][0].keys()
    assert written["settings"] == {}


# --- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "most", "row"),
    [
        ("nodes", MAX_NODES, lambda number: node(f"n{number}")),
        ("edges", MAX_EDGES, lambda number: {"source": f"a{number}", "port": "out", "target": "b"}),
        ("notes", MAX_NOTES, lambda number: {"id": f"n{number}", "text": ""}),
    ],
)
def test_there_may_be_so_many_rows_and_no_more(name: str, most: int, row: Any) -> None:
    rows = [row(number) for number in range(most + 1)]

    assert len(getattr(parse_graph({name: rows[:-1]}), name)) == most
    assert refused({name: rows}).details == {"path": name, "limit": most}


@pytest.mark.parametrize("letter", ["a", "é", "😀"])
def test_the_size_of_a_text_counts_in_bytes(letter: str) -> None:
    times = MAX_BYTES // len(letter.encode())

    assert "bytes" in refused_text(json.dumps(letter * times, ensure_ascii=False)).message
    assert "bytes" in refused_text(json.dumps(letter * times, ensure_ascii=False).encode()).message
    assert "bytes" in refused({"nodes": [node(config={"text": letter * times})]}).message


def test_a_text_of_the_largest_size_is_read() -> None:
    text = '{"nodes": []}'

    assert parse_graph_text(text + " " * (MAX_BYTES - len(text))) == Graph()


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def test_a_config_may_be_so_deep_and_no_deeper() -> None:
    # The config stands on the fourth level of the document: document, nodes, node, config.
    deepest = {"nodes": [node(config=nested(MAX_DEPTH - 3))]}

    assert parse_graph(deepest).nodes[0].config == nested(MAX_DEPTH - 3)
    assert (
        refused({"nodes": [node(config=nested(MAX_DEPTH - 2))]})
        .details["path"]
        .startswith("nodes/0/config/a/a")
    )


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 5000 + "]" * 5000])
def test_endless_nesting_is_refused_as_text(text: str) -> None:
    refused_text(text)


def test_long_keys_cannot_fill_the_memory_with_paths() -> None:
    config = {"k" * 400_000: [0] * 200_000}

    assert "larger" in refused({"nodes": [node(config=config)]}).message


# --- what is not a graph -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document", [None, [], "x", 1, {"nodes": {}}, {"edges": "x"}, {"nodes": [1]}, {"other": 1}]
)
def test_what_is_not_shaped_like_a_graph_is_refused(document: object) -> None:
    assert refused(document).code == "malformed_graph"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{'a': 1}",
        '{"nodes": [],}',
        '{"settings": {"keep_days": NaN}}',
        '{"nodes": [Infinity]}',
        '{"nodes": [1e999]}',
        '{"nodes": [' + "9" * 5000 + "]}",
        '{"nodes": [], "nodes": []}',
        '{"nodes": [{"id": "a", "id": "b"}]}',
        "\ud800",
        b"\xff\xfe\xff",
        b'{"nodes": [], "x": "\xff"}',
        "null",
    ],
)
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    assert refused_text(text).code == "malformed_graph"


def test_a_key_that_stands_twice_is_named() -> None:
    keys = ", ".join(f'"k{number}": 0' for number in range(20_000))

    assert refused_text(f'{{"nodes": [{{{keys}, "k19999": 0}}]}}').details == {"path": "k19999"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": "Upper"}, "nodes/0/id"),
        ({"id": "1a"}, "nodes/0/id"),
        ({"id": "a" * 64}, "nodes/0/id"),
        ({"id": "a\n"}, "nodes/0/id"),
        ({"id": "__proto__"}, "nodes/0/id"),
        ({"type": ""}, "nodes/0/type"),
        ({"version": 0}, "nodes/0/version"),
        ({"title": "x" * 121}, "nodes/0/title"),
        ({"config": []}, "nodes/0/config"),
        ({"parent": "No"}, "nodes/0/parent"),
        ({"label": "x"}, "nodes/0/label"),
        ({"settings": {"timeout_s": 0}}, "nodes/0/settings/timeout_s"),
        ({"settings": {"timeout_s": 3601}}, "nodes/0/settings/timeout_s"),
        ({"settings": {"join": "any"}}, "nodes/0/settings/join"),
        ({"settings": {"retry": {"attempts": 21}}}, "nodes/0/settings/retry/attempts"),
        ({"settings": {"retries": 1}}, "nodes/0/settings/retries"),
        ({"position": {"x": 1e7}}, "nodes/0/position/x"),
    ],
)
def test_a_node_that_cannot_be_read_is_told_with_its_place(change: dict[str, Any], path: str) -> None:
    assert refused({"nodes": [node() | change]}).details == {"path": path}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a\x00b", "nodes/0/config/list/1"),
        ("\ud800", "nodes/0/config/list/1"),
        (2**63, "nodes/0/config/list/1"),
        (float("inf"), "nodes/0/config/list/1"),
        (float("nan"), "nodes/0/config/list/1"),
        ({1, 2}, "nodes/0/config/list/1"),
        ({"__proto__": 1}, "nodes/0/config/list/1"),
        ({"a\x00": 1}, "nodes/0/config/list/1"),
        ({1: 2}, "nodes/0/config/list/1"),
    ],
)
def test_a_value_that_no_row_can_hold_is_told_with_its_place(value: object, path: str) -> None:
    assert refused({"nodes": [node(config={"list": [1, value]})]}).details == {"path": path}


def test_ids_are_there_once() -> None:
    assert refused({"nodes": [node("a"), node("b"), node("a")]}).details == {"path": "nodes", "id": "a"}
    assert refused({"notes": [{"id": "n"}, {"id": "n"}]}).details == {"path": "notes", "id": "n"}


def test_an_edge_may_point_nowhere_in_a_draft() -> None:
    assert len(parse_graph({"edges": [{"source": "a", "port": "out", "target": "b"}]}).edges) == 1


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
PLACES: list[tuple[str | int, ...]] = [
    *(("schema",), ("nodes",), ("nodes", 1), ("nodes", 1, "config"), ("nodes", 1, "config", "choices")),
    *(
        ("nodes", 0, "settings"),
        ("nodes", 2, "id"),
        ("nodes", 3, "position"),
        ("edges", 0, "port"),
        ("edges", 1),
    ),
    *(("settings",), ("settings", "budgets"), ("notes", 0, "size")),
]


@given(st.sampled_from(PLACES), JSON)
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_a_document_it_is_read_or_refused(
    place: tuple[str | int, ...], value: Any
) -> None:
    document: Any = copy.deepcopy(ORDER_STATUS)
    inner = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value

    try:
        graph = parse_graph(document)
    except GraphMalformed:
        return
    assert parse_graph(dump_graph(graph)) == graph


@given(st.one_of(st.text(), st.binary()))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    try:
        parse_graph_text(text)
    except GraphMalformed:
        return


# --- digests and upgrades --------------------------------------------------------------------------------


def test_equal_graphs_have_equal_digests() -> None:
    shuffled = json.loads(json.dumps(ORDER_STATUS, sort_keys=True))
    spelled_out = parse_graph({"nodes": [node(settings={"join": "all"}, title="")], "schema": 1})

    assert digest(parse_graph(shuffled)) == digest(parse_graph(ORDER_STATUS))
    assert digest(spelled_out) == digest(parse_graph({"nodes": [node()]}))


@pytest.mark.parametrize(
    "change", [{"title": "x"}, {"config": {"a": 1}}, {"version": 2}, {"position": {"x": 1}}]
)
def test_another_graph_has_another_digest(change: dict[str, Any]) -> None:
    assert digest(parse_graph({"nodes": [node() | change]})) != digest(parse_graph({"nodes": [node()]}))


@pytest.mark.parametrize("version", [0, 2, "1", None, [], {}, 1.5])
def test_a_document_of_an_unknown_format_is_refused(version: object) -> None:
    assert refused({"schema": version}).details == {"path": "schema"}


def test_an_older_document_is_read_through_its_upgrades(monkeypatch: pytest.MonkeyPatch) -> None:
    def steps_become_nodes(document: dict[str, Any]) -> dict[str, Any]:
        return {"schema": 1, "nodes": document["steps"]}

    monkeypatch.setitem(schema.UPGRADES, 0, steps_become_nodes)

    assert [row.id for row in parse_graph({"schema": 0, "steps": [node("a")]}).nodes] == ["a"]


def test_nodes_of_an_older_version_are_brought_to_todays() -> None:
    types = {**KINDS, "step": Kind("step", (), version=4)}
    graph = parse_graph({"nodes": [node(version=2, config={"kept": 1}, title="T"), node("b", version=4)]})

    upgraded = upgrade_nodes(graph, types)

    assert upgraded.nodes[0].config == {"kept": 1, "upgraded": [3, 4]}
    assert (upgraded.nodes[0].version, upgraded.nodes[0].title) == (4, "T")
    assert upgraded.nodes[1] == graph.nodes[1]
    assert graph.nodes[0].version == 2


def test_newer_and_unknown_nodes_are_left_as_they_are() -> None:
    graph = parse_graph({"nodes": [node(version=9), {"id": "b", "type": "from_elsewhere", "version": 1}]})

    assert upgrade_nodes(graph, KINDS) is graph
