"""A call whose answer never came: an operator is led to it, is asked before it is decided, and sees it answered."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.support.product import Api, a_document, a_node, published


def with_a_lost_call(page: Page, api: Api) -> list[str]:
    """Open a paused run whose step is shown as a lost call; what is settled is noted, not sent."""
    graph = a_document(
        [a_node("start", "manual_trigger"), a_node("ticket", "wait", {"for_s": 3600})], "start>ticket"
    )
    workflow = published(api, "Open a ticket", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "waiting")
    api("POST", f"/runs/{run['id']}/pause")
    api.run_until(run["id"], "paused")
    settled: list[str] = []

    def lose(route: Route) -> None:
        answer: dict[str, Any] = route.fetch().json()
        answer["items"][-1] |= {"status": "unknown", "waiting_for": None}
        route.fulfill(json=answer)

    def settle(route: Route) -> None:
        settled.append(route.request.post_data_json["outcome"])
        route.fulfill(json=run)

    page.route(re.compile(r"/api/v1/runs/[^/]+/steps$"), lose)
    page.route("**/settle", settle)
    page.goto(re.sub(r"/$", f"/runs/{run['id']}", page.url))
    return settled


def test_a_call_is_given_up_only_after_a_question_and_is_answered_once(page: Page, api: Api) -> None:
    settled = with_a_lost_call(page, api)
    page.get_by_role("button", name=re.compile("^Wait")).click()
    page.once("dialog", lambda asked: asked.dismiss())
    page.get_by_role("button", name="Give up").click()
    assert settled == []
    page.once("dialog", lambda asked: asked.accept())
    page.get_by_role("button", name="It did not: try again").click()
    expect(page.get_by_text("You have answered. It goes on when the run is resumed.")).to_be_visible()
    expect(page.get_by_role("button", name="Give up")).to_have_count(0)
    assert settled == ["did_not"]


def test_what_was_answered_is_there_after_a_reload(page: Page, api: Api) -> None:
    with_a_lost_call(page, api)
    said = {"outcome": "did_not", "by": "oda@demo.example", "at": "2026-11-21T09:00:00+00:00"}

    def tell(route: Route) -> None:
        answer: dict[str, Any] = route.fetch().json()
        waiting = {"kind": "settle", "due_at": None, "inbox_item": None, "settled": said}
        answer["items"][-1] |= {"status": "unknown", "waiting_for": waiting}
        route.fulfill(json=answer)

    page.route(re.compile(r"/api/v1/runs/[^/]+/steps$"), tell)
    page.reload()
    page.get_by_role("button", name=re.compile("^Wait")).click()
    expect(page.get_by_text("oda@demo.example answered “It did not: try again”")).to_contain_text(
        "21/11/2026"
    )
    expect(page.get_by_role("button", name="Give up")).to_have_count(0)


def test_a_run_with_a_lost_call_leads_to_it(page: Page, api: Api) -> None:
    with_a_lost_call(page, api)
    page.get_by_role("button", name="Show step").click()
    expect(page.get_by_role("button", name="It happened")).to_be_visible()


def test_a_retry_asks_before_it_makes_a_call_again_that_may_have_happened(page: Page, api: Api) -> None:
    graph = a_document(
        [a_node("start", "manual_trigger"), a_node("end", "stop", {"outcome": "failure", "message": "No"})],
        "start>end",
    )
    workflow = published(api, "Pays", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "failed")
    call = {"path": "pay", "node": "pay", "title": "Pay back", "server": "payments", "tool": "refund"}
    page.route(
        f"**/api/v1/runs/{run['id']}",
        lambda route: route.fulfill(json={**api("GET", f"/runs/{run['id']}"), "unknown_calls": [call]}),
    )
    address = re.sub(r"/$", f"/runs/{run['id']}", page.url)
    page.goto(address)

    with page.expect_event("dialog") as asked:
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("button", name="Retry").click()
    assert "“Pay back” (payments · refund)" in asked.value.message
    expect(page.get_by_role("button", name="Retry")).to_be_enabled()
    assert page.url == address
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Retry").click()
    page.wait_for_url(lambda url: "/runs/" in url and url != address)
