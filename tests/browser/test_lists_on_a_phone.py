"""Lists at 390 pixels: filters say what they are, and names are not cut for the buttons beside them."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.support.product import Api, a_document, a_node, published

GRAPH = a_document([a_node("start", "webhook_trigger"), a_node("end", "reply", {"text": "Hi"})], "start>end")


def test_days_of_the_filter_are_named_and_stand_beside_each_other(make_visitor: Any) -> None:
    phone = make_visitor(390, 844).sign_in()
    phone.goto(phone.url.rstrip("/") + "/runs")
    days = [phone.get_by_label(name, exact=True) for name in ("From", "to")]
    for name in ("From", "to"):
        expect(phone.locator("label").get_by_text(name, exact=True)).to_be_visible()
    first, second = (day.bounding_box() for day in days)
    assert first["y"] == second["y"]
    assert second["x"] + second["width"] <= 390


def test_the_name_of_a_workflow_has_its_line(make_visitor: Any, api: Api) -> None:
    workflow = published(api, "Refunds for parcels", GRAPH)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"body": {}}})
    api.run_until(run["id"], "succeeded")
    phone = make_visitor(390, 844).sign_in()
    phone.goto(phone.url.rstrip("/") + "/workflows")
    name = phone.get_by_text("Refunds for parcels", exact=True)
    expect(name).to_be_visible()
    assert name.evaluate("element => element.scrollWidth <= element.clientWidth")
    api("DELETE", f"/workflows/{workflow['id']}", expect=204)
