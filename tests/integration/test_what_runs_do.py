"""How runs behave: retries, handled failures, waits, stops, joins and the demo's own workflows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.support.product import Api, Example, a_document, a_node, eventually, published

JSON = {"Content-Type": "application/json"}
CHOICES = [{"id": "yes", "title": "Yes", "description": "Agrees"}]


def run_once(api: Api, name: str, graph: Any, given: Any = None, **options: Any) -> dict[str, Any]:
    """The run of a workflow, once it has ended or waits."""
    workflow = published(api, name, graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": given or {}, **options})
    return api.run_until(run["id"], "succeeded", "failed", "cancelled", "waiting", "needs_attention")


@pytest.fixture(scope="module")
def odd_models(api: Api, model_server: Example) -> Iterator[str]:
    """A connection whose models misbehave as their names say."""
    names = ["demo-rules:status-429", "demo-rules:not-json", "demo-rules:no-schema", "demo-rules:status-401"]
    body = {"slug": "odd", "preset": "other", "base_url": f"{model_server.url}/v1", "models": names}
    connection = api("POST", "/model-connections", body)
    yield "odd"
    api("DELETE", f"/model-connections/{connection['id']}", expect=204)


def a_decision(model: str, **settings: Any) -> dict[str, Any]:
    node = a_node(
        "decide", "llm_decision", {"model": model, "question": "Yes?", "input": "yes", "choices": CHOICES}
    )
    if settings:
        node["settings"] = settings
    return a_document(
        [
            a_node("start", "manual_trigger"),
            node,
            a_node("sorry", "reply", {"text": "{{ errors.decide.code }}"}),
        ],
        "start>decide, decide.error>sorry",
    )


def test_a_failure_that_may_pass_is_tried_again_and_then_handled(api: Api, odd_models: str) -> None:
    retry = {"attempts": 2, "first_delay_s": 0, "factor": 1}
    run = run_once(api, "Rate limited", a_decision("odd/demo-rules:status-429", retry=retry))
    if run["status"] == "waiting":
        run = api.run_until(run["id"], "succeeded", "failed")
    assert (run["status"], run["result"]) == ("succeeded", {"text": "llm_rate_limited"})
    assert run["handled_errors"] == 1
    step = api.steps(run["id"])["decide"]
    assert (step["status"], step["attempts"], step["ports"]) == ("failed", 2, ["error"])
    types = [event["type"] for event in api("GET", f"/runs/{run['id']}/events")["items"]]
    assert types.count("step.retrying") == 1


@pytest.mark.parametrize(
    ("model", "code"),
    [("demo-rules:not-json", "llm_invalid_answer"), ("demo-rules:status-401", "llm_unauthorized")],
)
def test_a_model_that_fails_is_a_failure_and_never_otherwise(
    api: Api, odd_models: str, model: str, code: str
) -> None:
    run = run_once(api, "Odd model", a_decision(f"odd/{model}", retry={"attempts": 1}))
    assert run["result"] == {"text": code}


def test_a_step_shows_what_its_model_calls_cost(api: Api, model_server: Example) -> None:
    price = {"input": 1000, "output": 2000}
    body = {
        "slug": "priced",
        "preset": "other",
        "base_url": f"{model_server.url}/v1",
        "models": ["demo-rules"],
    }
    connection = api("POST", "/model-connections", {**body, "prices": {"demo-rules": price}})
    run = run_once(api, "Priced", a_decision("priced/demo-rules"))
    usage = api.steps(run["id"])["decide"]["usage"]
    cost = (usage["input_tokens"] * 1000 + usage["output_tokens"] * 2000) / 1_000_000
    assert usage["cost_usd"] == pytest.approx(cost)
    assert api("GET", f"/runs/{run['id']}")["cost_usd"] == pytest.approx(cost)
    api("DELETE", f"/model-connections/{connection['id']}", expect=204)


def test_a_model_without_json_schema_is_asked_by_a_tool_call(api: Api, odd_models: str) -> None:
    run = run_once(api, "No schema", a_decision("odd/demo-rules:no-schema"))
    assert run["status"] == "succeeded"
    output = api.steps(run["id"])["decide"]["output"]
    assert output["choice"] in {"yes", "otherwise"}
    assert 0 <= output["confidence"] <= 1


def test_a_failure_without_an_error_line_ends_the_run_and_names_the_step(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node(
                "look",
                "mcp_tool",
                {"server": "orders", "tool": "get_order", "arguments": {"order_id": "99999"}},
            ),
        ],
        "start>look",
    )
    run = run_once(api, "Missing order", graph)
    assert run["status"] == "failed"
    assert (run["error"]["code"], run["error"]["node"]) == ("mcp_tool_error", "look")
    assert run["error"]["details"]["tool_code"] == "ORDER_NOT_FOUND"
    assert api.steps(run["id"])["look"]["attempts"] == 1


def test_a_whole_number_beyond_64_bits_is_told_as_the_nearest_double(api: Api) -> None:
    nodes = [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node("tell", "reply", {"text": "{{ trigger.body.n }}"}),
    ]
    hook = published(api, "Tells a number", a_document(nodes, "start>tell"))["hook"]

    bodies = ('{"n": 7}', '{"n": 9223372036854775808}', f'{{"n": {"9" * 308}}}')
    told = [api.http.post(hook, content=body, headers=JSON).json()["text"] for body in bodies]

    assert told == ["7", "9.223372036854776e+18", "1e+308"]


def test_arguments_that_do_not_fit_never_reach_the_server(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger", {"fields": [{"id": "number", "kind": "text"}]}),
            a_node(
                "look",
                "mcp_tool",
                {
                    "server": "orders",
                    "tool": "get_order",
                    "arguments": {"order_id": '{{ trigger.?number.orValue("x") }}'},
                },
            ),
        ],
        "start>look",
    )
    run = run_once(api, "Bad argument", graph, {"number": "abc"})
    assert run["error"]["code"] == "mcp_invalid_arguments"
    assert "order_id" in run["error"]["message"]


def test_a_wait_holds_nothing_and_goes_on_by_itself(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("pause", "wait", {"for_s": 0.4}),
            a_node("end", "reply", {"data": "{{ steps.pause.waited_s >= 0.4 }}"}),
        ],
        "start>pause, pause>end",
    )
    run = run_once(api, "Pause", graph)
    ended = api.run_until(run["id"], "succeeded", "failed")
    assert ended["result"] is True


def test_branches_run_side_by_side_and_meet(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("a", "set_values", {"values": [{"id": "x", "value": "{{ 1 + 1 }}"}]}),
            a_node("b", "set_values", {"values": [{"id": "y", "value": "{{ 6 / 4 }}"}]}),
            a_node("sum", "reply", {"data": "{{ {'sum': steps.a.x + steps.b.y} }}"}),
        ],
        "start>a, start>b, a>sum, b>sum",
    )
    assert run_once(api, "Meet", graph)["result"] == {"sum": 3.5}


def test_stop_ends_the_run_with_its_own_outcome(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("ask", "human_handoff", {"title": "Still there?", "choices": [{"id": "yes"}]}),
            a_node("stop", "stop", {"outcome": "failure", "message": "Stopped on purpose"}),
        ],
        "start>ask, start>stop",
    )
    run = run_once(api, "Stop", graph)
    assert (run["status"], run["error"]["message"]) == ("failed", "Stopped on purpose")
    assert [row for row in api("GET", "/inbox")["items"] if row["run"] == run["id"]] == []


def test_only_the_first_reply_is_sent(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("one", "reply", {"text": "first"}),
            a_node("two", "reply", {"text": "second"}),
        ],
        "start>one, one>two",
    )
    run = run_once(api, "Twice", graph)
    assert run["result"] == {"text": "first"}
    assert api.steps(run["id"])["two"]["output"] == {"sent": False}


def test_a_decision_below_the_threshold_is_unsure_and_a_rule_needs_no_model(api: Api) -> None:
    config = {
        "question": "What?",
        "input": "{{ trigger.?text.orValue('') }}",
        "choices": CHOICES,
        "min_confidence": 0.99,
        "rules": [{"when": "{{ trigger.?text.orValue('') == 'sure' }}", "choice": "yes"}],
    }
    graph = a_document(
        [
            a_node("start", "manual_trigger", {"fields": [{"id": "text", "kind": "text"}]}),
            a_node("decide", "llm_decision", config),
            a_node("a", "reply", {"text": "yes by {{ steps.decide.decided_by }}"}),
            a_node("b", "reply", {"text": "unsure"}),
        ],
        "start>decide, decide.yes>a, decide.unsure>b, decide.otherwise>b",
    )
    workflow = published(api, "Threshold", graph)
    for text, reply in (("sure", "yes by rule"), ("I agree, yes", "unsure")):
        run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"text": text}, "wait_s": 20})
        assert run["result"] == {"text": reply}


def test_the_order_status_graph_of_the_documentation_publishes_and_runs(api: Api) -> None:
    from tests.support.order_status import ORDER_STATUS

    workflow = published(api, "Order status by the book", ORDER_STATUS)
    reply = api.http.post(workflow["hook"], json={"message": "What is the status of my order #12345?"})
    assert reply.json() == {"text": "Your order is in_transit."}


@pytest.mark.parametrize(
    ("slug", "body", "expected"),
    [
        (
            "order-status",
            {"message": "what is the status of my order #12345?"},
            "Your order #12345 is in transit",
        ),
        ("order-status", {"message": "where's my stuff? order no 99999"}, "I could not find that order"),
        ("order-status", {"message": "where is my parcel?"}, "Which order is it?"),
        ("order-status", {"message": "Are you hiring?"}, "I can only tell about orders"),
        (
            "delayed-parcel",
            {"message": "order 12346 is late, give me my money back"},
            "We have refunded 34.5",
        ),
        ("delayed-parcel", {"message": "12345 has not arrived"}, "Your order #12345 is in transit"),
    ],
)
def test_the_demo_understands_a_visitors_own_words(
    api: Api, slug: str, body: dict[str, str], expected: str
) -> None:
    workflow = api.workflow(slug)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"body": body}, "wait_s": 20})
    ended = api.run_until(run["id"], "succeeded", "failed")
    assert expected in ended["result"]["text"]


def test_runs_are_listed_newest_first_filtered_and_paged(api: Api) -> None:
    first = api("GET", "/runs?limit=2")
    ids = [run["id"] for run in first["items"]]
    following = api("GET", f"/runs?limit=2&cursor={first['next']}")["items"]
    assert ids == sorted(ids, reverse=True)
    assert all(run["id"] < ids[-1] for run in following)
    failed = api("GET", "/runs?status=failed")["items"]
    assert {run["status"] for run in failed} <= {"failed"}
    assert api("GET", "/runs?status=odd", expect=422)["code"] == "invalid_request"


def test_a_call_that_runs_on_is_told_when_the_run_is_cancelled(api: Api, tmp_path: Any) -> None:
    crm = Example("crm_server", tmp_path, delay_ms=8000)
    try:
        body = {
            "slug": "slowcrm",
            "name": "Slow",
            "transport": "http",
            "url": f"{crm.url}/mcp",
            "enable": "all",
        }
        server = api("POST", "/mcp-servers", body)
        api("POST", f"/mcp-servers/{server['id']}/refresh")
        arguments = {"email": "a@b.example"}
        graph = a_document(
            [
                a_node("start", "manual_trigger"),
                a_node(
                    "look", "mcp_tool", {"server": "slowcrm", "tool": "find_contact", "arguments": arguments}
                ),
            ],
            "start>look",
        )
        workflow = published(api, "Slow call", graph)
        run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
        eventually(lambda: crm.rows("SELECT * FROM calls"), what="the call")
        api("POST", f"/runs/{run['id']}/cancel")
        assert api.run_until(run["id"], "cancelled", within_s=6)["status"] == "cancelled"
        assert api.steps(run["id"])["look"]["status"] == "cancelled"
    finally:
        crm.process.kill()


def test_a_schedule_starts_runs_by_itself(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "schedule_trigger", {"every_s": 10}),
            a_node("end", "reply", {"data": "{{ trigger.due_at }}"}),
        ],
        "start>end",
    )
    workflow = published(api, "Every ten seconds", graph)["id"]
    [run] = eventually(
        lambda: api("GET", f"/runs?workflow={workflow}&status=succeeded")["items"],
        within_s=25,
        what="the first run",
    )
    assert datetime.fromisoformat(run["result"]).microsecond == 0
    api("DELETE", f"/workflows/{workflow}", expect=204)


def test_a_step_that_is_switched_off_gives_nothing_to_those_behind_it(api: Api) -> None:
    off = a_node("off", "set_values", {"values": [{"id": "n", "value": "1"}]}, settings={"disabled": True})
    answer = a_node("answer", "reply", {"data": "{{ has(steps.off) ? steps.off.n : 'nothing' }}"})
    graph = a_document([a_node("start", "manual_trigger"), off, answer], "start>off, off>answer")
    workflow = published(api, "Switched off", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    run = api.run_until(run["id"], "succeeded", "failed")

    assert (run["status"], run["result"]) == ("succeeded", "nothing"), run["error"]


@pytest.mark.parametrize("given", [None, {}, [], "", 0, False], ids=str)
def test_a_webhook_is_answered_with_the_data_as_it_is(api: Api, given: Any) -> None:
    graph = a_document(
        [
            a_node("start", "webhook_trigger", {"respond": "when_replied"}),
            a_node("answer", "reply", {"text": "", "data": "{{ trigger.body.note }}"}),
        ],
        "start>answer",
    )
    hook = published(api, "Answers as it is", graph)["hook"]

    answered = api.http.post(hook, json={"note": given})

    assert (answered.status_code, answered.json()) == (200, given)
    run = api.run_until(answered.headers["x-run-id"], "succeeded", "failed")
    assert (run["status"], run["result"]) == ("succeeded", given)


@pytest.mark.parametrize(
    ("kind", "content", "given"),
    [
        ("application/x-www-form-urlencoded", b"a=1&b=x&b=y", {"a": "1", "b": ["x", "y"]}),
        ("text/plain; charset=latin-1", "Zoë".encode("latin-1"), {"text": "Zoë"}),
        ("text/plain", "Zoë".encode(), {"text": "Zoë"}),
    ],
    ids=["a name that comes twice", "another charset", "utf-8"],
)
def test_what_a_webhook_brings_arrives_whole(api: Api, kind: str, content: bytes, given: Any) -> None:
    nodes = [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node("tell", "reply", {"data": "{{ trigger.body }}"}),
    ]
    hook = published(api, "Tells what it got", a_document(nodes, "start>tell"))["hook"]

    assert api.http.post(hook, content=content, headers={"Content-Type": kind}).json() == given


def test_an_api_start_gives_a_webhook_trigger_a_request_or_its_body(api: Api) -> None:
    nodes = [a_node("start", "webhook_trigger"), a_node("tell", "reply", {"data": "{{ trigger }}"})]
    workflow = published(api, "Started as a webhook", a_document(nodes, "start>tell"))

    def started(given: Any, expect: int | None = None) -> Any:
        path = f"/workflows/{workflow['id']}/runs"
        return api("POST", path, {"input": given, "wait_s": 10}, expect=expect)

    assert started({"body": {"a": 1}})["result"]["body"] == {"a": 1}
    order = {"method": "card", "amount": 5}
    assert started(order)["result"] == {"body": order, "headers": {}, "query": {}, "method": "POST"}
    refused = started({"headers": 5, "method": 7}, expect=422)
    assert [field["field"] for field in refused["details"]["fields"]] == ["headers", "method"]
