"""Lists that renew themselves every few seconds: focus stays where it was, and figures follow the rows."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.product import Api, a_document, a_node, published


def asks_a_person() -> dict[str, Any]:
    asks = a_node("ask", "human_handoff", {"title": "Agree?", "choices": [{"id": "yes", "title": "Yes"}]})
    return a_document([a_node("start", "manual_trigger"), asks], "start>ask")


def started(api: Api, workflow: dict[str, Any]) -> dict[str, Any]:
    run: dict[str, Any] = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    return api.run_until(run["id"], "waiting")


def test_runs_keep_the_focus_and_their_counts_follow(page: Page, api: Api) -> None:
    workflow = published(api, "Asks again and again", asks_a_person())
    first = started(api, workflow)
    page.goto(re.sub(r"/$", f"/runs?workflow={workflow['id']}", page.url))
    counts = page.get_by_label(re.compile("^Open runs"))
    row = page.locator(f'a[href="/runs/{first["id"]}"]')
    expect(counts).to_contain_text("Waiting 1")
    row.focus()

    second = started(api, workflow)
    expect(page.locator(f'a[href="/runs/{second["id"]}"]')).to_be_visible()
    expect(counts).to_contain_text("Waiting 2")
    expect(row).to_be_focused()

    count = counts.get_by_role("link", name=re.compile("Waiting"))
    count.focus()
    api("POST", f"/runs/{first['id']}/cancel")
    expect(row).to_contain_text("Cancelled")
    expect(counts).to_contain_text("Waiting 1")
    expect(count).to_be_focused()


def test_the_inbox_keeps_the_focus(page: Page, api: Api) -> None:
    workflow = published(api, "Asks people now and then", asks_a_person())
    first = started(api, workflow)
    page.goto(re.sub(r"/$", "/inbox", page.url))
    items = api("GET", "/inbox")["items"]
    row = page.locator(f'a[href="/inbox/{next(item["id"] for item in items if item["run"] == first["id"])}"]')
    row.focus()
    rows = page.locator("#items .list-row")
    before = rows.count()
    started(api, workflow)
    expect(rows).to_have_count(before + 1)
    expect(row).to_be_focused()
