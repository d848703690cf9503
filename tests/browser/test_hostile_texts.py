"""Texts of models and strangers, on every page that shows them: nothing is fetched, nothing runs, links say their host."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.injection import CANARY, TEXTS
from tests.support.product import Api, Embedded, a_document, a_node, eventually, published

ALL = "\n\n".join(TEXTS.values())


@pytest.fixture
def item(api: Api) -> dict[str, Any]:
    """What a person is asked, with every hostile text in every place that takes one."""
    config = {
        "title": "What does it want?",
        "message": "{{ trigger.text }}",
        "choices": [{"id": "yes", "title": "Yes"}],
        "data": [{"label": "Said", "value": "{{ trigger.text }}"}],
    }
    fields = [{"id": "text", "title": "Text", "kind": "long_text"}]
    nodes = [a_node("start", "manual_trigger", {"fields": fields}), a_node("ask", "human_handoff", config)]
    workflow = published(api, "Hostile words", a_document(nodes, "start>ask"))
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"text": ALL}})
    found: list[dict[str, Any]] = eventually(
        lambda: [row for row in api("GET", "/inbox")["items"] if row["run"] == run["id"]], what="the item"
    )
    return found[0]


def test_no_text_of_a_stranger_fetches_or_runs_anything(
    page: Page, product: Embedded, api: Api, item: dict[str, Any]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for path in (f"/inbox/{item['id']}", f"/runs/{item['run']}", "/inbox", "/runs"):
        page.goto(f"{product.base}{path}")
        page.wait_for_load_state("networkidle")
        assert (
            page.locator(f"img[src*='{CANARY}'], script[src*='{CANARY}'], link[href*='{CANARY}']").count()
            == 0
        )
        assert page.locator("a[href^='javascript:'], a[href^='data:']").count() == 0

    assert [url for url in asked if not url.startswith((product.base, "data:", "blob:"))] == []
    page.goto(f"{product.base}/inbox/{item['id']}")
    expect(page.get_by_role("main")).to_contain_text(f"Patchbay ({CANARY})")
    api("POST", f"/runs/{item['run']}/cancel", {})
