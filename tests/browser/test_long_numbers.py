"""Numbers that a browser's own arithmetic cannot hold, as many ids are, keep all their digits."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.product import Api, a_document, a_node, eventually

LONG = 9_007_199_254_740_993
"""The nearest number that a browser calculates with ends in 2."""


def test_a_long_number_keeps_its_digits_in_a_trial_on_the_page_of_the_run_and_in_a_draft(
    page: Page, api: Api
) -> None:
    values = {"values": [{"id": "order", "value": "{{ trigger.body.order }}"}]}
    nodes = [
        a_node("hook", "webhook_trigger", {"sample": {"order": LONG}}),
        a_node("keep", "set_values", values),
    ]
    nodes[1]["position"] = {"x": 300, "y": 0}
    workflow = api("POST", "/workflows", {"name": "Long numbers", "graph": a_document(nodes, "hook>keep")})
    address = f"/workflows/{workflow['id']}"
    base = page.url.rstrip("/")
    page.goto(base + address)

    page.get_by_role("button", name="Run", exact=True).click()
    dialog = page.get_by_role("dialog", name="Try the workflow")
    expect(dialog.get_by_label("order")).to_have_value(str(LONG))
    dialog.get_by_role("button", name="Start run").click()
    [run] = eventually(lambda: api("GET", f"/runs?workflow={workflow['id']}")["items"], what="the run")
    assert run["input"]["body"] == {"order": LONG}

    page.locator(".react-flow__node[data-id=keep]").click()
    page.keyboard.press("Shift+ArrowDown")
    position = {"x": 300, "y": 0}
    draft = eventually(
        lambda: next(
            (found for found in [api("GET", address)["graph"]] if found["nodes"][1]["position"] != position),
            None,
        ),
        what="the draft being saved",
    )
    assert draft["nodes"][0]["config"]["sample"] == {"order": LONG}

    page.goto(f"{base}/runs/{run['id']}")
    page.locator(".react-flow__node[data-id=keep]").click()
    expect(page.get_by_text(str(LONG)).first).to_be_visible()
