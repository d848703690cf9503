"""Drawing loops: what may stand where, and what a body and the steps around it may refer to."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from runtime.graph.paths import containers_around, node_of, prefix_of, shape_of
from runtime.graph.presence import may_be_absent, may_be_absent_at_end
from runtime.graph.schema import Graph, parse_graph
from runtime.graph.validation import check_graph, describe_nodes
from runtime.nodes.catalogue import NODE_TYPES
from tests.unit.graph.drawing import drawn, structure
from tests.unit.nodes.fakes import Registered

ORDERS = {"type": "object", "properties": {"id": {"type": "string"}, "total": {"type": "number"}}}
SAMPLE = {"orders": [{"id": "1", "total": 5}]}


def node(name: str, kind: str, parent: str | None = None, **config: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "config": config, **({"parent": parent} if parent else {})}


def values(name: str, parent: str | None = None, **given: Any) -> dict[str, Any]:
    rows = [{"id": key, "value": value} for key, value in given.items()]
    return node(name, "set_values", parent, values=rows)


def a_graph(*nodes: dict[str, Any], lines: list[str]) -> Graph:
    edges = []
    for line in lines:
        ids = [part.strip().partition(":") for part in line.split(">")]
        edges += [
            {"source": source[0], "port": source[2] or "out", "target": target[0]}
            for source, target in pairwise(ids)
        ]
    start = node("start", "webhook_trigger", sample=SAMPLE)
    return parse_graph({"nodes": [start, *nodes], "edges": edges})


def looped(*nodes: dict[str, Any], lines: list[str] = [], **config: Any) -> Graph:  # noqa: B006
    given = {"items": "{{ trigger.body.orders }}", **config}
    return a_graph(node("loop", "for_each", **given), *nodes, lines=["start > loop", *lines])


def codes(graph: Graph) -> list[tuple[str | None, str]]:
    found = check_graph(graph, NODE_TYPES, Registered())
    return [(problem.node, problem.code) for problem in found if problem.severity == "error"]


# --- paths ------------------------------------------------------------------------------------------------


def test_a_path_tells_the_node_its_level_and_the_containers_around_it() -> None:
    path = "outer[2]/inner[0]/x"

    assert (node_of(path), prefix_of(path)) == ("x", "outer[2]/inner[0]/")
    assert list(containers_around(path)) == [("outer[2]/inner", 0), ("outer", 2)]
    assert shape_of(path) == ("outer", "inner", "x")
    assert (node_of("x"), prefix_of("x"), list(containers_around("x"))) == ("x", "", [])


# --- where things may stand ---------------------------------------------------------------------------------


def test_a_loop_with_a_step_inside_can_be_published() -> None:
    assert codes(looped(values("inner", "loop", total="{{ item.total * 2 }}"))) == []


def test_an_empty_loop_is_told() -> None:
    assert codes(looped()) == [("loop", "empty_loop")]


def test_a_step_may_stand_in_loops_only() -> None:
    graph = looped(values("inner", "loop", a=1), values("x", "inner", a=1), lines=["loop > x"])

    assert ("x", "invalid_parent") in codes(graph)


def test_a_trigger_stands_outside() -> None:
    graph = looped(node("second", "manual_trigger", "loop", fields=[]))

    assert ("second", "invalid_parent") in codes(graph)


def test_a_loop_in_itself_is_told_and_breaks_nothing() -> None:
    inner = {**node("inner", "for_each", "other", items=[1]), "id": "inner"}
    graph = looped(values("x", "loop", a=1), inner, node("other", "for_each", "inner", items=[1]))

    assert {("inner", "invalid_parent"), ("other", "invalid_parent")} <= set(codes(graph))


def test_loops_go_five_deep() -> None:
    nodes = [
        node(f"loop_{depth}", "for_each", f"loop_{depth - 1}" if depth else None, items=[1])
        for depth in range(6)
    ]
    graph = a_graph(*nodes, values("x", "loop_5", a=1), lines=["start > loop_0"])

    assert codes(graph) == [("loop_5", "nested_too_deep")]


def test_no_line_crosses_the_wall() -> None:
    graph = looped(values("inner", "loop", a=1), values("after", a=1), lines=["inner > after"])

    assert ("inner", "edge_crosses_wall") in codes(graph)


def test_a_body_may_have_free_exits() -> None:
    found = check_graph(looped(values("inner", "loop", a=1)), NODE_TYPES, Registered())

    assert [(problem.node, problem.code) for problem in found] == [("loop", "free_output")]


# --- what may be referred to ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{ item.id }}", None),
        ("{{ index + 1 }}", None),
        ("{{ steps.before.n }}", None),
        ("{{ steps.loop.results }}", "reference_missing"),
        ("{{ steps.second.n }}", "reference_missing"),
        ("{{ steps.beside.n }}", "reference_missing"),
    ],
)
def test_a_body_reads_its_element_and_what_is_before_its_loop(text: str, code: str | None) -> None:
    graph = a_graph(
        values("before", n=1),
        values("beside", n=1),
        node("loop", "for_each", items="{{ trigger.body.orders }}"),
        values("first", "loop", a=text),
        values("second", "loop", n=1),
        lines=["start > before > loop", "start > beside", "first > second"],
    )

    assert [found for found in codes(graph) if found[0] == "first"] == ([("first", code)] if code else [])


def test_the_end_of_an_iteration_reads_the_body() -> None:
    graph = looped(values("inner", "loop", n=1), collect={"n": "{{ steps.inner.n }}", "id": "{{ item.id }}"})

    assert codes(graph) == []


def test_what_an_iteration_may_leave_out_must_be_guarded_at_its_end() -> None:
    fork = node(
        "fork", "condition", "loop", branches=[{"id": "yes", "title": "Yes", "when": "{{ index > 1 }}"}]
    )
    graph = looped(
        fork, values("maybe", "loop", n=1), lines=["fork:yes > maybe"], collect="{{ steps.maybe.n }}"
    )

    assert codes(graph) == [("loop", "may_be_absent")]
    assert (
        codes(
            looped(
                fork, values("maybe", "loop", n=1), lines=["fork:yes > maybe"], collect="{{ steps.?maybe.n }}"
            )
        )
        == []
    )


def test_after_a_loop_only_its_results_can_be_read() -> None:
    graph = looped(
        values("inner", "loop", n=1),
        values("good", a="{{ steps.loop.results[0].n }}"),
        values("bad", a="{{ steps.inner.n }}"),
        values("worse", a="{{ item }}"),
        lines=["loop > good", "loop > bad", "loop > worse"],
    )

    assert codes(graph) == [("bad", "reference_missing"), ("worse", "reference_missing")]


def test_results_have_the_type_of_what_is_collected() -> None:
    graph = looped(
        values("inner", "loop", n=1),
        collect="{{ item.total }}",
    )

    described = describe_nodes(graph, NODE_TYPES, Registered())
    assert described["loop"].output is not None
    assert described["loop"].output["properties"]["results"]["items"]["type"] == "number"
    assert described["loop"].inside == ("inner",)
    assert described["inner"].item is not None
    assert set(described["inner"].item["properties"]) == {"id", "total"}


def test_a_list_is_needed() -> None:
    assert ("loop", "type_mismatch") in codes(
        looped(values("inner", "loop", n=1), items="{{ trigger.method }}")
    )


def test_the_condition_of_a_repetition_must_be_true_or_false() -> None:
    graph = a_graph(
        node("again", "repeat", until="{{ index }}"), values("inner", "again", n=1), lines=["start > again"]
    )

    assert codes(graph) == [("again", "type_mismatch")]


def test_item_exists_in_lists_only() -> None:
    graph = a_graph(
        node("again", "repeat", until="{{ index > 2 }}"),
        values("inner", "again", n="{{ item }}"),
        lines=["start > again"],
    )

    assert codes(graph) == [("inner", "reference_missing")]


def test_an_inner_loop_sees_the_element_of_the_nearest_list() -> None:
    graph = looped(
        node("again", "repeat", "loop", until="{{ index > 2 }}"),
        values("inner", "again", n="{{ item.id }}"),
    )

    assert codes(graph) == []


# --- presence -------------------------------------------------------------------------------------------------


def test_all_first_steps_of_a_body_start() -> None:
    graph = drawn("start > loop", "loop/x > loop/y", "loop/z > loop/y")

    assert not may_be_absent(structure(graph), "x", "y")


def test_a_way_around_a_step_in_a_body_makes_it_absent() -> None:
    graph = drawn("start > loop", "loop/fork:yes > loop/x > loop/y", "loop/fork:no > loop/y")

    assert may_be_absent(structure(graph), "x", "y")


def test_a_step_before_the_loop_is_judged_as_for_the_loop() -> None:
    graph = drawn("start > fork:yes > x > loop", "fork:no > loop", "loop/y")

    assert may_be_absent(structure(graph), "x", "y")
    assert not may_be_absent(structure(graph), "fork", "y")


def test_the_end_of_an_iteration_is_certain_of_what_always_runs() -> None:
    graph = drawn("start > loop", "loop/x > loop/fork:yes > loop/y", "loop/z:error > loop/y")

    assert not may_be_absent_at_end(structure(graph), "x")
    assert may_be_absent_at_end(structure(graph), "y")
    assert may_be_absent_at_end(structure(graph), "z")
