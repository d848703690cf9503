"""What a retry and a fork take over, what they execute again, and what they refuse."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from runtime.engine.forking import settled_steps
from runtime.errors import ForkImpossible
from runtime.graph.schema import Edge, Graph, Node
from runtime.models import Run, Step
from tests.unit.engine.runs import RUN_ID, a_run
from tests.unit.graph.drawing import KINDS, drawn

NEW_ID = UUID("01900000-0000-7000-8000-000000000002")
OLDER_ID = UUID("01900000-0000-7000-8000-000000000009")
LINE = drawn("start > a", "a > b", "b > c")


def a_step(path: str, status: str = "succeeded", *ports: str, kind: str = "step", **more: Any) -> Step:
    ports = ports or (("out",) if status == "succeeded" else ())
    return Step(
        run_id=RUN_ID, path=path, node=path, type=kind, status=status, ports=list(ports), attempts=1, **more
    )


def the_trigger() -> Step:
    return a_step("start", kind="start")


def taken(rows: list[Step]) -> list[str]:
    return [row.path for row in rows if row.status != "skipped"]


def skipped(rows: list[Step]) -> list[str]:
    return [row.path for row in rows if row.status == "skipped"]


def test_a_retry_takes_over_everything_that_was_settled() -> None:
    steps = [the_trigger(), a_step("a", output={"n": 1}), a_step("b", "failed")]

    rows = settled_steps(a_run(), steps, LINE, KINDS, new_id=NEW_ID)

    assert taken(rows) == ["start", "a"]
    assert rows[1].output == {"n": 1}
    assert (rows[1].run_id, rows[1].taken_from, rows[1].attempts) == (NEW_ID, RUN_ID, 0)


def test_what_was_taken_over_before_keeps_the_run_that_did_it() -> None:
    rows = settled_steps(
        a_run(), [the_trigger(), a_step("a", taken_from=OLDER_ID)], LINE, KINDS, new_id=NEW_ID
    )

    assert rows[1].taken_from == OLDER_ID


def test_a_handled_failure_is_taken_over_and_a_stop_is_not() -> None:
    graph = drawn("start > a", "a:error > b", "start > stop")
    steps = [
        the_trigger(),
        a_step("a", "failed", "error"),
        Step(path="stop", node="stop", type="stop", status="succeeded"),
    ]

    assert taken(settled_steps(a_run(), steps, graph, KINDS, new_id=NEW_ID)) == ["start", "a"]


def test_a_fork_executes_the_named_step_and_all_after_it_again() -> None:
    graph = drawn("start > a", "a > b", "b > c", "start > d")
    steps = [the_trigger(), *(a_step(path) for path in "abcd")]

    rows = settled_steps(a_run(), steps, graph, KINDS, new_id=NEW_ID, again_from="b")

    assert taken(rows) == ["start", "a", "d"]


def test_ways_that_were_not_taken_stay_skipped() -> None:
    graph = drawn("start > fork:yes > a", "fork:no > b", "b > c")
    steps = [the_trigger(), a_step("fork", "succeeded", "yes", kind="fork"), a_step("a", "failed")]

    rows = settled_steps(a_run(), steps, graph, KINDS, new_id=NEW_ID)

    assert (taken(rows), skipped(rows)) == (["start", "fork"], ["b", "c"])


def test_data_replaces_what_a_step_gave() -> None:
    steps = [the_trigger(), a_step("a", output={"n": 1}), a_step("b")]

    rows = settled_steps(a_run(), steps, LINE, KINDS, new_id=NEW_ID, again_from="b", data={"a": {"n": 2}})

    assert rows[1].output == {"n": 2}


CHOICE = drawn("start > fork:yes > a", "fork:no > b", "b > c")


def a_choice(*ports: str, choice: str = "yes") -> Step:
    return a_step("fork", "succeeded", *ports, kind="fork", output={"choice": choice})


def test_another_choice_leads_another_way() -> None:
    steps = [the_trigger(), a_choice("yes"), a_step("a")]
    data = {"fork": {"choice": "no"}}

    rows = settled_steps(a_run(), steps, CHOICE, KINDS, new_id=NEW_ID, again_from="b", data=data)

    assert (taken(rows), skipped(rows), rows[1].ports) == (["start", "fork"], ["a"], ["no"])


def test_the_same_choice_with_other_data_keeps_the_way_that_was_taken() -> None:
    steps = [the_trigger(), a_choice("unsure"), a_step("a", "skipped")]
    data = {"fork": {"choice": "yes", "reason": "Another one."}}
    graph = drawn("start > fork:yes > a", "fork:unsure > b")

    rows = settled_steps(a_run(), steps, graph, KINDS, new_id=NEW_ID, again_from="b", data=data)

    assert (skipped(rows), rows[1].ports) == (["a"], ["unsure"])


@pytest.mark.parametrize(
    ("again_from", "choice", "path"),
    [("b", "yes", "b"), ("c", "yes", "c"), ("a", "no", "a"), ("a", "perhaps", "fork")],
    ids=["skipped", "behind a skipped one", "skipped by the data", "no such exit"],
)
def test_a_fork_must_come_to_the_step_that_it_begins_again_at(
    again_from: str, choice: str, path: str
) -> None:
    steps = [the_trigger(), a_choice("yes"), a_step("a")]
    data = {"fork": {"choice": choice}}

    with pytest.raises(ForkImpossible) as refused:
        settled_steps(a_run(), steps, CHOICE, KINDS, new_id=NEW_ID, again_from=again_from, data=data)

    assert refused.value.details == {"path": path}


def test_data_for_a_failure_makes_it_a_success() -> None:
    graph = drawn("start > a > b", "a:error > c")
    steps = [the_trigger(), a_step("a", "failed", "error", error={"code": "mcp_timeout"}), a_step("c")]

    rows = settled_steps(
        a_run(), steps, graph, KINDS, new_id=NEW_ID, again_from="b", data={"a": {"status": "sent"}}
    )

    assert (taken(rows), skipped(rows)) == (["start", "a"], ["c"])
    assert (rows[1].status, rows[1].error, rows[1].output) == ("succeeded", None, {"status": "sent"})


def test_a_step_that_the_new_graph_lost_is_left_out() -> None:
    steps = [the_trigger(), a_step("gone"), a_step("a"), a_step("b")]

    assert taken(settled_steps(a_run(), steps, LINE, KINDS, new_id=NEW_ID, again_from="b")) == ["start", "a"]


@pytest.mark.parametrize(
    ("steps", "options", "path"),
    [
        ([a_step("a", kind="fork")], {}, "a"),
        ([a_step("a", "succeeded", "yes")], {}, "a"),
        ([a_step("a")], {"again_from": "nowhere"}, "nowhere"),
        ([a_step("a", "unknown"), a_step("b", "failed")], {}, "a"),
        ([a_step("a", "unknown"), a_step("b")], {"again_from": "b"}, "a"),
        ([a_step("a"), a_step("b")], {"again_from": "b", "data": {"c": {}}}, "c"),
    ],
    ids=["another type", "an exit that is gone", "no such step", "unknown, retry", "unknown before", "data"],
)
def test_what_does_not_fit_is_refused_with_the_step(
    steps: list[Step], options: dict[str, Any], path: str
) -> None:
    with pytest.raises(ForkImpossible) as refused:
        settled_steps(a_run(), [the_trigger(), *steps], LINE, KINDS, new_id=NEW_ID, **options)

    assert refused.value.details == {"path": path}


def test_a_graph_without_the_trigger_is_refused() -> None:
    run: Run = a_run(trigger="before")

    with pytest.raises(ForkImpossible):
        settled_steps(run, [], LINE, KINDS, new_id=NEW_ID)


# --- containers -------------------------------------------------------------------------------------------

LOOPED = drawn("start > loop > after", "loop/a > loop/b")


def a_loop(status: str = "succeeded", *ports: str) -> Step:
    given = {"items": [1, 2, 3]}
    return a_step("loop", status, *ports, kind="loop", input=given, output={"results": [], "failed": []})


def in_loop(index: int, name: str, status: str = "succeeded", **more: Any) -> Step:
    step = a_step(name, status, **more)
    step.path = f"loop[{index}]/{name}"
    return step


def all_of(count: int) -> list[Step]:
    return [in_loop(index, name) for index in range(count) for name in ("a", "b")]


def test_a_retry_goes_on_in_the_iteration_that_failed() -> None:
    steps = [the_trigger(), a_loop("failed"), *all_of(1), in_loop(1, "a"), in_loop(1, "b", "failed")]

    rows = settled_steps(a_run(), steps, LOOPED, KINDS, new_id=NEW_ID)

    assert taken(rows) == ["start", "loop", "loop[0]/a", "loop[0]/b", "loop[1]/a"]
    assert (rows[1].status, rows[1].input, rows[1].output) == ("running", {"items": [1, 2, 3]}, None)


def test_a_fork_inside_keeps_earlier_iterations_and_runs_later_ones_again() -> None:
    steps = [the_trigger(), a_loop(), *all_of(3), a_step("after")]

    rows = settled_steps(a_run(), steps, LOOPED, KINDS, new_id=NEW_ID, again_from="loop[1]/b")

    assert taken(rows) == ["start", "loop", "loop[0]/a", "loop[0]/b", "loop[1]/a"]
    assert rows[1].status == "running"


@pytest.mark.parametrize(
    ("on_item_error", "kept"), [("continue", ["loop[0]/a", "loop[0]/b"]), ("fail", ["loop[0]/a"])]
)
def test_a_fork_inside_keeps_earlier_failures_of_a_loop_that_goes_on_after_them(
    on_item_error: str, kept: list[str]
) -> None:
    loop = a_loop()
    loop.input = {**loop.input, "on_item_error": on_item_error}
    failed = in_loop(0, "b", "failed", error={"code": "outcome_unknown"})
    steps = [the_trigger(), loop, in_loop(0, "a"), failed, in_loop(1, "a"), in_loop(1, "b", "failed")]

    rows = settled_steps(a_run(), steps, LOOPED, KINDS, new_id=NEW_ID, again_from="loop[1]/a")

    assert taken(rows) == ["start", "loop", *kept]
    assert [row.error for row in rows if row.path == "loop[0]/b"] == [failed.error] * (len(kept) - 1)


def test_a_fork_behind_a_loop_takes_it_over_with_its_record() -> None:
    steps = [the_trigger(), a_loop(), *all_of(2), in_loop(2, "a", "failed"), a_step("after")]

    rows = settled_steps(a_run(), steps, LOOPED, KINDS, new_id=NEW_ID, again_from="after")

    assert taken(rows) == ["start", "loop", *(step.path for step in all_of(2)), "loop[2]/a"]
    assert rows[1].status == "succeeded"


def test_a_fork_at_a_loop_executes_all_of_it_again() -> None:
    steps = [the_trigger(), a_loop(), *all_of(2), a_step("after")]

    rows = settled_steps(a_run(), steps, LOOPED, KINDS, new_id=NEW_ID, again_from="loop")

    assert taken(rows) == ["start"]


def test_data_of_an_earlier_iteration_can_be_replaced() -> None:
    steps = [the_trigger(), a_loop(), *all_of(3), a_step("after")]

    rows = settled_steps(
        a_run(), steps, LOOPED, KINDS, new_id=NEW_ID, again_from="loop[1]/a", data={"loop[0]/b": {"n": 7}}
    )

    assert next(row for row in rows if row.path == "loop[0]/b").output == {"n": 7}


def test_data_of_a_loop_that_is_over_cannot_be_replaced_inside_it() -> None:
    steps = [the_trigger(), a_loop(), *all_of(3), a_step("after")]

    with pytest.raises(ForkImpossible, match=r"loop\[0\]/b"):
        settled_steps(
            a_run(), steps, LOOPED, KINDS, new_id=NEW_ID, again_from="after", data={"loop[0]/b": {}}
        )


@pytest.mark.parametrize(
    "start",
    [
        "loop[7]/a",
        "loop[0]/zz",
        "a",
        "loop[0]/after",
        "loop[1]",
        "loop/a",
        "a/b",
        "/",
        "",
        "loop[x]/a",
        "loop[1]/",
    ],
)
def test_a_place_that_never_was_cannot_be_begun_at(start: str) -> None:
    with pytest.raises(ForkImpossible):
        settled_steps(
            a_run(), [the_trigger(), a_loop(), *all_of(2)], LOOPED, KINDS, new_id=NEW_ID, again_from=start
        )


def test_a_step_that_was_moved_into_a_loop_cannot_be_taken_over() -> None:
    graph = drawn("start > b", "start > loop", "loop/a")
    steps = [the_trigger(), a_step("a"), a_step("b")]

    with pytest.raises(ForkImpossible, match="another place"):
        settled_steps(a_run(), steps, graph, KINDS, new_id=NEW_ID, again_from="b")


@pytest.mark.parametrize(("start", "kept"), [("loop", ["start", "first"]), ("first", ["start"])])
def test_where_steps_of_a_loop_that_is_executed_again_were_moved_to_does_not_matter(
    start: str, kept: list[str]
) -> None:
    graph = drawn("start > first > loop > b > after", "loop/a")
    steps = [the_trigger(), a_step("first"), a_loop("failed"), in_loop(0, "a"), in_loop(0, "b", "failed")]

    rows = settled_steps(a_run(), steps, graph, KINDS, new_id=NEW_ID, again_from=start)

    assert taken(rows) == kept


def test_a_failure_whose_exit_leads_nowhere_any_more_is_executed_again() -> None:
    steps = [the_trigger(), a_step("a", "failed", "error"), a_step("b", "skipped"), a_step("c")]

    rows = settled_steps(
        a_run(), steps, drawn("start > a > b", "start > c"), KINDS, new_id=NEW_ID, again_from="b"
    )

    assert (taken(rows), skipped(rows)) == (["start", "c"], [])


def test_so_is_a_loop_with_all_that_it_did() -> None:
    steps = [
        the_trigger(),
        a_loop("failed", "error"),
        in_loop(0, "a"),
        in_loop(0, "b", "failed"),
        a_step("c"),
    ]
    graph = drawn("start > loop > after", "loop/a > loop/b", "start > c")

    assert taken(settled_steps(a_run(), steps, graph, KINDS, new_id=NEW_ID)) == ["start", "c"]


def test_a_step_that_is_switched_off_is_taken_over_by_the_exit_that_it_was_passed_by() -> None:
    graph = drawn("start > fork:yes > a", "start > b > c", disabled=["fork"])
    steps = [
        the_trigger(),
        a_step("fork", "succeeded", "out", kind="fork"),
        a_step("b"),
        a_step("c", "failed"),
    ]

    assert "fork" in taken(settled_steps(a_run(), steps, graph, KINDS, new_id=NEW_ID))


def test_a_loop_does_not_go_on_with_a_list_that_was_computed_from_other_data() -> None:
    graph = with_settings({"items": "{{ steps.before.list }}", "collect": "{{ steps.c.n }}"})
    graph.nodes += [Node(id="before", type="step"), Node(id="c", type="step")]
    graph.edges = [
        Edge(source="start", port="out", target="before"),
        Edge(source="start", port="out", target="c"),
        Edge(source="before", port="out", target="loop"),
        *graph.edges[1:],
    ]
    steps = [the_trigger(), a_step("before"), a_step("c"), a_loop(), *all_of(3), a_step("after")]

    def forked(again_from: str, edited: str) -> list[str]:
        rows = settled_steps(
            a_run(), steps, graph, KINDS, new_id=NEW_ID, again_from=again_from, data={edited: {"list": [7]}}
        )
        return taken(rows)

    with pytest.raises(ForkImpossible, match='Begin again at "loop"'):
        forked("loop[1]/a", "before")
    assert forked("loop", "before") == ["start", "before", "c"]
    assert "loop" in forked("loop[1]/a", "c")


def with_settings(config: dict[str, Any], *, disabled: bool = False) -> Graph:
    graph = LOOPED.model_copy(deep=True)
    loop = next(node for node in graph.nodes if node.id == "loop")
    loop.config, loop.settings.disabled = config, disabled
    return graph


def test_a_loop_goes_on_with_the_new_settings_and_the_list_that_it_had() -> None:
    before = with_settings({"items": "{{ trigger.list }}", "on_item_error": "fail", "at_once": 2})
    after = with_settings({"items": "{{ trigger.list }}", "on_item_error": "continue"})
    steps = [the_trigger(), a_loop(), *all_of(3), a_step("after")]

    rows = settled_steps(a_run(), steps, after, KINDS, new_id=NEW_ID, again_from="loop[1]/b", before=before)

    assert rows[1].input == {"items": [1, 2, 3], "on_item_error": "continue"}


@pytest.mark.parametrize(
    "after",
    [
        with_settings({"items": "{{ trigger.others }}"}),
        with_settings({"items": "{{ trigger.list }}"}, disabled=True),
    ],
    ids=["another list", "switched off"],
)
def test_a_loop_that_cannot_go_on_where_it_was_is_refused(after: Graph) -> None:
    before = with_settings({"items": "{{ trigger.list }}"})
    steps = [the_trigger(), a_loop(), *all_of(3), a_step("after")]

    with pytest.raises(ForkImpossible, match="Begin again at"):
        settled_steps(a_run(), steps, after, KINDS, new_id=NEW_ID, again_from="loop[1]/b", before=before)
