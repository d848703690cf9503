"""A question that nobody answers: its page is open while its reminder comes."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.support.product import Api, a_document, a_node, eventually, published


def test_an_open_page_is_reminded_and_keeps_what_was_typed(page: Page, api: Api) -> None:
    ask = {"title": "Refund?", "choices": [{"id": "yes", "title": "Refund it"}], "remind_in_s": 4}
    nodes = [a_node("start", "manual_trigger"), a_node("ask", "human_handoff", ask)]
    workflow = published(api, "Reminds", a_document(nodes, "start>ask"))
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    item = eventually(
        lambda: next((row for row in api("GET", "/inbox")["items"] if row["run"] == run["id"]), None),
        what="the item",
    )

    page.goto(re.sub(r"/$", f"/inbox/{item['id']}", page.url))
    page.get_by_label("Comment").fill("Let me see")
    expect(page.get_by_text("Reminder", exact=True)).to_be_visible(timeout=15_000)
    expect(page.get_by_text(re.compile("reminder since"))).to_be_visible()
    expect(page.get_by_label("Comment")).to_have_value("Let me see")

    page.get_by_role("button", name="Refund it").click()
    page.goto(re.sub(r"/runs/.*", f"/inbox/{item['id']}", page.url))
    expect(page.get_by_text("Alex Admin answered")).to_be_visible()
    expect(page.get_by_text("Reminder", exact=True)).to_have_count(0)
