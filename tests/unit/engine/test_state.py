"""A run in memory: what follows from each outcome, what is told of it, and that its rows give the same run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.engine.state import Ending, RunState
from runtime.engine.wait_kinds import PAUSE, RETRY, SETTLE, wait_key
from runtime.errors import NodeFailure
from runtime.graph.paths import prefix_of
from runtime.graph.schema import Edge, Graph, Node
from runtime.models import RunStatus, StepStatus
from runtime.nodes.base import End, Leave, Park
from tests.unit.engine.runs import (
    RUN_ID,
    TYPES,
    Rows,
    a_run,
    at,
    begun,
    call,
    done,
    failure,
    taken_over,
    told,
)
from tests.unit.graph.drawing import drawn

UNSTORABLE = "no\x00"
STORED = "no\N{REPLACEMENT CHARACTER}"


def statuses(state: RunState) -> dict[str, str]:
    return {path: str(step.status) for path, step in state.steps.items()}


# --- beginning ------------------------------------------------------------------------------------------------


def test_the_fired_trigger_is_a_step_and_its_followers_are_ready_in_graph_order() -> None:
    state = begun("start > b", "start > a", given={"n": 1})

    assert state.ready == ["b", "a"]
    assert (state.steps["start"].status, state.steps["start"].output) == (StepStatus.SUCCEEDED, {"n": 1})
    assert state.run.started_at == at(0)
    assert told(state.delta) == [("run.started", ""), ("step.started", "start"), ("step.ended", "start")]


def test_triggers_that_did_not_fire_are_skipped_with_what_only_they_lead_to() -> None:
    state = begun("start > a", "start_2 > b")

    assert statuses(state) == {"start": "succeeded", "start_2": "skipped", "b": "skipped"}


def test_beginning_twice_changes_nothing() -> None:
    state = begun("start > a")
    state.take_delta()
    state.begin(at(9))

    assert not state.delta
    assert state.run.started_at == at(0)


def test_expressions_see_the_trigger_the_run_the_workspace_and_its_constants() -> None:
    state = begun("start > a", given={"n": 1})

    assert state.scope_of("") == {
        "trigger": {"n": 1},
        "steps": {},
        "errors": {},
        "run": {
            "id": str(RUN_ID),
            "started_at": "2026-11-21T09:00:00+00:00",
            "workflow": {"id": "1", "name": "Orders", "slug": "orders"},
        },
        "workspace": {"timezone": "Europe/Berlin"},
        "vars": {"limit": 50},
    }


def test_a_run_that_was_queued_sees_when_it_began_on_every_host() -> None:
    state = RunState(a_run(), drawn("start > a"), TYPES)
    state.begin(at(600))
    again = RunState(state.run, drawn("start > a"), TYPES)

    began = [one.scope_of("")["run"]["started_at"] for one in (state, again)]
    assert began == ["2026-11-21T09:10:00+00:00"] * 2


# --- going on ---------------------------------------------------------------------------------------------------


def test_a_step_that_succeeded_gives_its_output_to_later_ones() -> None:
    state = begun("start > a > b")
    done(state, "a", output={"status": "shipped"})

    assert state.ready == ["b"]
    assert state.scope_of("")["steps"] == {"a": {"status": "shipped"}}


def test_what_is_ready_stands_in_graph_order_whenever_it_became_so() -> None:
    state = begun("start > a > b", "start > c")
    assert state.ready == ["a", "c"]
    done(state, "a")

    assert state.ready == ["b", "c"]


def test_a_branch_that_was_not_taken_is_skipped_and_told() -> None:
    state = begun("start > fork:yes > a", "fork:no > b > c")
    state.take_delta()
    done(state, "fork", "yes")

    assert state.ready == ["a"]
    assert statuses(state) == {"start": "succeeded", "fork": "succeeded", "b": "skipped", "c": "skipped"}
    assert told(state.delta) == [
        ("step.started", "fork"),
        ("step.ended", "fork"),
        ("step.ended", "b"),
        ("step.ended", "c"),
    ]


def test_positions_number_the_steps_as_they_began() -> None:
    state = begun("start > fork:yes > a", "fork:no > b")
    done(state, "fork", "yes")
    done(state, "a")

    assert [step.path for step in sorted(state.steps.values(), key=lambda step: step.position)] == [
        "start",
        "fork",
        "b",
        "a",
    ]
    assert len({step.position for step in state.steps.values()}) == 4


def test_an_intent_notes_everything_that_is_needed_to_judge_it_later() -> None:
    state = begun("start > a")
    state.run.fence = 7
    attempt = call(state, "a", effect="once")

    assert (attempt.number, attempt.effect, attempt.idempotency_key, attempt.fence) == (1, "once", "key", 7)
    assert attempt.ended_at is None
    assert state.in_flight == {"a"}
    assert state.ready == []
    assert state.steps["a"].input == {"a": 1}
    assert state.delta.attempts == {("a", 1): attempt}


def test_an_outcome_closes_its_intent() -> None:
    state = begun("start > a")
    attempt = call(state, "a")
    state.leave("a", Leave({"x": 1}), at(3))

    assert (attempt.ended_at, attempt.error) == (at(3), None)
    assert (state.in_flight, state.open_attempts) == (set(), {})
    assert state.delta.events[-1].data["duration_ms"] == 2000


def test_an_intent_that_was_never_committed_leaves_no_trace_but_a_cancelled_step() -> None:
    state = begun("start > a")
    attempt = call(state, "a")
    state.withdraw(attempt, at(2))

    assert state.delta.attempts == {}
    assert (state.steps["a"].status, state.steps["a"].attempts) == (StepStatus.CANCELLED, 0)
    assert not state.in_flight


def test_an_output_is_stored_without_what_no_row_can_hold() -> None:
    state = begun("start > a")
    done(state, "a", output={"text": UNSTORABLE})

    assert state.scope_of("")["steps"]["a"] == {"text": STORED}


def test_an_output_that_is_too_large_leaves_the_step_to_be_failed() -> None:
    state = begun("start > a")
    call(state, "a")
    with pytest.raises(NodeFailure) as caught:
        state.leave("a", Leave({"text": "x" * 9_000_000}), at(2))
    state.fail("a", caught.value, at(2))

    assert caught.value.code == "value_too_large"
    assert state.steps["a"].status == StepStatus.FAILED
    assert not state.open_attempts


# --- replies ----------------------------------------------------------------------------------------------------


def test_the_first_reply_is_the_result_and_later_ones_are_not_sent() -> None:
    state = begun("start > a > b")
    for path, value in (("a", {"text": "one"}), ("b", {"text": "two"})):
        state.start_in_memory(path, at(1))
        state.leave(path, Leave({"sent": False}, reply=value, replies=True), at(2))

    assert state.run.result == {"text": "one"}
    assert state.run.replied_at == at(2)
    assert state.scope_of("")["steps"] == {"a": {"sent": True}, "b": {"sent": False}}
    assert [path for kind, path in told(state.delta) if kind == "reply.sent"] == ["a"]


def test_a_reply_of_nothing_is_a_reply() -> None:
    state = begun("start > a")
    state.start_in_memory("a", at(1))
    state.leave("a", Leave({}, reply=None, replies=True), at(2))

    assert state.has_replied
    assert state.run.result is None


def test_a_reply_is_kept_when_the_run_fails_later() -> None:
    state = begun("start > a > b")
    state.start_in_memory("a", at(1))
    state.leave("a", Leave({}, reply={"text": UNSTORABLE}, replies=True), at(2))
    state.start_in_memory("b", at(3))
    state.fail("b", failure(), at(3))
    state.take_end(at(4))

    assert (state.run.status, state.run.result) == (RunStatus.FAILED, {"text": STORED})


# --- failures -----------------------------------------------------------------------------------------------------


def test_a_failure_that_nothing_takes_ends_the_run_and_names_the_step() -> None:
    state = begun("start > a > b", "start > c")
    call(state, "a")
    state.fail("a", failure(tool_code="X"), at(2))

    assert state.ending == Ending(
        RunStatus.FAILED,
        {
            "code": "mcp_tool_error",
            "message": "It did not work.",
            "retryable": False,
            "details": {"tool_code": "X"},
            "node": "a",
            "path": "a",
        },
    )
    assert state.ready == []
    assert state.is_over


def test_a_failure_whose_error_exit_is_drawn_goes_on_and_is_counted() -> None:
    state = begun("start > a:error > sorry", "a > b")
    call(state, "a")
    state.fail("a", failure(), at(2))

    assert state.ready == ["sorry"]
    assert state.ending is None
    assert (state.steps["a"].status, state.steps["a"].ports) == (StepStatus.FAILED, ["error"])
    assert statuses(state)["b"] == "skipped"
    assert state.scope_of("")["errors"]["a"]["code"] == "mcp_tool_error"
    assert "a" not in state.scope_of("")["steps"]
    assert state.run.handled_errors == 1


@pytest.mark.parametrize("what_happens", ["fail", "retry", "lose", "interrupt"])
def test_words_of_others_in_an_error_are_stored_without_what_no_row_can_hold(what_happens: str) -> None:
    state = begun("start > a:error > b")
    attempt = call(state, "a", effect="once")
    error = NodeFailure(UNSTORABLE, details={"text": [UNSTORABLE]})
    match what_happens:
        case "fail":
            state.fail("a", error, at(2))
        case "retry":
            state.retry("a", error, at(9), at(2))
        case "lose":
            state.lose_outcome("a", error, at(2))
        case _:
            state.emit("step.progress", at(2), "a", data={"message": UNSTORABLE})
            state.interrupt("a", at(2))
    stored = [state.steps["a"].error, attempt.error, *(event.data for event in state.delta.events)]

    assert "\\u0000" not in json.dumps(stored)


def test_what_is_in_flight_may_finish_after_the_end_was_decided_and_nothing_follows() -> None:
    state = begun("start > a > b", "start > c > d")
    call(state, "a")
    call(state, "c")
    state.fail("a", failure(), at(2))
    assert not state.is_over
    state.leave("c", Leave({"x": 1}), at(3))

    assert state.is_over
    assert (state.ready, state.steps["c"].status) == ([], StepStatus.SUCCEEDED)
    assert "d" not in state.steps


@pytest.mark.parametrize("first", ["failure", "stop", "cancel"])
def test_of_two_ends_the_first_one_stands(first: str) -> None:
    state = begun("start > a", "start > stop", "start > b")
    call(state, "a")
    call(state, "b")
    state.start_in_memory("stop", at(1))
    ends: dict[str, Callable[[], None]] = {
        "failure": lambda: state.fail("a", failure(), at(2)),
        "stop": lambda: state.finish("stop", End(True, "Enough"), at(2)),
        "cancel": lambda: state.cancel(at(2), "Not needed."),
    }
    ends.pop(first)()
    decided = state.ending
    for end in ends.values():
        end()

    assert decided is not None
    assert state.ending is decided


# --- ends ---------------------------------------------------------------------------------------------------------


def test_a_run_succeeds_when_nothing_is_left() -> None:
    state = begun("start > a")
    done(state, "a")
    assert state.is_over
    delta = state.take_end(at(5))

    assert (state.run.status, state.run.error, state.run.ended_at) == (RunStatus.SUCCEEDED, None, at(5))
    assert delta.events[-1].type == "run.ended"
    assert delta.events[-1].data == {"status": "succeeded", "error": None}


@pytest.mark.parametrize(
    ("end", "status", "code"),
    [(End(True, "Done"), RunStatus.SUCCEEDED, None), (End(False, "No stock"), RunStatus.FAILED, "stopped")],
)
def test_a_stop_ends_the_run_with_its_own_outcome(end: End, status: RunStatus, code: str | None) -> None:
    state = begun("start > stop", "start > a > b")
    state.start_in_memory("stop", at(1))
    state.finish("stop", end, at(2))
    state.take_end(at(3))

    assert state.run.status == status
    assert (state.run.error or {}).get("code") == code
    assert state.steps["stop"].output == {
        "outcome": "success" if end.succeeded else "failure",
        "message": end.message,
    }
    assert "a" not in state.steps


def test_a_stall_is_an_error_and_never_a_success() -> None:
    graph = drawn("start > a > b")
    graph.edges.append(Edge(source="b", port="out", target="a"))
    state = RunState(a_run(), graph, TYPES)
    state.begin(at(0))
    assert state.is_over
    state.take_end(at(1))

    assert state.run.status == RunStatus.FAILED
    assert state.run.error is not None
    assert (state.run.error["code"], state.run.error["details"]) == ("stalled", {"nodes": ["a", "b"]})


def test_a_cancel_closes_what_waits_and_starts_nothing() -> None:
    state = begun("start > a", "start > b")
    state.start_in_memory("a", at(1))
    state.park("a", Park("handoff", due_at=None), at(1), inputs={})
    state.take_delta()
    state.cancel(at(2), "Not needed.")

    assert state.ready == []
    assert state.waits == {}
    assert [wait.outcome for wait in state.delta.closed.values()] == ["closed"]
    assert state.steps["a"].status == StepStatus.CANCELLED
    assert state.ending is not None
    assert state.ending.error is not None
    assert (state.ending.status, state.ending.error["code"]) == (RunStatus.CANCELLED, "cancelled")
    assert state.ending.error["message"] == "Not needed."


@pytest.mark.parametrize(
    ("effect", "status"), [("none", "cancelled"), ("idempotent", "cancelled"), ("once", "unknown")]
)
def test_a_call_that_a_cancel_broke_off_is_unknown_where_it_must_not_be_repeated(
    effect: str, status: str
) -> None:
    state = begun("start > a")
    attempt = call(state, "a", effect=effect)
    state.cancel(at(2), "Not needed.")
    state.interrupt("a", at(3))

    assert statuses(state)["a"] == status
    assert attempt.ended_at == at(3)
    assert state.is_over


# --- waiting ------------------------------------------------------------------------------------------------------


def test_a_step_that_asks_first_counts_no_attempt_until_its_call_is_made() -> None:
    state = begun("start > a")
    state.hold("a", Park("handoff", due_at=None, data={"title": "Allow?"}), at(1), inputs={"x": 1})

    assert (state.ready, statuses(state)["a"], state.steps["a"].attempts) == ([], "waiting", 0)
    assert state.waits["a"].kind == "handoff"
    state.wake("a", at(2), "signal")
    state.make_ready("a")
    attempt = call(state, "a", effect="once")
    assert (state.ready, attempt.number) == ([], 1)


def test_a_parked_step_waits_with_what_the_application_needs_to_show() -> None:
    state = begun("start > a")
    state.start_in_memory("a", at(1))
    state.park("a", Park("handoff", due_at=at(60), data={"title": "Yes?"}), at(1), inputs={"title": "Yes?"})
    wait = state.waits["a"]

    assert (wait.kind, wait.due_at, wait.opened_at, wait.data) == (
        "handoff",
        at(60),
        at(1),
        {"title": "Yes?"},
    )
    assert state.delta.opened == [wait]
    assert (state.steps["a"].status, state.steps["a"].input) == (StepStatus.WAITING, {"title": "Yes?"})
    assert state.delta.events[-1].data == {"kind": "handoff", "due_at": at(60).isoformat()}
    assert not state.is_over


@pytest.mark.parametrize(("dues", "due"), [([], None), ([None], None), ([30, None, 10], 10), ([20, 20], 20)])
def test_the_run_is_due_when_its_first_wait_is(dues: list[float | None], due: float | None) -> None:
    state = begun(*(f"start > a{number}" for number in range(len(dues) + 1)))
    for number, seconds in enumerate(dues):
        state.start_in_memory(f"a{number}", at(0))
        due_at = None if seconds is None else at(seconds)
        state.park(f"a{number}", Park("time", due_at=due_at), at(0), inputs={})

    assert state.next_due() == (None if due is None else at(due))


def test_a_wait_that_is_over_is_closed_and_its_signal_consumed_once() -> None:
    state = begun("start > a > b")
    state.start_in_memory("a", at(1))
    state.park("a", Park("handoff", due_at=None), at(1), inputs={})
    signal_id = UUID(int=9)
    wait = state.wake("a", at(5), "signal", signal_id)
    state.leave("a", Leave({"choice": "yes"}), at(5))

    assert (wait.closed_at, wait.outcome) == (at(5), "signal")
    assert state.delta.consumed == {signal_id: wait.id}
    assert state.ready == ["b"]


def test_a_failed_attempt_waits_for_the_next_one() -> None:
    state = begun("start > a")
    first = call(state, "a")
    state.retry("a", failure(), at(3), at(2))
    assert (first.ended_at, state.steps["a"].status, state.next_due()) == (at(2), StepStatus.WAITING, at(3))
    assert state.waits["a"].kind == RETRY
    assert state.delta.events[-1].type == "step.retrying"
    state.wake("a", at(3), "due")
    state.make_ready("a")
    second = call(state, "a", second=3)
    state.leave("a", Leave({}), at(4))

    assert second.number == 2
    assert (state.steps["a"].attempts, state.steps["a"].error) == (2, None)
    assert state.steps["a"].started_at == at(1)


def test_a_lost_outcome_asks_for_attention_while_other_branches_go_on() -> None:
    state = begun("start > a > b", "start > c")
    call(state, "a", effect="once")
    state.lose_outcome("a", failure("outcome_unknown"), at(2))

    assert state.steps["a"].status == StepStatus.UNKNOWN
    assert (state.unknown, state.waits["a"].kind, state.waits["a"].due_at) == (["a"], SETTLE, None)
    assert state.run.attention == "outcome_unknown"
    assert state.ready == ["c"]
    assert state.status() == RunStatus.NEEDS_ATTENTION
    assert ("run.needs_attention", "a") in told(state.delta)


def test_an_end_elsewhere_leaves_a_lost_outcome_unknown() -> None:
    state = begun("start > a", "start > c")
    call(state, "a", effect="once")
    state.lose_outcome("a", failure("outcome_unknown"), at(2))
    state.start_in_memory("c", at(3))
    state.fail("c", failure(), at(3))
    state.take_end(at(4))

    assert (state.steps["a"].status, state.steps["a"].ended_at) == (StepStatus.UNKNOWN, at(3))
    assert (state.run.status, state.run.attention) == (RunStatus.FAILED, "")


@pytest.mark.parametrize(
    ("arrange", "status"),
    [
        (lambda state: None, RunStatus.RUNNING),
        (lambda state: call(state, "a"), RunStatus.RUNNING),
        (lambda state: (call(state, "a"), state.retry("a", failure(), at(9), at(2))), RunStatus.WAITING),
        (
            lambda state: (call(state, "a"), state.lose_outcome("a", failure(), at(2))),
            RunStatus.NEEDS_ATTENTION,
        ),
    ],
)
def test_people_see_attention_before_running_before_waiting(
    arrange: Callable[[RunState], Any], status: RunStatus
) -> None:
    state = begun("start > a")
    arrange(state)

    assert state.status() == status


def test_the_key_of_a_wait_is_short_and_its_own() -> None:
    keys = {
        wait_key(kind, run_id, path, number)
        for kind in ("handoff", "time")
        for run_id in (RUN_ID, UUID(int=1))
        for path in ("a", "x" * 400)
        for number in (1, 2)
    }

    assert len(keys) == 16
    assert max(map(len, keys)) <= 120


def test_a_step_is_called_by_its_title_or_by_that_of_its_type() -> None:
    state = begun("start > a > b")
    state.nodes["a"].title = "Look up"

    assert (state.title("a"), state.title("b")) == ("Look up", "MCP tool")


# --- writing ------------------------------------------------------------------------------------------------------


def test_events_are_numbered_on_from_the_row_without_gaps() -> None:
    state = begun("start > a > b")
    first = state.take_delta()
    done(state, "a")
    second = state.take_delta()
    seqs = [event.seq for event in [*first.events, *second.events]]

    assert seqs == list(range(2, 2 + len(seqs)))
    assert state.run.event_seq == seqs[-1]


def test_what_was_taken_is_not_written_twice() -> None:
    state = begun("start > a")
    assert state.take_delta()

    assert not state.take_delta()


def test_a_refused_write_is_written_with_the_next_one_in_order() -> None:
    state = begun("start > a > b")
    first = state.take_delta()
    attempt = call(state, "a")
    state.give_back(first)
    delta = state.take_delta()

    assert [event.seq for event in delta.events] == sorted(event.seq for event in delta.events)
    assert told(delta)[0] == ("run.started", "")
    assert set(delta.steps) == {"start", "a"}
    assert delta.attempts == {("a", 1): attempt}
    assert delta.settled == 1


def test_progress_counts_settled_steps_only() -> None:
    state = begun("start > fork:yes > a", "fork:no > b")
    done(state, "fork", "yes")
    call(state, "a")
    state.retry("a", failure(), at(9), at(3))

    assert state.delta.settled == 2


# --- another host ---------------------------------------------------------------------------------------------------


def test_another_host_goes_on_where_the_first_one_stopped() -> None:
    state = begun("start > fork:yes > a", "fork:no > b", "a > c")
    done(state, "fork", "yes")
    done(state, "a", output={"x": 1})
    later = taken_over(state)

    assert later.ready == ["c"]
    assert later.scope_of("") == state.scope_of("")
    assert statuses(later) == statuses(state)


def test_a_run_that_had_not_begun_begins_with_the_next_host() -> None:
    later = taken_over(RunState(a_run(), drawn("start > a"), TYPES))
    later.begin(at(5))

    assert later.ready == ["a"]


def test_an_intent_without_an_outcome_is_found_again() -> None:
    state = begun("start > a > b")
    call(state, "a", effect="once")
    later = taken_over(state)

    assert [(path, attempt.effect) for path, attempt in later.open_attempts.items()] == [("a", "once")]
    assert later.ready == []
    assert later.in_flight == set()


def test_a_handled_error_is_still_there() -> None:
    state = begun("start > a:error > b > c")
    call(state, "a")
    state.fail("a", failure(), at(2))
    later = taken_over(state)

    assert later.ready == ["b"]
    assert later.scope_of("")["errors"] == state.scope_of("")["errors"]


@pytest.mark.parametrize("kind", ["retry", "settled"])
def test_an_attempt_that_was_due_and_had_not_begun_is_not_forgotten(kind: str) -> None:
    state = begun("start > a > b")
    call(state, "a", effect="once")
    if kind == "retry":
        state.retry("a", failure(), at(3), at(2))
    else:
        state.lose_outcome("a", failure(), at(2))
    state.wake("a", at(3), "over")
    state.make_ready("a")
    later = taken_over(state)

    assert later.ready == ["a"]
    assert not later.is_over
    assert statuses(later)["a"] == "waiting"
    assert call(later, "a", second=4).number == 2


@pytest.mark.parametrize("how", ["failure", "stop"])
def test_an_end_that_was_decided_stands_although_the_host_died_before_it_was_reached(how: str) -> None:
    state = begun("start > a > x", "start > b > y", "start > stop")
    call(state, "a")
    call(state, "b")
    if how == "failure":
        state.fail("a", failure(), at(2))
    else:
        state.start_in_memory("stop", at(2))
        state.finish("stop", End(False, "Enough"), at(2))
    later = taken_over(state)

    assert later.ending == state.ending
    assert later.ready == []
    later.fail("b", failure("worker_lost"), at(3))
    later.take_end(at(3))
    assert later.run.status == RunStatus.FAILED
    assert later.run.error is not None
    assert later.run.error["node"] == ("a" if how == "failure" else "stop")


def test_of_two_ends_the_first_one_stands_for_the_next_host_too() -> None:
    state = begun("start > a", "start > b", "start > c")
    for path in ("a", "b", "c"):
        call(state, path)
    state.fail("b", failure("first"), at(2))
    state.fail("a", failure("second"), at(3))
    later = taken_over(state)

    assert later.ending == state.ending


EXITS = {
    "start": ["out"],
    "step": ["out", "error"],
    "fork": ["yes", "no"],
    "loop": ["out", "error"],
    "repeat": ["out", "limit_reached", "error"],
}
LOOPS: dict[str, dict[str, Any]] = {
    "loop": {"items": ["A", "B", "C"]},
    "repeat": {"until": "{{ index == 1 }}", "max_times": 3},
}
MANNERS: dict[str, list[dict[str, Any]]] = {
    "loop": [
        {},
        {"max_parallel": 2},
        {"max_parallel": 2, "on_item_error": "continue"},
        {"collect": "{{ item }}"},
    ],
    "repeat": [{}, {"delay_s": 5}, {"max_times": 1}],
}


def _holders(nodes: list[Node]) -> list[str]:
    return [node.id for node in nodes if node.type in LOOPS]


class Chance:
    """Draws a run: a graph without cycles, and one thing after another that may happen in it."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.second = 0.0

    def now(self) -> datetime:
        self.second += 1
        return at(self.second)

    def one_of(self, *options: Any) -> Any:
        return self.data.draw(st.sampled_from(options))

    def graph(self) -> Graph:
        size = self.data.draw(st.integers(1, 7))
        nodes = [Node(id="start", type="start")]
        edges = []
        for number in range(size):
            kind = self.one_of("step", "step", "step", "fork", "stop", "loop", "repeat")
            node = Node(id=f"{kind}_{number}", type=kind, parent=self.one_of(None, *_holders(nodes)))
            sources = [other for other in nodes if other.type != "stop" and other.parent == node.parent]
            found = (
                st.lists(st.sampled_from(sources), max_size=2, unique_by=lambda it: it.id)
                if sources
                else st.just([])
            )
            for source in self.data.draw(found):
                port = self.one_of(*EXITS[source.type])
                edges.append(Edge(source=source.id, port=port, target=node.id))
            node.settings.join = self.one_of("all", "first")
            nodes.append(node)
        empty = [holder for holder in _holders(nodes) if holder not in {node.parent for node in nodes}]
        nodes += [Node(id=f"step_in_{holder}", type="step", parent=holder) for holder in empty]
        return Graph(nodes=nodes, edges=edges)

    def happen(self, state: RunState) -> None:
        """Something that can happen next, as a drive would bring it about."""
        options = [("begin", path) for path in state.ready]
        options += [("return", path) for path in sorted(state.in_flight)]
        options += [("wake", path) for path in state.waits]
        what, path = self.one_of(*options)
        {"begin": self._begin, "return": self._return, "wake": self._wake}[what](state, path)

    def _begin(self, state: RunState, path: str) -> None:
        kind = state.node_at(path).type
        if kind == "step":
            effect = self.one_of("none", "once")
            state.start_attempt(path, self.now(), effect=effect, key="key", inputs={})
            return
        step = state.start_in_memory(path, self.now())
        if kind in LOOPS:
            config = {**LOOPS[kind], **self.one_of(*MANNERS[kind])}
            state.enter(path, self.now(), inputs=config)
        elif kind == "stop":
            state.finish(path, End(self.one_of(True, False), "Enough"), self.now())
        elif step.attempts == 1 and self.one_of(True, False):
            state.park(path, Park("time", due_at=at(1000)), self.now(), inputs={})
        else:
            self._leave(state, path)

    def _return(self, state: RunState, path: str) -> None:
        what = self.one_of("leave", "leave", "fail", "retry", "lose")
        if what == "leave":
            self._leave(state, path)
        elif what == "fail" or not state.goes_on(path):
            state.fail(path, failure(), self.now())
        elif what == "retry":
            now = self.now()
            state.retry(path, failure(), at(1000), now)
        else:
            state.lose_outcome(path, failure("outcome_unknown"), self.now())

    def _wake(self, state: RunState, path: str) -> None:
        if state.waits[path].kind == PAUSE:
            state.pause_is_over(state.waits[path], self.now())
            return
        kind = state.wake(path, self.now(), "over").kind
        if kind in (RETRY, SETTLE) and self.one_of(True, False):
            state.make_ready(path)
        else:
            self._leave(state, path)

    def _leave(self, state: RunState, path: str) -> None:
        ports = (self.one_of("yes", "no"),) if state.node_at(path).type == "fork" else ("out",)
        state.leave(path, Leave({"by": path}, ports=ports), self.now())


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_the_rows_of_a_run_give_the_same_run_again_at_every_moment(data: st.DataObject) -> None:
    chance = Chance(data)
    graph = chance.graph()
    state = RunState(a_run(), graph, TYPES)
    rows = Rows(graph, state.run)
    state.begin(chance.now())
    for _ in range(40):
        rows.write(state)
        later = rows.load()
        later.begin(chance.now())
        assert (later.ready, later.ending) == (state.ready, state.ending)
        if state.ending is None:
            assert later.scope_of("") == state.scope_of("")
        if all(node.settings.join == "all" for node in graph.nodes):
            # After a first join it is a matter of time what a body sees of the other branches.
            for path in later.ready:
                assert later.scope_of(path) == state.scope_of(path)
        assert statuses(later) == statuses(state)
        assert set(later.waits) == set(state.waits)
        assert set(later.open_attempts) == state.in_flight
        assert later.next_due() == state.next_due()
        if state.is_over:
            break
        if data.draw(st.booleans()):
            # The next host goes on; what was in flight in the first one returns to it.
            later.in_flight = set(later.open_attempts)
            state = later
        chance.happen(state)
    assert [event.seq for event in rows.events] == list(range(2, 2 + len(rows.events)))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_run_comes_to_an_end_in_which_nothing_is_left_open(data: st.DataObject) -> None:
    chance = Chance(data)
    state = RunState(a_run(), chance.graph(), TYPES)
    state.begin(chance.now())
    for _ in range(400):
        if state.is_over:
            break
        chance.happen(state)
    if not state.is_over:
        # Endless retries: a person loses patience.
        state.cancel(chance.now(), "Enough")
        for path in sorted(state.in_flight):
            state.interrupt(path, chance.now())
    state.take_end(chance.now())

    assert state.run.status in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)
    assert (state.run.error is None) is (state.run.status == RunStatus.SUCCEEDED)
    assert (state.run.error or {}).get("code") != "stalled"
    assert state.waits == {}
    assert state.open_attempts == {}
    if state.ending is None:
        outside = {path: step for path, step in state.steps.items() if not prefix_of(path)}
        assert set(outside) == {node.id for node in state.nodes.values() if node.parent is None}
        assert {str(step.status) for step in outside.values()} <= {"succeeded", "skipped", "failed"}
    assert {str(step.status) for step in state.steps.values()}.isdisjoint({"running", "waiting"})
