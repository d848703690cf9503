"""Agents in real runs: turns and calls as steps, budgets, approvals, and what a model may not do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.product import Api, a_document, a_node, eventually, published
from tests.support.scripted_model import ScriptedModel, scripted_model

ENDED = ("succeeded", "failed", "cancelled")
GET, REFUND = "orders__get_order", "orders__refund_order"
MODELS = [
    "finds",
    "fields",
    "endless",
    "loops",
    "strays",
    "asks",
    "injected",
    "parallel",
    "spends",
    "reminds",
]
TOOLS = [{"server": "orders", "tool": "get_order"}, {"server": "crm", "tool": "find_contact"}]


@pytest.fixture(scope="module")
def model(api: Api) -> Iterator[ScriptedModel]:
    with scripted_model() as server:
        body = {"slug": "script", "preset": "other", "base_url": server.url, "models": MODELS}
        connection = api("POST", "/model-connections", body)
        yield server
        api("DELETE", f"/model-connections/{connection['id']}", expect=204)


def an_agent(api: Api, name: str, **config: Any) -> str:
    """The id of a run of an agent with the model of this name."""
    given = {"goal": "Find the order.", "input": "{{ trigger.message }}", "tools": TOOLS, **config}
    graph = a_document(
        [
            a_node(
                "start", "manual_trigger", {"fields": [{"id": "message", "title": "Message", "kind": "text"}]}
            ),
            a_node("agent", "llm_agent", {"model": f"script/{name}", **given}),
            a_node("tell", "reply", {"data": "{{ steps.agent }}"}),
        ],
        "start>agent, agent>tell, agent.gave_up>tell",
    )
    workflow = published(api, f"Agent {name}", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"message": "Where is order 12347?"}})
    return str(run["id"])


def test_an_agent_calls_its_tools_and_answers(api: Api, model: ScriptedModel) -> None:
    model.says("finds", [(GET, {"order_id": "12347"})], "It is late.")
    run = api.run_until(an_agent(api, "finds"), *ENDED)

    assert run["status"] == "succeeded", run["error"]
    assert run["result"]["answer"] == "It is late."
    assert [(step["tool"], step["status"]) for step in run["result"]["steps"]] == [("get_order", "succeeded")]
    steps = api.steps(run["id"])
    assert [path for path in steps if path.startswith("agent[")] == [
        "agent[0]/turn",
        "agent[1]/call_1",
        "agent[2]/turn",
    ]
    assert steps["agent[0]/turn"]["usage"]["input_tokens"] == 100
    assert steps["agent[1]/call_1"]["input"]["arguments"] == {"order_id": "12347"}
    assert run["tokens"] == 220
    first, second = model.requests_to("finds")
    assert {tool["function"]["name"] for tool in first["tools"]} == {GET, "crm__find_contact"}
    assert second["messages"][-1]["role"] == "tool"
    assert second["messages"][-1]["content"].startswith("<data>\n")


def test_calls_of_one_turn_run_side_by_side(api: Api, model: ScriptedModel) -> None:
    model.says("parallel", [(GET, {"order_id": "12345"}), (GET, {"order_id": "99999"})], "One is there.")
    run = api.run_until(an_agent(api, "parallel"), *ENDED)

    assert [step["status"] for step in run["result"]["steps"]] == ["succeeded", "failed"]
    told = model.requests_to("parallel")[1]["messages"]
    assert "mcp_tool_error" in told[-1]["content"]


def test_the_answer_comes_in_fields(api: Api, model: ScriptedModel) -> None:
    model.says("fields", [("give_answer", {"answer": "Late.", "status": "delayed"})])
    fields = [{"id": "status", "title": "Status", "kind": "text"}]
    run = api.run_until(an_agent(api, "fields", output_fields=fields), *ENDED)

    assert (run["result"]["answer"], run["result"]["status"]) == ("Late.", "delayed")


def test_a_model_that_only_talks_is_reminded_of_the_form(api: Api, model: ScriptedModel) -> None:
    model.says("reminds", "Well.", [("give_answer", {"answer": "Late.", "status": None})])
    fields = [{"id": "status", "title": "Status", "kind": "text"}]
    run = api.run_until(an_agent(api, "reminds", output_fields=fields), *ENDED)

    assert run["result"]["answer"] == "Late."
    assert model.requests_to("reminds")[1]["messages"][-1]["content"] == "Call give_answer with the result."


@pytest.mark.parametrize(
    ("name", "config", "reason"),
    [
        ("endless", {"max_steps": 2}, "turns"),
        ("spends", {"max_tokens": 150}, "tokens"),
        ("loops", {"max_steps": 20}, "same call"),
    ],
)
def test_an_agent_that_does_not_come_to_an_end_gives_up(
    api: Api, model: ScriptedModel, name: str, config: dict[str, Any], reason: str
) -> None:
    model.says(name, [(GET, {"order_id": "12347"})])
    run = api.run_until(an_agent(api, name, **config), *ENDED)

    assert api.steps(run["id"])["agent"]["ports"] == ["gave_up"]
    assert reason in run["result"]["reason"]
    assert len(model.requests_to(name)) <= 4


def test_a_model_cannot_call_what_is_not_on_its_list(api: Api, model: ScriptedModel) -> None:
    model.says(
        "strays", [(REFUND, {"order_id": "12347", "amount_eur": 5})], [(GET, {"number": 1})], "I cannot."
    )
    run = api.run_until(an_agent(api, "strays"), *ENDED)

    assert (run["result"]["answer"], run["result"]["steps"]) == ("I cannot.", [])
    _, second, third = model.requests_to("strays")
    assert "There is no function" in second["messages"][-1]["content"]
    assert "Not called" in third["messages"][-1]["content"]


def test_what_a_model_writes_is_never_evaluated(api: Api, model: ScriptedModel) -> None:
    contact = {"email": "ida@example.com", "name": "{{ run.id }}"}
    model.says("injected", [("crm__create_contact", contact)], "{{ run.id }}")
    tools = [{"server": "crm", "tool": "create_contact"}]
    run = api.run_until(an_agent(api, "injected", tools=tools), *ENDED)

    assert run["result"]["answer"] == "{{ run.id }}"
    assert run["result"]["steps"][0]["arguments"] == contact
    assert api.steps(run["id"])["agent[1]/call_1"]["output"]["name"] == "{{ run.id }}"


def test_a_person_agrees_to_a_call_before_it_is_made(api: Api, model: ScriptedModel) -> None:
    model.says("asks", [(GET, {"order_id": "12347"})], "It is late.")
    run_id = an_agent(api, "asks", tools=[{**TOOLS[0], "approval": True}])
    api.run_until(run_id, "waiting")
    [item] = eventually(
        lambda: [item for item in api("GET", "/inbox")["items"] if item["run"] == run_id], what="the question"
    )
    assert item["title"] == "Allow get_order?"
    api("POST", f"/inbox/{item['id']}/answer", {"choice": "approve", "answers": {}})

    assert api.run_until(run_id, *ENDED)["result"]["answer"] == "It is late."


def test_the_model_is_told_that_nobody_agreed_in_time(api: Api, model: ScriptedModel) -> None:
    model.says("hurries", [(GET, {"order_id": "12347"})], "Nobody agreed.")
    run_id = an_agent(api, "hurries", tools=[{**TOOLS[0], "approval": True, "due_in_s": 0.5}])
    run = api.run_until(run_id, *ENDED)

    assert run["result"]["answer"] == "Nobody agreed."
    call = api.steps(run_id)["agent[1]/call_1"]
    assert (call["status"], call["error"]["code"]) == ("failed", "approval_timed_out")
    [item] = [row for row in api("GET", "/inbox?status=all")["items"] if row["run"] == run_id]
    assert item["status"] == "expired"


def test_a_fork_in_the_middle_keeps_the_turns_before_it(api: Api, model: ScriptedModel) -> None:
    model.says("forks", [(GET, {"order_id": "12347"})], "It is late.")
    run = api.run_until(an_agent(api, "forks"), *ENDED)
    model.says("forks", "It will come.")
    again = api("POST", f"/runs/{run['id']}/replay", {"from": "agent[2]/turn"})
    again = api.run_until(again["id"], *ENDED)

    assert again["result"]["answer"] == "It will come."
    steps = api.steps(again["id"])
    assert (steps["agent[0]/turn"]["attempts"], steps["agent[2]/turn"]["attempts"]) == (0, 1)
