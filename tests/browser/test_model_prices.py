"""An admin says what a model costs; a line that is none is told and nothing is lost."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.support.product import Api


def test_prices_are_written_one_model_a_line(page: Page, api: Api) -> None:
    row = api("GET", "/model-connections")["items"][0]
    page.goto(re.sub(r"/$", f"/model-connections/{row['id']}", page.url))
    prices = page.get_by_label("Prices, one model a line")
    prices.fill("demo-rules cheap")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is no model with two prices")).to_be_visible()
    expect(prices).to_have_value("demo-rules cheap")
    prices.fill("demo-rules 0.25 2")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(prices).to_have_value("demo-rules 0.25 2")
    saved = api("GET", f"/model-connections/{row['id']}")["prices"]
    assert saved == {"demo-rules": {"input": 0.25, "output": 2.0}}
