"""Runs that work for a long time without any call: they can be stopped, and leave room for others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.product import Api, a_document, a_node, eventually, published

ENDED = ("succeeded", "failed", "cancelled")
A_VALUE = {"values": [{"id": "n", "value": "{{ index }}"}]}
MANY = 4000


def many_rounds() -> dict[str, Any]:
    return a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("loop", "repeat", {"until": "{{ false }}", "max_times": MANY}),
            a_node("one", "set_values", A_VALUE, parent="loop"),
        ],
        "start>loop",
    )


def started(api: Api, name: str, graph: dict[str, Any]) -> str:
    workflow = published(api, name, graph)
    return str(api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"])


def has_done(api: Api, run_id: str, steps: int) -> bool:
    """Each step tells that it has started, and that it has ended."""
    return bool(api("GET", f"/runs/{run_id}/events?after={2 * steps}")["items"])


@pytest.mark.parametrize(("wish", "status"), [("cancel", "cancelled"), ("pause", "paused")])
def test_a_run_that_never_calls_out_hears_of_a_wish(api: Api, wish: str, status: str) -> None:
    run_id = started(api, f"Many rounds, then {wish}", many_rounds())
    eventually(lambda: has_done(api, run_id, 2), what="the first rounds")

    api("POST", f"/runs/{run_id}/{wish}")

    assert api.run_until(run_id, status, *ENDED)["status"] == status
    assert not has_done(api, run_id, MANY)
    if wish == "pause":
        api("POST", f"/runs/{run_id}/cancel")


def test_no_further_run_is_started_after_a_cancel(api: Api) -> None:
    other = published(api, "Started often", a_document([a_node("start", "manual_trigger")], ""))
    call = {"workflow": other["slug"], "wait": False}
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("loop", "for_each", {"items": f"{{{{ {list(range(600))} }}}}"}),
            a_node("call", "sub_workflow", call, parent="loop"),
        ],
        "start>loop",
    )
    run_id = started(api, "Starts many", graph)
    eventually(lambda: api("GET", f"/runs?parent={run_id}")["items"], what="the first of them")

    api("POST", f"/runs/{run_id}/cancel")
    known = count_started(api, run_id)

    assert api.run_until(run_id, *ENDED)["status"] == "cancelled"
    assert count_started(api, run_id) <= known + 20


def count_started(api: Api, run_id: str) -> int:
    return len(list(api.all_of(f"/runs?parent={run_id}")))


def test_expressions_that_take_long_leave_room_for_other_runs(api: Api) -> None:
    items = [{"customer": n % 50} for n in range(1500)]
    same = "{{ size(steps.list.rows.filter(row, row.customer == item.customer)) }}"
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("list", "set_values", {"values": [{"id": "rows", "value": items}]}),
            a_node("loop", "for_each", {"items": "{{ steps.list.rows }}"}),
            a_node("one", "set_values", {"values": [{"id": "n", "value": same}]}, parent="loop"),
        ],
        "start>list, list>loop",
    )
    heavy = started(api, "Compares all with all", graph)
    eventually(lambda: has_done(api, heavy, 4), what="the first elements")
    nap = a_document([a_node("start", "manual_trigger"), a_node("nap", "wait", {"for_s": 0.1})], "start>nap")

    assert api.run_until(started(api, "Naps beside it", nap), *ENDED, within_s=10)["status"] == "succeeded"

    assert not has_done(api, heavy, len(items))
    api("POST", f"/runs/{heavy}/cancel")
    assert api.run_until(heavy, *ENDED)["status"] == "cancelled"
