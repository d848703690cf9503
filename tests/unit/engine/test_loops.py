"""Containers in a run: iterations one by one or side by side, what they give, and how they fail."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.engine.state import RunState
from runtime.engine.wait_kinds import PAUSE
from runtime.models import RunStatus
from runtime.nodes.base import End, Leave, Park
from tests.unit.engine.runs import Rows, at, begun, call, done, enter, failure, taken_over


def a_loop(*more: str, second: float = 1, **config: Any) -> RunState:
    """A run that has just entered `loop`, with the step `a` inside and `after` behind it."""
    state = begun("start > loop > after", "loop/a", *more)
    enter(state, "loop", second, **config)
    return state


def test_elements_are_worked_on_one_after_the_other() -> None:
    state = a_loop()

    assert state.ready == ["loop[0]/a"]
    assert (state.scope_of("loop[0]/a")["item"], state.scope_of("loop[0]/a")["index"]) == ("A", 0)
    done(state, "loop[0]/a")
    assert state.ready == ["loop[1]/a"]
    assert state.scope_of("loop[1]/a")["item"] == "B"
    done(state, "loop[1]/a", second=4)
    assert state.ready == ["after"]
    assert state.steps["loop"].output == {
        "results": [{"by": "loop[0]/a"}, {"by": "loop[1]/a"}],
        "failed": [],
    }


def test_so_many_elements_as_wanted_run_side_by_side_and_results_keep_their_order() -> None:
    state = a_loop(items=[1, 2, 3], max_parallel=2, collect="{{ item * 10 }}")

    assert state.ready == ["loop[0]/a", "loop[1]/a"]
    done(state, "loop[1]/a")
    assert state.ready == ["loop[0]/a", "loop[2]/a"]
    done(state, "loop[2]/a")
    done(state, "loop[0]/a")
    assert state.steps["loop"].output["results"] == [10, 20, 30]


def test_an_empty_list_is_through_at_once() -> None:
    state = a_loop(items=[])

    assert state.ready == ["after"]
    assert state.steps["loop"].output == {"results": [], "failed": []}


def test_a_failure_inside_fails_the_loop_and_the_run_with_the_path_of_the_step() -> None:
    state = a_loop()
    done(state, "loop[0]/a")
    call(state, "loop[1]/a")
    state.fail("loop[1]/a", failure("mcp_timeout"), at(5))
    state.take_end(at(5))

    assert state.steps["loop"].status == "failed"
    assert state.run.status == RunStatus.FAILED
    assert state.run.error is not None
    assert (state.run.error["code"], state.run.error["path"], state.run.error["node"]) == (
        "mcp_timeout",
        "loop[1]/a",
        "a",
    )
    assert state.run.error["message"] == "Iteration 2: It did not work."
    assert state.run.error["details"]["index"] == 1


def test_a_failed_loop_starts_no_further_element_and_lets_running_calls_finish() -> None:
    state = a_loop(items=[1, 2, 3, 4], max_parallel=2)
    call(state, "loop[0]/a")
    call(state, "loop[1]/a")
    state.fail("loop[0]/a", failure(), at(3))

    assert state.ready == []
    assert state.steps["loop"].status == "running"
    state.leave("loop[1]/a", Leave({}), at(4))
    assert state.steps["loop[1]/a"].status == "succeeded"
    assert state.steps["loop"].status == "failed"
    assert "loop[2]/a" not in state.steps


def test_the_error_exit_of_a_loop_takes_its_failure() -> None:
    state = begun("start > loop > after", "loop:error > sorry", "loop/a")
    enter(state, "loop")
    call(state, "loop[0]/a")
    state.fail("loop[0]/a", failure(), at(3))

    assert state.ready == ["sorry"]
    assert state.ending is None
    assert state.scope_of("sorry")["errors"]["loop"]["code"] == "mcp_tool_error"


def test_an_error_exit_inside_keeps_the_element_going() -> None:
    state = begun("start > loop > after", "loop/a:error > loop/b")
    enter(state, "loop", items=[1])
    call(state, "loop[0]/a")
    state.fail("loop[0]/a", failure(), at(3))

    assert state.ready == ["loop[0]/b"]
    done(state, "loop[0]/b")
    assert state.steps["loop"].output == {"results": [{"by": "loop[0]/b"}], "failed": []}


def test_a_loop_that_goes_on_tells_what_failed() -> None:
    state = a_loop(items=[1, 2, 3], on_item_error="continue")
    done(state, "loop[0]/a")
    call(state, "loop[1]/a")
    state.fail("loop[1]/a", failure("mcp_timeout"), at(3))
    done(state, "loop[2]/a")

    assert state.steps["loop"].output == {
        "results": [{"by": "loop[0]/a"}, None, {"by": "loop[2]/a"}],
        "failed": [{"index": 1, "code": "mcp_timeout", "message": "It did not work."}],
    }
    assert state.ready == ["after"]
    assert state.run.handled_errors == 1


def test_what_cannot_be_collected_is_a_failure_of_that_element() -> None:
    state = a_loop(items=[{"n": 1}, {}], on_item_error="continue", collect="{{ item.n }}")
    done(state, "loop[0]/a")
    done(state, "loop[1]/a")

    assert state.steps["loop"].output["results"] == [1, None]
    assert state.steps["loop"].output["failed"][0]["code"] == "expression_error"


def test_other_branches_of_a_failed_element_are_closed() -> None:
    state = begun("start > loop", "loop/a", "loop/b > loop/c")
    enter(state, "loop", items=[1, 2], on_item_error="continue")
    call(state, "loop[0]/a")
    state.start_in_memory("loop[0]/b", at(2))
    state.park("loop[0]/b", Park("time", due_at=at(1000)), at(2), inputs={})
    state.fail("loop[0]/a", failure(), at(3))

    assert state.steps["loop[0]/b"].status == "cancelled"
    assert state.waits == {}
    assert state.ready == ["loop[1]/a", "loop[1]/b"]


def test_a_stop_inside_ends_the_run() -> None:
    state = begun("start > loop > after", "loop/stop")
    enter(state, "loop")
    state.start_in_memory("loop[0]/stop", at(2))
    state.finish("loop[0]/stop", End(False, "Enough"), at(2))
    state.take_end(at(2))

    assert state.run.status == RunStatus.FAILED
    assert state.run.error is not None
    assert (state.run.error["code"], state.run.error["path"]) == ("stopped", "loop[0]/stop")
    assert state.steps["loop"].status == "cancelled"


def test_a_body_sees_what_was_before_its_loop_and_nobody_outside_sees_the_body() -> None:
    state = begun("start > x > loop > after", "loop/a > loop/b")
    done(state, "x")
    enter(state, "loop", items=[1])
    done(state, "loop[0]/a")

    assert state.scope_of("loop[0]/b")["steps"] == {"x": {"by": "x"}, "a": {"by": "loop[0]/a"}}
    done(state, "loop[0]/b")
    assert set(state.scope_of("after")["steps"]) == {"x", "loop"}


def test_loops_stand_in_loops() -> None:
    state = begun("start > loop", "loop/loop_2", "loop/loop_2/c")
    enter(state, "loop", items=["x", "y"])
    enter(state, "loop[0]/loop_2", items=[1, 2], collect="{{ item + 1 }}")
    done(state, "loop[0]/loop_2[0]/c")
    later = taken_over(state)
    later.begin(at(9))

    assert later.ready == ["loop[0]/loop_2[1]/c"]
    done(later, "loop[0]/loop_2[1]/c")
    assert later.steps["loop[0]/loop_2"].output["results"] == [2, 3]
    assert later.ready == ["loop[1]/loop_2"]


def test_a_failure_in_an_inner_loop_ends_the_element_of_the_outer_one() -> None:
    state = begun("start > loop > after", "loop/loop_2", "loop/loop_2/c")
    enter(state, "loop", items=["x"], on_item_error="continue")
    enter(state, "loop[0]/loop_2")
    call(state, "loop[0]/loop_2[0]/c")
    state.fail("loop[0]/loop_2[0]/c", failure(), at(3))

    assert state.ready == ["after"]
    assert state.steps["loop"].output["failed"][0]["message"] == "Iteration 1: It did not work."


def test_the_next_host_goes_on_in_the_element_where_the_first_one_stopped() -> None:
    state = a_loop(items=[1, 2, 3], collect="{{ item * 10 }}")
    done(state, "loop[0]/a")
    call(state, "loop[1]/a", effect="none")
    later = taken_over(state)
    later.begin(at(9))

    assert list(later.open_attempts) == ["loop[1]/a"]
    later.leave("loop[1]/a", Leave({}), at(10))
    done(later, "loop[2]/a", second=11)
    assert later.steps["loop"].output["results"] == [10, 20, 30]


def test_rounds_follow_until_the_condition_holds() -> None:
    state = begun("start > repeat > after", "repeat/a")
    enter(state, "repeat", until="{{ steps.a.n >= 3 }}", max_times=9, collect="{{ steps.a.n }}")
    done(state, "repeat[0]/a", output={"n": 1})
    assert state.ready == ["repeat[1]/a"]
    done(state, "repeat[1]/a", output={"n": 3})

    assert state.steps["repeat"].output == {"times": 2, "last": 3}
    assert state.ready == ["after"]


def test_after_so_many_rounds_the_exit_for_the_limit_is_taken() -> None:
    state = begun("start > repeat > after", "repeat:limit_reached > sorry", "repeat/a")
    enter(state, "repeat", until="{{ false }}", max_times=2)
    done(state, "repeat[0]/a")
    done(state, "repeat[1]/a")

    assert state.ready == ["sorry"]
    assert state.steps["after"].status == "skipped"


def test_a_pause_between_rounds_is_a_row_and_is_waited_for_once() -> None:
    state = begun("start > repeat", "repeat/a")
    enter(state, "repeat", until="{{ index == 1 }}", max_times=5, delay_s=60)
    done(state, "repeat[0]/a", second=2)

    assert state.steps["repeat"].status == "waiting"
    assert (state.waits["repeat"].kind, state.next_due()) == (PAUSE, at(62))
    rows = Rows(state.graph, state.run)
    rows.write(state)
    later = rows.load()
    later.begin(at(9))
    assert later.ready == []
    later.pause_is_over(later.waits["repeat"], at(62))
    assert later.ready == ["repeat[1]/a"]
    rows.write(later)
    again = rows.load()
    again.begin(at(63))
    assert again.ready == ["repeat[1]/a"]


def test_a_condition_that_is_neither_true_nor_false_fails_the_loop() -> None:
    state = begun("start > repeat", "repeat/a")
    enter(state, "repeat", until="{{ 'soon' }}")
    done(state, "repeat[0]/a")

    assert state.steps["repeat"].error is not None
    assert state.steps["repeat"].error["details"]["field"] == "until"


@pytest.mark.parametrize("how", ["cancel", "elsewhere"])
def test_an_end_of_the_run_closes_open_loops(how: str) -> None:
    state = begun("start > loop", "start > x", "loop/a")
    enter(state, "loop")
    if how == "cancel":
        state.cancel(at(5), "Enough")
    else:
        call(state, "x")
        state.fail("x", failure(), at(5))
    state.take_end(at(6))

    assert state.steps["loop"].status == "cancelled"
    assert "loop[0]/a" not in state.steps


def test_a_lost_outcome_inside_is_settled_by_a_person_and_the_loop_goes_on() -> None:
    state = a_loop()
    call(state, "loop[0]/a", effect="once")
    state.lose_outcome("loop[0]/a", failure("outcome_unknown"), at(3))

    assert state.status() == RunStatus.NEEDS_ATTENTION
    state.wake("loop[0]/a", at(9), "settled")
    state.leave("loop[0]/a", Leave({"ok": True}), at(9))
    assert state.ready == ["loop[1]/a"]


def test_a_run_needs_no_attention_for_a_call_whose_loop_has_failed() -> None:
    state = begun("start > loop > after", "loop:error > sorry", "loop/a")
    enter(state, "loop", items=[1, 2], max_parallel=2)
    call(state, "loop[0]/a")
    call(state, "loop[1]/a")
    state.lose_outcome("loop[0]/a", failure("outcome_unknown"), at(3))
    assert state.run.attention == "outcome_unknown"

    state.fail("loop[1]/a", failure(), at(4))

    assert (state.ready, state.run.attention) == (["sorry"], "")
    assert state.steps["loop[0]/a"].status == "unknown"


# --- what comes after the end was decided -----------------------------------------------------------


def test_a_call_that_asks_after_its_loop_was_closed_is_broken_off_and_the_loop_fails() -> None:
    state = begun("start > loop > after", "loop:error > sorry", "loop/a")
    enter(state, "loop", items=[1, 2], max_parallel=2)
    call(state, "loop[0]/a")
    call(state, "loop[1]/a")
    state.fail("loop[0]/a", failure(), at(2))

    state.park("loop[1]/a", Park("handoff", due_at=None), at(3), inputs={})

    assert (state.steps["loop[1]/a"].status, state.waits) == ("cancelled", {})
    assert (state.steps["loop"].status, state.ready) == ("failed", ["sorry"])


def test_a_call_that_asks_after_its_run_was_ended_is_broken_off() -> None:
    state = begun("start > a", "start > b")
    call(state, "a")
    call(state, "b")
    state.fail("a", failure(), at(2))

    state.park("b", Park("handoff", due_at=None), at(3), inputs={})

    assert (state.steps["b"].status, state.waits, state.is_over) == ("cancelled", {}, True)


# --- what an iteration gives, and what it sees ------------------------------------------------------


def test_what_is_switched_off_at_the_end_gives_nothing_so_that_the_one_before_it_counts() -> None:
    state = begun("start > loop", "loop/a > loop/b > loop/c", disabled=["b", "c"])
    enter(state, "loop", items=[7])
    done(state, "loop[0]/a")
    for name in "bc":
        done(state, f"loop[0]/{name}", output={"by": name})

    assert state.steps["loop"].output["results"] == [{"by": "loop[0]/a"}]


def test_an_emptied_field_collects_what_the_last_step_gave() -> None:
    state = a_loop(items=[7], collect="")
    done(state, "loop[0]/a")

    assert state.steps["loop"].output["results"] == [{"by": "loop[0]/a"}]


def test_a_body_sees_the_same_in_every_iteration_and_on_every_host() -> None:
    state = begun("start > a > loop", "start > w > loop", "loop/b", first=["loop"])
    done(state, "a", second=1)
    enter(state, "loop", second=2, items=[1, 2], collect="{{ has(steps.w) }}")
    rows = Rows(state.graph, state.run)
    done(state, "w", second=3)
    done(state, "loop[0]/b", second=4)
    rows.write(state)
    loaded = rows.load()
    loaded.begin(at(5))

    for going_on in (state, loaded):
        assert set(going_on.scope_of("loop[1]/b")["steps"]) == {"a"}
        done(going_on, "loop[1]/b", second=5)
        assert going_on.steps["loop"].output["results"] == [False, False]


# --- budgets ------------------------------------------------------------------------------------------


def test_what_waits_has_begun() -> None:
    state = a_loop(items=[1, 2, 3], max_parallel=3)
    for index in range(2):
        state.start_in_memory(f"loop[{index}]/a", at(2))
        state.park(f"loop[{index}]/a", Park("time", due_at=at(99)), at(2), inputs={})

    # The trigger and two in the loop.
    assert state.steps_begun == 3
    call(state, "loop[2]/a")
    assert state.steps_begun == 4
    state.retry("loop[2]/a", failure(), at(9), at(3))
    assert taken_over(state).steps_begun == 4
