"""Loops in real runs: lists, rounds, failures inside, and going on from an iteration."""

from __future__ import annotations

from typing import Any

from tests.support.product import Api, a_document, a_node, published

ENDED = ("succeeded", "failed", "cancelled")


def started(api: Api, workflow: dict[str, Any], given: Any) -> str:
    run: dict[str, Any] = api("POST", f"/workflows/{workflow['id']}/runs", {"input": given})
    return str(run["id"])


def a_loop(api: Api, name: str, *inside: dict[str, Any], lines: str = "", **config: Any) -> dict[str, Any]:
    """A form with `numbers`, a loop over them, and a reply with what the loop gave."""
    nodes = [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node("loop", "for_each", {"items": "{{ trigger.body.numbers }}", **config}),
        *({**node, "parent": "loop"} for node in inside),
        a_node("answer", "reply", {"data": "{{ steps.loop }}"}),
    ]
    return published(api, name, a_document(nodes, f"start>loop, loop>answer{lines and ', ' + lines}"))


def lookup(number: str) -> dict[str, Any]:
    arguments = {"order_id": number}
    return a_node("lookup", "mcp_tool", {"server": "orders", "tool": "get_order", "arguments": arguments})


def test_the_demo_looks_up_every_parcel_of_a_customer(api: Api) -> None:
    workflow = api.workflow("customer-parcels")
    run = api.run_until(started(api, workflow, {"email": "mira@example.com"}), *ENDED)

    assert run["status"] == "succeeded", run["error"]
    assert "12351: " in run["result"]["text"]
    steps = api.steps(run["id"])
    count = len(steps["each_order"]["output"]["results"])
    assert {f"each_order[{index}]/parcel" for index in range(count)} <= set(steps)


def test_elements_that_fail_are_told_and_the_others_go_on(api: Api) -> None:
    workflow = a_loop(
        api,
        "Orders one by one",
        lookup("{{ item }}"),
        on_item_error="continue",
        max_parallel=2,
        collect="{{ steps.lookup.order_id }}",
    )
    run = api.run_until(started(api, workflow, {"body": {"numbers": ["12345", "99999", "12347"]}}), *ENDED)

    assert run["result"]["results"] == ["12345", None, "12347"]
    assert [(row["index"], row["code"]) for row in run["result"]["failed"]] == [(1, "mcp_tool_error")]
    assert run["handled_errors"] == 1

    again = api("POST", f"/runs/{run['id']}/replay", {"from": "answer"})
    assert api.run_until(again["id"], *ENDED)["handled_errors"] == 1


def test_a_fork_in_a_loop_that_goes_on_after_failures_keeps_those_before_it(api: Api) -> None:
    workflow = a_loop(
        api,
        "Orders, some of them unknown",
        lookup("{{ item }}"),
        on_item_error="continue",
        collect="{{ steps.lookup.order_id }}",
    )
    numbers = ["12345", "99999", "12347", "99998"]
    run = api.run_until(started(api, workflow, {"body": {"numbers": numbers}}), *ENDED)

    again = api("POST", f"/runs/{run['id']}/replay", {"from": "loop[2]/lookup"})

    ended = api.run_until(again["id"], *ENDED)
    assert (ended["result"], ended["handled_errors"]) == (run["result"], 2)
    steps = api.steps(again["id"])
    assert [steps[f"loop[{index}]/lookup"]["attempts"] for index in range(4)] == [0, 0, 1, 1]
    assert steps["loop[1]/lookup"]["taken_from"] == run["id"]
    assert steps["loop[1]/lookup"]["error"] == api.steps(run["id"])["loop[1]/lookup"]["error"]


def test_a_retry_begins_in_the_iteration_that_failed_and_calls_nothing_again(api: Api) -> None:
    workflow = a_loop(api, "Until one fails", lookup("{{ item }}"), collect="{{ steps.lookup.order_id }}")
    run = api.run_until(started(api, workflow, {"body": {"numbers": ["12345", "99999"]}}), *ENDED)
    assert (run["status"], run["error"]["path"]) == ("failed", "loop[1]/lookup")

    again = api("POST", f"/runs/{run['id']}/retry", {})
    again = api.run_until(again["id"], *ENDED)

    assert again["error"]["path"] == "loop[1]/lookup"
    steps = api.steps(again["id"])
    assert steps["loop[0]/lookup"]["attempts"] == 0
    assert steps["loop[1]/lookup"]["attempts"] == 1


def test_a_replay_from_inside_a_loop_takes_other_data_and_runs_the_rest_again(api: Api) -> None:
    workflow = a_loop(
        api,
        "Times ten",
        a_node("ten", "set_values", {"values": [{"id": "n", "value": "{{ item * 10 }}"}]}),
        a_node("one", "set_values", {"values": [{"id": "n", "value": "{{ steps.ten.n + 1 }}"}]}),
        lines="ten>one",
        collect="{{ steps.one.n }}",
    )
    run = api.run_until(started(api, workflow, {"body": {"numbers": [1, 2, 3]}}), *ENDED)
    assert run["result"]["results"] == [11, 21, 31]

    body = {"from": "loop[1]/one", "data": {"loop[1]/ten": {"n": 500}, "loop[0]/one": {"n": 7}}}
    again = api.run_until(api("POST", f"/runs/{run['id']}/replay", body)["id"], *ENDED)

    assert again["result"]["results"] == [7, 501, 31]


def test_rounds_with_pauses_go_on_until_the_condition_holds(api: Api) -> None:
    count = a_node(
        "count", "set_values", {"values": [{"id": "n", "value": "{{ index + 1 }}"}]}, parent="again"
    )
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node(
                "again",
                "repeat",
                {
                    "until": "{{ steps.count.n == 3 }}",
                    "max_times": 5,
                    "delay_s": 0.1,
                    "collect": "{{ steps.count.n }}",
                },
            ),
            count,
            a_node("answer", "reply", {"data": "{{ steps.again }}"}),
        ],
        "start>again, again>answer, again.limit_reached>answer",
    )
    run = api.run_until(started(api, published(api, "Three rounds", graph), {}), *ENDED)

    assert run["result"] == {"times": 3, "last": 3}
    assert {"again[0]/count", "again[1]/count", "again[2]/count"} <= set(api.steps(run["id"]))


def test_a_person_is_asked_for_every_element(api: Api) -> None:
    ask = a_node(
        "ask",
        "human_handoff",
        {
            "title": "Number {{ item }}?",
            "choices": [{"id": "yes", "title": "Yes"}, {"id": "no", "title": "No"}],
        },
    )
    workflow = a_loop(api, "Ask for each", ask, max_parallel=2, collect="{{ steps.ask.choice }}")
    run_id = started(api, workflow, {"body": {"numbers": [1, 2]}})
    api.run_until(run_id, "waiting")
    items = [item for item in api("GET", "/inbox")["items"] if item["run"] == run_id]
    assert sorted(item["title"] for item in items) == ["Number 1?", "Number 2?"]
    for item in items:
        choice = "yes" if "1" in item["title"] else "no"
        api("POST", f"/inbox/{item['id']}/answer", {"choice": choice, "answers": {}})

    assert api.run_until(run_id, *ENDED)["result"]["results"] == ["yes", "no"]


def test_a_long_list_is_worked_through(api: Api) -> None:
    double = a_node("double", "set_values", {"values": [{"id": "n", "value": "{{ item * 2 }}"}]})
    workflow = a_loop(api, "A thousand", double, collect="{{ steps.double.n }}")
    run = api.run_until(started(api, workflow, {"body": {"numbers": list(range(1000))}}), *ENDED)

    assert run["status"] == "succeeded", run["error"]
    assert run["result"]["results"] == [2 * number for number in range(1000)]
