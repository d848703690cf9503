"""A draft that cannot be saved: people see why, and nothing older goes live in its place."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import picture
from tests.browser.test_draw_publish_run_answer import node, settings
from tests.support.product import Api, a_document, a_node


def open_editor(page: Page, api: Api, name: str) -> dict[str, Any]:
    graph = a_document(
        [a_node("start", "manual_trigger"), a_node("tell", "reply", {"text": "Hi"})], "start>tell"
    )
    graph["nodes"][1]["position"] = {"x": 312, "y": 0}
    workflow: dict[str, Any] = api("POST", "/workflows", {"name": name, "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    expect(node(page, "start")).to_be_visible()
    return workflow


def test_a_refused_draft_is_a_problem_and_is_neither_published_nor_run(page: Page, api: Api) -> None:
    workflow = open_editor(page, api, "Refused")
    refusal = {
        "status": 422,
        "code": "graph_malformed",
        "message": "The title is too long.",
        "details": {"path": "nodes/0/title"},
    }
    page.route("**/draft", lambda route: Route.fulfill(route, status=422, json=refusal))
    node(page, "start").click()
    settings(page).get_by_label("Title of this step").fill("Begin")
    page.get_by_role("button", name="Not saved: see why").click()
    problems = page.get_by_role("region", name="Problems")
    expect(problems.get_by_role("button", name="Begin")).to_contain_text("The title is too long.")

    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_contain_text("The draft could not be saved: The title is too long.")
    page.get_by_role("button", name="Run", exact=True).click()
    dialog = page.get_by_role("dialog", name="Try the workflow")
    dialog.get_by_role("button", name="Start run").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The title is too long.")
    assert api("GET", f"/workflows/{workflow['id']}")["live_version"] is None
    assert api("GET", f"/runs?workflow={workflow['id']}")["items"] == []


def test_numbers_out_of_bounds_are_told_at_their_box_and_a_box_can_be_emptied(page: Page, api: Api) -> None:
    workflow = open_editor(page, api, "Bounds")
    page.get_by_role("button", name="Settings of the workflow").click()
    dialog = page.get_by_role("dialog", name="Settings of the workflow")
    dialog.get_by_role("button", name="Limited").click()
    box = dialog.get_by_label("At most")
    box.fill("99999")
    expect(dialog.get_by_text("from 1 to 10,000")).to_be_visible()
    box.press("Control+a")
    box.press("Delete")
    box.press_sequentially("25")
    expect(box).to_have_value("25")
    dialog.get_by_label("Keep runs for so many days").fill("0")
    expect(dialog.get_by_text("from 1 to 4,000")).to_be_visible()
    dialog.get_by_label("Close").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    saved = api("GET", f"/workflows/{workflow['id']}")["graph"]["settings"]
    assert saved == {"concurrency": {"limit": 25}}


def test_a_problem_of_the_settings_opens_them_at_its_field(page: Page, api: Api) -> None:
    graph = a_document(
        [a_node("start", "manual_trigger"), a_node("tell", "reply", {"text": "Hi"})], "start>tell"
    )
    graph["settings"] = {"concurrency": {"key": "{{ trigger.( }}"}}
    workflow = api("POST", "/workflows", {"name": "Counted by nonsense", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    page.get_by_role("button", name="1 problem").click()
    page.get_by_role("region", name="Problems").get_by_role("button", name="Workflow").click()
    dialog = page.get_by_role("dialog", name="Settings of the workflow")
    key = dialog.get_by_label("Counted for each")
    expect(key).to_be_focused()
    picture(page, "settings-problem")
    key.fill("{{ trigger.customer }}")
    dialog.get_by_label("Close").click()

    refusal = {
        "status": 422,
        "code": "graph_malformed",
        "message": "It is larger than it may be.",
        "details": {"path": "settings/budgets/steps"},
    }
    page.route("**/draft", lambda route: Route.fulfill(route, status=422, json=refusal))
    page.get_by_role("button", name="Settings of the workflow").click()
    dialog.get_by_label("Keep runs for so many days").fill("9")
    steps = dialog.locator('[data-field="settings/budgets/steps"]')
    expect(steps).to_contain_text("It is larger than it may be.")
    dialog.get_by_label("Close").click()
    page.get_by_role("button", name="It is larger than it may be.").click()
    expect(dialog.get_by_label("Steps")).to_be_focused()
