"""The triggers that start runs by themselves, as a person sees them: in words, tried, published, paused."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.browser.test_every_page import findings
from tests.support.product import Api, a_document, a_node

GRAPH = a_document(
    [
        a_node("start", "schedule_trigger", {"cron": "0 9 * * 1-5"}),
        a_node("failed", "failure_trigger", position={"x": 0, "y": 200}),
        a_node("tell", "reply", {"text": "Done"}, position={"x": 320, "y": 80}),
    ],
    "start>tell, failed>tell",
)


def opened(page: Page, product: Any, workflow: dict[str, Any]) -> None:
    page.goto(f"{product.base}/workflows/{workflow['id']}")
    page.locator(".react-flow__node").first.wait_for()


def try_with(page: Page, trigger: str) -> None:
    """Run the draft with what the dialog offers."""
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_label("Start with").select_option(label=trigger)
    page.get_by_role("button", name="Start run").click()
    expect(page.locator('.react-flow__node[data-id="tell"] [data-status="succeeded"]').first).to_be_visible()


def test_a_schedule_is_told_in_words_tried_published_and_paused(page: Page, product: Any, api: Api) -> None:
    workflow = api("POST", "/workflows", {"name": "By the clock", "graph": GRAPH})
    opened(page, product, workflow)

    page.locator('.react-flow__node[data-id="start"]').click()
    settings = page.get_by_role("region", name="Settings")
    expect(settings.get_by_text("At 09:00 on Monday through Friday. Next: ")).to_be_visible()
    picture(page, "schedule-settings")
    settings.get_by_label("At these times").fill("61 * * * *")
    expect(settings.get_by_text("The minute cannot be read")).to_be_visible()
    settings.get_by_label("At these times").fill("30 18 * * *")
    settings.get_by_label("Time zone").fill("Asia/Tokyo")
    expect(settings.get_by_text("18:30 (Asia/Tokyo)")).to_be_visible()
    assert findings(page) == []

    try_with(page, "Schedule")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_label("Start with").select_option(label="When a workflow fails")
    given = page.get_by_label("What it gives, as JSON")
    expect(given).to_contain_text("mcp_timeout")
    picture(page, "failure-run-dialog")
    assert findings(page) == []
    page.get_by_role("button", name="Start run").click()

    page.get_by_role("button", name="Publish").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Runs start with this version from now on.")).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Pause workflow").click()
    expect(page.locator(".editor-head").get_by_text("Paused")).to_be_visible()
    assert api("GET", f"/workflows/{workflow['id']}")["paused"] is True
    picture(page, "editor-paused")
    assert findings(page) == []

    page.goto(f"{product.base}/workflows")
    expect(page.locator(".list-row", has_text="By the clock").get_by_text("Paused")).to_be_visible()
    assert findings(page) == []
    page.get_by_role("button", name="Resume By the clock").click()
    expect(page.get_by_role("button", name="Pause By the clock")).to_be_visible()
    api("DELETE", f"/workflows/{workflow['id']}", expect=204)
