"""Who may only read a workflow opens nothing by keys that they could not use."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.test_draw_publish_run_answer import node
from tests.support.product import Api


def test_keys_that_edit_or_run_open_nothing_for_a_viewer(make_visitor: Any, api: Api) -> None:
    page = make_visitor().sign_in("viewer")
    page.goto(page.url.rstrip("/") + f"/workflows/{api.workflow('order-status')['id']}")
    node(page, "lookup").click()
    for keys in ("Control+k", "a", "i", "m", "c", "Control+d", "Control+Enter"):
        page.keyboard.press(keys)
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
