"""What may start next, against an answer that is worked out anew from all outcomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.graph.scheduling import Change, Frontier, handles_error
from runtime.graph.schema import Edge, Graph, Node, NodeSettings
from tests.unit.graph.drawing import drawn

MAX_NODES = 9


def test_the_fired_trigger_makes_its_followers_ready_in_graph_order() -> None:
    frontier = Frontier(drawn("start > b", "start > a", "a > c"))

    assert frontier.fire("start", {"out"}) == Change(ready=["b", "a"])
    assert frontier.unsettled() == ["c"]


def test_triggers_that_did_not_fire_are_skipped_with_all_that_only_they_lead_to() -> None:
    frontier = Frontier(drawn("start_1 > a", "start_2 > b > c", "start_2 > a"))

    assert frontier.fire("start_1", {"out"}) == Change(ready=["a"], skipped=["start_2", "b", "c"])


def test_a_branch_that_was_not_taken_is_skipped_to_its_end() -> None:
    frontier = Frontier(drawn("start > fork:yes > a", "fork:no > b > c"))
    frontier.fire("start", {"out"})

    assert frontier.settle("fork", {"yes"}) == Change(ready=["a"], skipped=["b", "c"])


def test_several_ports_taken_run_side_by_side() -> None:
    frontier = Frontier(drawn("start > fork:yes > a", "fork:no > b"))
    frontier.fire("start", {"out"})

    assert frontier.settle("fork", {"yes", "no"}).ready == ["a", "b"]


def test_a_join_waits_for_every_way_in() -> None:
    frontier = Frontier(drawn("start > a > join", "start > b > join"))
    frontier.fire("start", {"out"})

    assert frontier.settle("a", {"out"}) == Change()
    assert frontier.settle("b", {"out"}) == Change(ready=["join"])


def test_a_join_starts_when_one_way_is_taken_and_the_other_is_dead() -> None:
    frontier = Frontier(drawn("start > fork:yes > a > join", "fork:no > b > join"))
    frontier.fire("start", {"out"})
    frontier.settle("fork", {"yes"})

    assert frontier.settle("a", {"out"}) == Change(ready=["join"])


def test_a_first_join_starts_once_at_the_first_way_in() -> None:
    frontier = Frontier(drawn("start > a > join", "start > b > join", first={"join"}))
    frontier.fire("start", {"out"})

    assert frontier.settle("b", {"out"}).ready == ["join"]
    assert frontier.settle("a", {"out"}).ready == []


def test_a_first_join_is_skipped_when_no_way_in_was_taken() -> None:
    frontier = Frontier(drawn("start > fork:yes > join", "fork:no > join", first={"join"}))
    frontier.fire("start", {"out"})

    assert frontier.settle("fork", set()).skipped == ["join"]


def test_a_failure_goes_on_by_the_error_port_only_where_it_is_drawn() -> None:
    graph = drawn("start > a:error > sorry", "a > b > c")
    frontier = Frontier(graph)
    frontier.fire("start", {"out"})

    assert handles_error(graph, "a")
    assert not handles_error(graph, "b")
    assert frontier.settle("a", {"error"}) == Change(ready=["sorry"], skipped=["b", "c"])


def test_two_exits_into_one_step_both_count() -> None:
    frontier = Frontier(drawn("start > fork:yes > a", "fork:no > a"))
    frontier.fire("start", {"out"})

    assert frontier.settle("fork", {"no"}).ready == ["a"]


def test_a_body_begins_at_its_nodes_without_incoming_edges() -> None:
    outside = Node(id="loop", type="step")
    body = [Node(id=name, type="step", parent="loop") for name in ("a", "b", "c")]
    frontier = Frontier(
        Graph(nodes=[outside, *body], edges=[Edge(source="a", port="out", target="c")]), "loop"
    )

    assert frontier.enter() == Change(ready=["a", "b"])
    assert frontier.settle("b", {"out"}) == Change()
    assert frontier.settle("a", {"out"}) == Change(ready=["c"])


def test_an_outcome_that_comes_twice_counts_once() -> None:
    frontier = Frontier(drawn("start > a > join", "start > b > join"))
    frontier.fire("start", {"out"})
    frontier.settle("a", {"out"})

    assert frontier.settle("a", {"out"}) == Change()
    assert frontier.settle("b", {"out"}) == Change(ready=["join"])


def test_the_first_outcome_stands() -> None:
    frontier = Frontier(drawn("start > a > b", "a:error > sorry"))
    frontier.fire("start", {"out"})

    assert frontier.settle("a", {"out"}) == Change(ready=["b"], skipped=["sorry"])
    assert frontier.settle("a", {"error"}) == Change()


def test_a_skipped_step_cannot_be_settled_any_more() -> None:
    frontier = Frontier(drawn("start > fork:yes > a > join", "fork:no > b > join"))
    frontier.fire("start", {"out"})
    frontier.settle("fork", {"yes"})

    assert frontier.settle("b", {"out"}) == Change()
    assert frontier.settle("a", {"out"}) == Change(ready=["join"])


# --- against the definition ----------------------------------------------------------------


def by_definition(
    graph: Graph, trigger: str, outcomes: Mapping[str, Collection[str]]
) -> tuple[set[str], set[str]]:
    """Ready and skipped nodes, by going over the whole graph until nothing changes."""
    incoming = {node.id: [edge for edge in graph.edges if edge.target == node.id] for node in graph.nodes}
    skipped = {name for name, edges in incoming.items() if not edges and name != trigger}
    ready: set[str] = set()
    while True:
        before = len(ready) + len(skipped)
        for node in graph.nodes:
            if node.id in outcomes or node.id in skipped:
                continue
            edges = incoming[node.id]
            live = [edge for edge in edges if edge.port in outcomes.get(edge.source, ())]
            all_settled = all(edge.source in outcomes or edge.source in skipped for edge in edges)
            if live and (all_settled or node.settings.join == "first"):
                ready.add(node.id)
            elif all_settled:
                skipped.add(node.id)
        if len(ready) + len(skipped) == before:
            return ready, skipped


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Nodes with two exits each; edges lead forward, in a drawing order that is not theirs."""
    size = draw(st.integers(2, MAX_NODES))
    ends = st.tuples(st.integers(0, size - 2), st.sampled_from(["yes", "no"]), st.integers(1, size - 1))
    edges = [
        Edge(source=f"n{source}", port=port, target=f"n{target}")
        for source, port, target in sorted(draw(st.sets(ends, min_size=1, max_size=2 * size)))
        if source < target
    ]
    joins = st.sampled_from(["all", "first"])
    nodes = [
        Node(id=f"n{at}", type="fork", settings=NodeSettings.model_validate({"join": draw(joins)}))
        for at in range(size)
    ]
    return Graph(nodes=draw(st.permutations(nodes)), edges=draw(st.permutations(edges)))


CHOICES = st.lists(
    st.tuples(st.integers(0, MAX_NODES), st.sets(st.sampled_from(["yes", "no"]))),
    min_size=MAX_NODES,
    max_size=MAX_NODES,
)


@given(graphs(), st.sets(st.sampled_from(["yes", "no"])), CHOICES)
@settings(max_examples=300, deadline=None)
def test_ready_and_skipped_steps_are_those_of_the_definition(
    graph: Graph, fired: set[str], choices: list[tuple[int, set[str]]]
) -> None:
    frontier = Frontier(graph)
    trigger = next(node.id for node in graph.nodes if all(edge.target != node.id for edge in graph.edges))
    outcomes: dict[str, Collection[str]] = {trigger: fired}
    order = [node.id for node in graph.nodes]

    change = frontier.fire(trigger, fired)
    ready, skipped = set(change.ready), set(change.skipped)
    assert (ready, skipped) == by_definition(graph, trigger, outcomes)
    for turn, ports in choices:
        if not ready:
            break
        name = sorted(ready)[turn % len(ready)]
        ready.remove(name)
        outcomes[name] = ports
        change = frontier.settle(name, ports)

        assert change.ready == sorted(change.ready, key=order.index)
        assert not ready & set(change.ready)
        assert not skipped & set(change.skipped)
        ready |= set(change.ready)
        skipped |= set(change.skipped)
        assert (ready, skipped) == by_definition(graph, trigger, outcomes)

    if not ready:
        assert frontier.unsettled() == []
