"""With the mouse, as a new user: an empty canvas becomes a published workflow, runs, waits for a person, and replies."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import picture
from tests.browser.tutorial import Tutorial
from tests.support.product import Api, eventually


def node(page: Page, node_id: str) -> Locator:
    return page.locator(f'.react-flow__node[data-id="{node_id}"]')


def port(page: Page, node_id: str, name: str) -> Locator:
    return node(page, node_id).locator(f'[data-port="{name}"]')


def settings(page: Page) -> Locator:
    return page.get_by_role("region", name="Settings")


def drag(page: Page, start: Locator, end: Locator) -> None:
    """By hand: press, move in steps, release."""
    a, b = start.bounding_box(), end.bounding_box()
    assert a is not None
    assert b is not None
    page.mouse.move(a["x"] + a["width"] / 2, a["y"] + a["height"] / 2)
    page.mouse.down()
    page.mouse.move(a["x"] + 40, a["y"] + 20, steps=4)
    page.mouse.move(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2, steps=8)
    page.mouse.up()


def add_after(page: Page, node_id: str, port_name: str, search: str) -> None:
    """The plus on an exit, a word, Enter."""
    port(page, node_id, port_name).get_by_role("button").click()
    dialog = page.get_by_role("dialog", name="Add step")
    dialog.get_by_label("Search steps and tools").fill(search)
    expect(dialog.get_by_role("option").first).to_be_visible()
    dialog.get_by_label("Search steps and tools").press("Enter")
    expect(dialog).to_be_hidden()


def type_into(page: Page, label: str, text: str) -> None:
    box = settings(page).get_by_label(label, exact=True)
    box.click()
    page.keyboard.type(text)


def insert_data(page: Page, label: str, path: str) -> None:
    """From the list of what earlier steps give."""
    settings(page).get_by_label(f"Insert data into {label}", exact=True).click()
    settings(page).locator(f'[data-path="{path}"]').click()


def test_a_new_user_follows_the_tutorial(page: Page, api: Api) -> None:
    says = Tutorial()
    page.goto(page.url.rstrip("/") + "/workflows")
    page.get_by_role("button", name=says("New workflow")).click()
    page.get_by_label(says("Name")).fill(says("Returns desk"))
    page.get_by_role("button", name=says("Create")).click()
    page.wait_for_url(re.compile(r"/workflows/[0-9a-f-]{36}"))
    workflow_id = page.url.rsplit("/", 1)[1]

    page.get_by_role("button", name=says("Start with a webhook")).click()
    settings(page).get_by_role("button", name=says("When the workflow replies")).click()
    settings(page).get_by_label(says("Sample body")).fill(says('{"message": "Order 12347 is late"}'))

    add_after(page, "webhook", "out", says("decide"))
    type_into(page, says("Question"), says("Is this about an order?"))
    insert_data(page, says("What to look at"), says("trigger.body.message"))
    settings(page).get_by_role("button", name=says("Add choice")).click()
    settings(page).get_by_label(says("Title of choice 1")).fill(says("Late order"))
    settings(page).get_by_label(says("Description of Late order")).fill(says("An order is late or missing"))

    add_after(page, "decide", "late_order", says("look up an order"))
    type_into(page, says("Order number"), says("12347"))

    add_after(page, "look_up_an_order", "out", says("ask a person"))
    type_into(page, says("Title"), says("Refund order "))
    insert_data(page, "Title", says("steps.look_up_an_order.order_id"))

    add_after(page, "ask_a_person", "approve", says("reply"))
    type_into(page, says("Text"), says("Refunded: "))
    insert_data(page, "Text", says("steps.look_up_an_order.total_eur"))
    add_after(page, "ask_a_person", "reject", "reply")
    type_into(page, "Text", says("Not refunded."))
    otherwise = says("Please write to support.")
    page.get_by_role("button", name=says("Fit to screen")).click()
    add_after(page, "decide", "otherwise", "reply")
    type_into(page, "Text", otherwise)
    page.get_by_role("button", name=says("Tidy up")).click()
    expect(page.get_by_label(says("No problems"))).to_be_visible(timeout=10_000)
    page.keyboard.press("Escape")
    picture(page, "editor-drawn")

    expect(page.get_by_text(says("Saved"), exact=True)).to_be_visible(timeout=10_000)
    page.get_by_role("button", name=says("Publish")).click()
    dialog = page.get_by_role("dialog", name="Version 1 is live")
    address = dialog.get_by_label(says("Webhook address")).input_value()
    dialog.get_by_role("button", name="Close").click()

    with ThreadPoolExecutor() as pool:
        posted = pool.submit(httpx2.post, address, json=json.loads(says.posted), timeout=60)
        run = _run_of(api, workflow_id)
        page.goto(re.sub(r"/workflows/.*", f"/runs/{run['id']}", page.url))
        waiting = node(page, "ask_a_person").get_by_text(says("Waiting for a person"))
        expect(waiting).to_be_visible(timeout=15_000)
        page.get_by_role("link", name=says("Open inbox")).click()
        expect(page.get_by_role("heading", name="Refund order 12347")).to_be_visible()
        page.get_by_role("button", name=says("Approve")).click()
        page.wait_for_url(re.compile(r"/runs/"))
        expect(node(page, "reply").get_by_text("Done")).to_be_visible(timeout=15_000)
        response = posted.result(timeout=30)
    assert response.json() == json.loads(says.reply)
    assert says.rest == []
    expect(node(page, "reply_2").get_by_text("Skipped")).to_be_visible()
    picture(page, "run-done")


def _run_of(api: Api, workflow_id: str) -> dict[str, Any]:
    return eventually(
        lambda: next(iter(api("GET", f"/runs?workflow={workflow_id}")["items"]), None),
        what="the run of the webhook",
    )


def test_a_line_is_drawn_by_dragging_and_undone_by_a_key(page: Page, api: Api) -> None:
    graph = {
        "schema": 1,
        "settings": {},
        "nodes": [
            {
                "id": "start",
                "type": "manual_trigger",
                "version": 1,
                "config": {},
                "position": {"x": 0, "y": 0},
            },
            {
                "id": "end",
                "type": "reply",
                "version": 1,
                "config": {"text": "Hi"},
                "position": {"x": 400, "y": 0},
            },
        ],
        "edges": [],
        "notes": [],
    }
    workflow = api("POST", "/workflows", {"name": "Drag a line", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    expect(page.get_by_role("region", name="Canvas")).to_be_visible()
    expect(page.get_by_label("2 problems")).to_be_visible(timeout=10_000)
    drag(page, port(page, "start", "out"), node(page, "end").locator(".port.is-in"))
    expect(page.locator(".react-flow__edge")).to_have_count(1)
    expect(page.get_by_text("Saved", exact=True)).to_be_visible(timeout=10_000)
    assert api("GET", f"/workflows/{workflow['id']}")["graph"]["edges"] == [
        {"source": "start", "port": "out", "target": "end"}
    ]
    expect(page.get_by_label("No problems")).to_be_visible(timeout=10_000)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".react-flow__edge")).to_have_count(0)
    page.get_by_role("button", name="Redo").click()
    expect(page.locator(".react-flow__edge")).to_have_count(1)
    page.locator(".react-flow__pane").click(position={"x": 30, "y": 30})
    page.keyboard.press("Control+z")
    expect(page.locator(".react-flow__edge")).to_have_count(0)


def test_the_draft_runs_on_the_canvas_and_shows_each_result(page: Page, api: Api) -> None:
    workflow = api.workflow("order-status")
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    page.get_by_role("button", name="Run", exact=True).click()
    dialog = page.get_by_role("dialog", name="Try the workflow")
    dialog.get_by_label("message").fill("Where is order #12346?")
    dialog.get_by_role("button", name="Start run").click()
    expect(node(page, "answer").get_by_text("Done")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("Your order #12346 is delayed").first).to_be_visible()
    expect(node(page, "sorry").get_by_text("Skipped")).to_be_visible()
    node(page, "number").click()
    page.get_by_role("tab", name="Last result").click()
    expect(settings(page).get_by_text("12346").first).to_be_visible()
    picture(page, "editor-ran")


def test_a_wrong_reference_is_told_while_drawing_and_publishing_is_refused(page: Page, api: Api) -> None:
    workflow = api.workflow("order-status")
    graph = json.loads(json.dumps(api("GET", f"/workflows/{workflow['id']}")["graph"]))
    next(item for item in graph["nodes"] if item["id"] == "answer")["config"]["text"] = (
        "{{ steps.lookup.stat }}"
    )
    broken = api("POST", "/workflows", {"name": "Broken", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{broken['id']}")
    page.get_by_label("1 problem", exact=True).click()
    problems = page.get_by_role("region", name="Problems")
    expect(problems.get_by_text('There is no "stat"')).to_be_visible()
    problems.get_by_role("button", name=re.compile("Tell them")).click()
    expect(settings(page).get_by_text('Did you mean "status"?')).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_contain_text("The workflow has one problem")
    assert api("GET", f"/workflows/{broken['id']}")["live_version"] is None


def test_a_stale_save_offers_both_ways_and_loses_nothing(page: Page, api: Api) -> None:
    graph = {
        "schema": 1,
        "settings": {},
        "nodes": [
            {
                "id": "start",
                "type": "manual_trigger",
                "version": 1,
                "config": {},
                "position": {"x": 0, "y": 0},
            }
        ],
        "edges": [],
        "notes": [],
    }
    workflow = api("POST", "/workflows", {"name": "Two people", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    expect(node(page, "start")).to_be_visible()
    theirs = json.loads(json.dumps(graph))
    theirs["nodes"][0]["title"] = "Theirs"
    api("PUT", f"/workflows/{workflow['id']}/draft", {"graph": theirs, "revision": workflow["revision"]})
    node(page, "start").click()
    settings(page).get_by_label("Title of this step").fill("Mine")
    dialog = page.get_by_role("dialog", name="The draft was changed elsewhere")
    expect(dialog).to_be_visible(timeout=10_000)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.mouse.click(5, 5)
    expect(dialog).to_be_visible()
    page.route("**/api/v1/workflows/*", lambda route: Route.fulfill(route, status=429, json={}))
    dialog.get_by_role("button", name="Load theirs").click()
    expect(dialog.get_by_role("alert")).to_contain_text("could not be loaded")
    page.unroute("**/api/v1/workflows/*")
    dialog.get_by_role("button", name="Load theirs").click()
    expect(node(page, "start").get_by_text("Theirs")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(node(page, "start").get_by_text("Mine")).to_be_visible()
