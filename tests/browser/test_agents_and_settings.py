"""Filling in an agent, a step that runs another workflow, and the settings of a workflow; then looking at the run."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import picture
from tests.browser.test_draw_publish_run_answer import node, settings
from tests.browser.test_loops import made, opened, placed, saved
from tests.support.product import Api, a_document, published
from tests.support.scripted_model import scripted_model

ASKS_FOR = [{"id": "order_id", "title": "Order number", "kind": "text", "required": True}]


def a_child(api: Api) -> None:
    nodes = [
        placed("start", "manual_trigger", {"fields": ASKS_FOR}, 0, 0),
        placed("tell", "reply", {"text": "Order {{ trigger.order_id }}"}, 312, 0),
    ]
    published(api, "Tell about an order", a_document(nodes, "start>tell"))


def test_an_agent_gets_its_tools_from_lists(make_visitor: Any, api: Api) -> None:
    nodes = [
        placed("start", "manual_trigger", {}, 0, 0),
        placed("agent", "llm_agent", {"goal": "Find the order and say how it is."}, 312, 0),
    ]
    workflow = made(api, "An agent", a_document(nodes, "start>agent"))
    page = make_visitor().sign_in("builder")
    opened(page, f"/workflows/{workflow}")
    node(page, "agent").click()

    settings(page).get_by_role("button", name="Add tool").click()
    settings(page).get_by_label("Server of tool 1").select_option(label="Orders and parcels")
    settings(page).get_by_label("Tool 1", exact=True).select_option(label="Look up an order")
    settings(page).get_by_label("Ask a person before each call").check()
    settings(page).get_by_label("Time to answer for tool 1", exact=True).fill("2")
    picture(page, "agent-settings")

    tools = saved(page, api, workflow)["agent"]["config"]["tools"]
    assert tools == [{"server": "orders", "tool": "get_order", "approval": True, "due_in_s": 7200}]


def test_a_step_asks_for_what_the_other_workflow_asks_for(make_visitor: Any, api: Api) -> None:
    a_child(api)
    nodes = [placed("start", "manual_trigger", {}, 0, 0), placed("call", "sub_workflow", {}, 312, 0)]
    workflow = made(api, "Calls another one", a_document(nodes, "start>call"))
    page = make_visitor(scheme="dark").sign_in("builder")
    opened(page, f"/workflows/{workflow}")
    node(page, "call").click()

    settings(page).get_by_label("Workflow", exact=False).first.select_option(label="Tell about an order")
    expect(settings(page).get_by_label("Order number")).to_be_visible()
    expect(settings(page).get_by_text('"Order number" is needed by "Tell about an order".')).to_be_visible()
    picture(page, "sub-workflow-settings")

    assert saved(page, api, workflow)["call"]["config"]["workflow"] == "tell-about-an-order"


def test_a_workflow_is_told_how_many_runs_go_on_at_once(make_visitor: Any, api: Api) -> None:
    nodes = [placed("start", "webhook_trigger", {}, 0, 0), placed("tell", "reply", {"text": "."}, 312, 0)]
    workflow = made(api, "Limited", a_document(nodes, "start>tell"))
    page = make_visitor().sign_in("builder")
    opened(page, f"/workflows/{workflow}")

    page.get_by_role("button", name="Settings of the workflow").click()
    dialog = page.get_by_role("dialog", name="Settings of the workflow")
    dialog.get_by_role("button", name="Limited").click()
    dialog.get_by_label("At most").fill("2")
    dialog.get_by_label("Counted for each").fill("{{ trigger.body.customer }}")
    dialog.get_by_role("button", name="Replace").click()
    dialog.get_by_label("Steps", exact=True).fill("50")
    dialog.get_by_label("Keep runs for so many days").fill("30")
    dialog.get_by_label("Time zone of its schedules").fill("Asia/Tokyo")
    picture(page, "workflow-settings")
    dialog.get_by_role("button", name="Close").click()
    saved(page, api, workflow)

    kept = api("GET", f"/workflows/{workflow}")["graph"]["settings"]
    key = "{{ trigger.body.customer }}"
    assert kept["concurrency"] == {"key": key, "limit": 2, "when_full": "replace"}
    assert (kept["budgets"], kept["keep_days"]) == ({"steps": 50}, 30)
    assert kept["timezone"] == "Asia/Tokyo"


def test_the_turns_and_calls_of_an_agent_are_looked_at_one_after_the_other(
    make_visitor: Any, api: Api
) -> None:
    with scripted_model() as model:
        body = {"slug": "spoken", "preset": "other", "base_url": model.url, "models": ["shown"]}
        connection = api("POST", "/model-connections", body)
        model.says("shown", [("orders__get_order", {"order_id": "12347"})], "It is late.")
        agent = {
            "model": "spoken/shown",
            "goal": "Find the order.",
            "tools": [{"server": "orders", "tool": "get_order"}],
        }
        nodes = [
            placed("start", "manual_trigger", {}, 0, 0),
            placed("agent", "llm_agent", agent, 312, 0, title="Find the order"),
            placed("tell", "reply", {"text": "{{ steps.agent.answer }}"}, 624, 0),
        ]
        workflow = published(
            api, "Agent to look at", a_document(nodes, "start>agent, agent>tell, agent.gave_up>tell")
        )
        run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
        api.run_until(run["id"], "succeeded")
        api("DELETE", f"/model-connections/{connection['id']}", expect=204)
    page = make_visitor().sign_in("operator")
    page.goto(f"{page.url.rstrip('/')}/runs/{run['id']}")

    done = page.get_by_role("list", name="What the agent did")
    expect(done.get_by_text("Turn 1")).to_be_visible()
    expect(done.get_by_text("Calls get_order")).to_be_visible()
    done.get_by_role("strong").filter(has_text="get_order").click()
    expect(done.get_by_text("12347").locator("visible=true").first).to_be_visible()
    picture(page, "agent-run")
