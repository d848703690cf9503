"""A workflow that is taken out of use, brought back at once, and later from the archive."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.browser.test_every_page import findings
from tests.support.product import Api, a_document, a_node, published

GRAPH = a_document([a_node("start", "webhook_trigger"), a_node("end", "reply", {"text": "Hi"})], "start>end")


def archive(page: Page, name: str) -> None:
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"Archive {name}", exact=True).click()
    expect(page.get_by_text(f"“{name}” was archived.")).to_be_visible()


def test_a_workflow_is_archived_taken_back_read_and_restored(page: Page, product: Any, api: Api) -> None:
    workflow = published(api, "Out of season", GRAPH)
    page.goto(f"{product.base}/workflows")
    row = page.locator(".list-row", has_text="Out of season")

    archive(page, "Out of season")
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("It is paused: nothing starts it until it is resumed.")).to_be_visible()
    expect(row.get_by_text("Paused")).to_be_visible()

    archive(page, "Out of season")
    page.get_by_role("link", name="Archived").click()
    expect(row.get_by_role("button", name="Restore Out of season")).to_be_visible()
    picture(page, "archive")
    assert findings(page) == []

    row.get_by_role("link").click()
    bar = page.get_by_role("status").filter(has_text="This workflow is archived.")
    expect(bar).to_be_visible()
    expect(page.get_by_text("Read only")).to_be_visible()
    for name in ("Run", "Publish", "Resume workflow"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    picture(page, "archived-editor")
    assert findings(page) == []

    bar.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Resume workflow")).to_be_visible()
    expect(bar).to_have_count(0)
    api("DELETE", f"/workflows/{workflow['id']}", expect=204)
