"""Whether a step may be absent when another one runs, told from the drawing and held against every run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.graph.presence import FAILURE, may_be_absent, with_failure_of
from runtime.graph.scheduling import Frontier
from runtime.graph.schema import Edge, Graph, Node, NodeSettings
from tests.unit.graph.drawing import drawn, structure


def absent(*arrows: str, first: Collection[str] = (), disabled: Collection[str] = ()) -> bool:
    """Whether x may be absent before y."""
    return may_be_absent(structure(drawn(*arrows, first=first, disabled=disabled)), "x", "y")


def test_a_step_in_a_row_is_there() -> None:
    assert not absent("start > x > a > y")


def test_a_step_on_one_branch_may_be_absent_where_the_branches_meet() -> None:
    assert absent("start > fork:yes > x > y", "fork:no > y")


def test_a_step_on_a_branch_is_there_for_what_follows_on_the_same_branch() -> None:
    assert not absent("start > fork:yes > x > y", "fork:no > other")


def test_a_step_to_which_every_branch_leads_is_there() -> None:
    assert not absent("start > fork:yes > x > y", "fork:no > x")


def test_a_step_beside_a_branch_is_there_where_they_meet() -> None:
    assert not absent("start > x > y", "start > fork:yes > y", "fork:no > y")


def test_an_exit_that_cannot_be_taken_does_not_count() -> None:
    assert not absent("start > fork:yes > x > y", "fork:no > x", "fork:unsure > y")


def test_with_two_triggers_a_step_after_one_of_them_may_be_absent() -> None:
    assert absent("start_1 > x > y", "start_2 > y")


def test_with_two_triggers_a_step_after_both_is_there() -> None:
    assert not absent("start_1 > x > y", "start_2 > x")


def test_a_step_that_failed_is_absent_on_its_error_branch() -> None:
    assert absent("start > x:error > y")


def test_a_step_that_may_fail_and_go_on_is_absent_where_another_way_leads_on() -> None:
    assert absent("start > x > y", "x:error > note", "start > y")


def test_a_step_that_may_fail_is_there_for_what_only_its_success_leads_to() -> None:
    assert not absent("start > x > y", "x:error > note")


def test_a_failure_that_nothing_handles_ends_the_run_and_makes_nothing_absent() -> None:
    assert not absent("start > x > y", "start > y")


def test_a_step_after_one_whose_failure_is_handled_may_be_absent() -> None:
    assert absent("start > a > x > y", "a:error > y")


def test_a_skipped_step_takes_its_followers_along() -> None:
    assert absent("start > fork:yes > a > x > y", "fork:no > y")


def test_the_first_way_in_does_not_wait_for_the_other() -> None:
    assert absent("start > x > y", "start > y", first={"y"})
    assert not absent("start > x > y", "start > y")


def test_a_step_on_the_only_way_to_a_first_join_is_there() -> None:
    assert not absent("start > x > a > y", "x > b > y", first={"y"})


def test_a_first_join_on_the_way_does_not_wait_either() -> None:
    assert absent("start > x > a > y", "start > a", first={"a"})


def test_a_disabled_step_gives_nothing_to_refer_to() -> None:
    assert absent("start > x > y", disabled={"x"})


def test_a_disabled_branch_leaves_by_none_of_its_exits() -> None:
    assert absent("start > fork:yes > x > y", "fork:no > x", "start > y", disabled={"fork"})


def test_a_circle_in_a_draft_is_answered_too() -> None:
    assert not absent("start > x > y > x")


# --- failures ----------------------------------------------------------------------------------


def failure_absent(*arrows: str, first: Collection[str] = (), disabled: Collection[str] = ()) -> bool:
    """Whether x may not have left by its `error` port before y."""
    built = structure(drawn(*arrows, first=first, disabled=disabled))
    return may_be_absent(with_failure_of(built, "x"), FAILURE, "y")


def test_a_failure_is_there_for_what_only_its_exit_leads_to() -> None:
    assert not failure_absent("start > x > z", "x:error > a > y")


def test_a_failure_is_absent_where_success_leads_to_the_same_step() -> None:
    assert failure_absent("start > x > y", "x:error > y")


def test_a_failure_is_absent_where_that_of_another_step_leads_to_the_same_one() -> None:
    assert failure_absent("start > x > b", "x:error > y", "b:error > y")


def test_a_failure_is_there_where_another_way_waits_for_it_on_a_branch_of_its_own() -> None:
    assert not failure_absent("start > x:error > fork:yes > y", "fork:no > y")


def test_the_first_way_in_does_not_wait_for_a_failure() -> None:
    assert failure_absent("start > x > b", "x:error > y", "start > y", first={"y"})
    assert not failure_absent("start > x > b", "x:error > y", "x:error > a > y", first={"y"})


def test_a_disabled_step_does_not_fail() -> None:
    assert failure_absent("start > x:error > y", "start > y", disabled={"x"})


# --- against runs ----------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn, *, joins: bool) -> Graph:
    """A trigger or two, and up to five steps and forks whose edges lead forward."""
    triggers = draw(st.integers(1, 2))
    kinds = ["start"] * triggers + draw(st.lists(st.sampled_from(["step", "fork"]), min_size=2, max_size=5))
    nodes, edges = [], []
    for position, kind in enumerate(kinds):
        join = draw(st.sampled_from(["all", "first"])) if joins and position >= triggers else "all"
        nodes.append(Node(id=f"n{position}", type=kind, settings=NodeSettings.model_validate({"join": join})))
        ports = {"start": ["out"], "step": ["out", "error"], "fork": ["yes", "no", "error"]}[kind]
        later = st.sampled_from([f"n{other}" for other in range(max(position + 1, triggers), len(kinds))])
        if position < len(kinds) - 1:
            drawn_edges = draw(st.sets(st.tuples(st.sampled_from(ports), later), max_size=4))
            edges += [Edge(source=f"n{position}", port=port, target=end) for port, end in sorted(drawn_edges)]
    return Graph(nodes=nodes, edges=edges)


def exits(graph: Graph, node: Node) -> list[str]:
    """The ways in which a node may end without ending the run."""
    ports = {"start": ["out"], "step": ["out"], "fork": ["yes", "no"]}[node.type]
    handled = any(edge.source == node.id and edge.port == "error" for edge in graph.edges)
    return [*ports, "error"] if handled else ports


def run(
    graph: Graph, trigger: str, choice: dict[str, str], order: list[int], *, failures: bool = False
) -> Iterator[tuple[str, set[str]]]:
    """Each step that starts, with the steps that have succeeded by then; `order` says which one ends next.

    failures   with those that have failed instead
    """
    frontier, ended = Frontier(graph), set() if failures else {trigger}
    running = list(frontier.fire(trigger, {"out"}).ready)
    yield from ((name, set(ended)) for name in running)
    for turn in order:
        if not running:
            return
        name = running.pop(turn % len(running))
        if (choice[name] == "error") == failures:
            ended.add(name)
        started = frontier.settle(name, {choice[name]}).ready
        running += started
        yield from ((ready, set(ended)) for ready in started)


def pairs(graph: Graph) -> Iterator[tuple[str, str]]:
    """Every x that comes before a y, as a reference from y to x needs it."""
    built = structure(graph)
    for node in graph.nodes:
        yield from ((x, node.id) for x in built.before(node.id) if not built.is_trigger(x))


@given(graphs(joins=True), st.data())
@settings(max_examples=150, deadline=None)
def test_nothing_is_absent_in_a_run_that_the_drawing_called_certain(
    graph: Graph, data: st.DataObject
) -> None:
    built = structure(graph)
    certain = [(x, y) for x, y in pairs(graph) if not may_be_absent(built, x, y)]

    trigger = data.draw(st.sampled_from(built.triggers))
    choice = {node.id: data.draw(st.sampled_from(exits(graph, node))) for node in graph.nodes}
    order = data.draw(st.lists(st.integers(0, 4), min_size=7, max_size=7))

    for started, succeeded in run(graph, trigger, choice, order):
        assert [x for x, y in certain if y == started and x not in succeeded] == []


@given(graphs(joins=False))
@settings(max_examples=500, deadline=None)
def test_what_is_called_absent_is_absent_in_some_run(graph: Graph) -> None:
    built = structure(graph)
    seen = set()
    for trigger in built.triggers:
        for ports in product(*(exits(graph, node) for node in graph.nodes)):
            choice = dict(zip((node.id for node in graph.nodes), ports, strict=True))
            for started, succeeded in run(graph, trigger, choice, [0] * len(graph.nodes)):
                seen |= {(x, started) for x in built.nodes if x not in succeeded}

    assert {pair for pair in pairs(graph) if may_be_absent(built, *pair)} == seen & set(pairs(graph))


def uncertain_failures(graph: Graph) -> dict[tuple[str, str], bool]:
    """Every x with a drawn `error` port that comes before a y -> whether its failure may be absent there."""
    built = structure(graph)
    failing = {edge.source for edge in graph.edges if edge.port == "error"}
    return {
        (x, y): may_be_absent(with_failure_of(built, x), FAILURE, y) for x, y in pairs(graph) if x in failing
    }


@given(graphs(joins=True), st.data())
@settings(max_examples=150, deadline=None)
def test_a_failure_has_happened_in_every_run_where_the_drawing_called_it_certain(
    graph: Graph, data: st.DataObject
) -> None:
    certain = [pair for pair, may_be in uncertain_failures(graph).items() if not may_be]
    trigger = data.draw(st.sampled_from(structure(graph).triggers))
    choice = {node.id: data.draw(st.sampled_from(exits(graph, node))) for node in graph.nodes}
    order = data.draw(st.lists(st.integers(0, 4), min_size=7, max_size=7))

    for started, failed in run(graph, trigger, choice, order, failures=True):
        assert [x for x, y in certain if y == started and x not in failed] == []


@given(graphs(joins=False))
@settings(max_examples=300, deadline=None)
def test_a_failure_that_is_called_absent_is_absent_in_some_run(graph: Graph) -> None:
    called = uncertain_failures(graph)
    seen, reached = set(), set()
    for trigger in structure(graph).triggers:
        for ports in product(*(exits(graph, node) for node in graph.nodes)):
            choice = dict(zip((node.id for node in graph.nodes), ports, strict=True))
            for started, failed in run(graph, trigger, choice, [0] * len(graph.nodes), failures=True):
                reached.add(started)
                seen |= {(x, started) for x, y in called if y == started and x not in failed}

    assert {pair for pair, may_be in called.items() if may_be and pair[1] in reached} == seen


@pytest.mark.parametrize("join", [(), ("y",)])
def test_every_pair_of_a_longer_chain_is_certain(join: Collection[str]) -> None:
    assert not absent("start > a > b > x > c > d > e > y", first=join)
