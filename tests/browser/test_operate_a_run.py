"""An operator finds a failed run, sees why, and lets it go on with other data."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import picture
from tests.support.product import Api, a_document, a_node, eventually, published


def a_graph() -> dict[str, Any]:
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("facts", "set_values", {"values": [{"id": "pieces", "value": "five"}]}, title="Collect facts"),
        a_node("count", "set_values", {"values": [{"id": "n", "value": "{{ int(steps.facts.pieces) }}"}]}),
        a_node("tell", "reply", {"text": "{{ steps.count.n }} pieces"}),
    ]
    for position, node in enumerate(nodes):
        node["position"] = {"x": 312 * position, "y": 0}
    return a_document(nodes, "start>facts, facts>count, count>tell")


def test_a_failed_run_goes_on_from_a_step_with_other_data(page: Page, api: Api) -> None:
    workflow = published(api, "Count pieces", a_graph())
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "failed")

    page.goto(re.sub(r"/$", f"/runs/{run['id']}", page.url))
    page.get_by_role("button", name="Show step").click()
    page.get_by_role("button", name="Run again from here").click()
    dialog = page.get_by_role("dialog", name=re.compile("Run again from"))
    box = dialog.get_by_label(re.compile("What “Collect facts” gave"))
    box.fill("{not json")
    dialog.get_by_role("button", name="Start run").click()
    expect(dialog.get_by_role("alert")).to_contain_text("no valid JSON")
    box.fill('{"pieces": "5"}')
    picture(page, "run-again-from-here")
    dialog.get_by_role("button", name="Start run").click()
    expect(page.get_by_text("5 pieces").first).to_be_visible(timeout=15_000)
    expect(page.get_by_role("button", name=re.compile("Collect facts Taken over"))).to_be_visible()
    picture(page, "run-forked")


def test_a_run_goes_another_way_where_its_choice_is_changed(page: Page, api: Api) -> None:
    is_known = {"id": "known", "title": "Known", "when": "{{ trigger.name == 'Mira' }}"}
    nodes = [
        a_node("start", "manual_trigger", {"fields": [{"id": "name", "title": "Name", "kind": "text"}]}),
        a_node("who", "condition", {"branches": [is_known]}, title="Who is it?"),
        a_node("look", "set_values", {"values": [{"id": "n", "value": "{{ 1 / 0 }}"}]}, title="Look up"),
        a_node("tell", "reply", {"text": "{{ steps.look.n }} orders"}, title="Tell"),
        a_node("sorry", "reply", {"text": "Something failed"}, title="Say sorry"),
        a_node("ask", "reply", {"text": "Who are you?"}, title="Ask who"),
    ]
    for position, node in enumerate(nodes):
        node["position"] = {"x": 312 * min(position, 4), "y": 160 * max(position - 4, 0)}
    lines = "start>who, who.known>look, look>tell, look.error>sorry, who.otherwise>ask"
    workflow = published(api, "Greets whom it knows", a_document(nodes, lines))
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"name": "Mira"}})
    api.run_until(run["id"], "succeeded")

    def again_from(step: str) -> Locator:
        page.goto(re.sub(r"/(runs/.*)?$", f"/runs/{run['id']}", page.url))
        page.get_by_role("button", name=re.compile(step)).first.click()
        page.get_by_role("button", name="Run again from here").click()
        return page.get_by_role("dialog", name=re.compile("Run again from"))

    dialog = again_from("Ask who")
    dialog.get_by_role("button", name="Start run").click()
    expect(dialog.get_by_role("alert")).to_contain_text("on a way that this run did not take")
    dialog.get_by_label(re.compile("What “Who is it\\?” gave")).fill('{"branch": "otherwise"}')
    picture(page, "run-again-another-way")
    dialog.get_by_role("button", name="Start run").click()
    is_elsewhere = re.compile(rf"/runs/(?!{run['id']})")
    page.wait_for_url(is_elsewhere)
    expect(page.get_by_text("Reply Who are you?")).to_be_visible(timeout=15_000)

    dialog = again_from("Tell")
    expect(dialog.get_by_text("it failed; write what it should have given")).to_be_visible()
    dialog.get_by_label(re.compile("What “Look up” gave")).fill('{"n": 7}')
    picture(page, "run-again-from-a-failure")
    dialog.get_by_role("button", name="Start run").click()
    page.wait_for_url(is_elsewhere)
    expect(page.get_by_text("Reply 7 orders")).to_be_visible(timeout=15_000)


def test_a_failed_run_is_retried_and_a_waiting_one_paused_and_resumed(page: Page, api: Api) -> None:
    workflow = published(api, "Count pieces again", a_graph())
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "failed")
    page.goto(re.sub(r"/$", f"/runs/{run['id']}", page.url))
    page.get_by_role("button", name="Retry").click()
    page.wait_for_url(re.compile(rf"/runs/(?!{run['id']})"))
    expect(page.get_by_role("link", name="an earlier run")).to_be_visible()

    waits = a_document(
        [a_node("start", "manual_trigger"), a_node("pause", "wait", {"for_s": 3600})], "start>pause"
    )
    workflow = published(api, "Wait an hour", waits)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    page.goto(re.sub(r"/runs/.*", f"/runs/{run['id']}", page.url))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("The run is paused")).to_be_visible(timeout=15_000)
    picture(page, "run-paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("The run waits")).to_be_visible(timeout=15_000)


def test_a_page_that_is_old_leads_to_the_retry_that_there_is(page: Page, api: Api) -> None:
    workflow = published(api, "Count pieces once more", a_graph())
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "failed")
    old = re.sub(r"/$", f"/runs/{run['id']}", page.url)
    page.goto(old)
    retry = api("POST", f"/runs/{run['id']}/retry")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.get_by_role("button", name="Retry").click()
    page.wait_for_url(re.compile(rf"/runs/{retry['id']}"))
    assert "was tried again already" in asked[0]

    page.goto(old)
    expect(page.get_by_role("link", name="a later run")).to_have_attribute("href", f"/runs/{retry['id']}")


def test_a_button_starts_one_run_until_the_page_of_it_has_come(page: Page, api: Api) -> None:
    workflow = published(api, "Count pieces with patience", a_graph())
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "failed")
    page.goto(re.sub(r"/$", f"/runs/{run['id']}", page.url))
    # The page of the new run does not come for now.
    page.route(
        "**/runs/*",
        lambda route: route.abort("aborted") if route.request.is_navigation_request() else route.continue_(),
    )
    again = page.get_by_role("button", name="Run again")
    with page.expect_event("requestfailed", lambda request: request.is_navigation_request()):
        again.click(no_wait_after=True)
    expect(again).to_be_disabled()


def test_a_run_that_used_up_a_budget_says_which(page: Page, api: Api) -> None:
    graph = a_graph()
    graph["settings"] = {"budgets": {"steps": 2}}
    workflow = published(api, "Count few pieces", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "needs_attention")
    used_up = page.get_by_text("The run has used up its budget of steps.")
    page.goto(re.sub(r"/$", f"/runs/{run['id']}", page.url))
    expect(used_up).to_be_visible()
    page.goto(re.sub(r"/runs/.*", f"/workflows/{workflow['id']}?run={run['id']}", page.url))
    expect(used_up).to_be_visible()


def test_a_queued_run_says_what_it_waits_for_until_it_begins(page: Page, api: Api) -> None:
    graph = a_document(
        [a_node("start", "manual_trigger"), a_node("pause", "wait", {"for_s": 3600})], "start>pause"
    )
    graph["settings"] = {"concurrency": {"limit": 1, "when_full": "queue"}}
    workflow = published(api, "One after the other", graph)
    first, second = (api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}}) for _ in range(2))
    api.run_until(first["id"], "waiting")
    page.goto(re.sub(r"/$", f"/runs/{second['id']}", page.url))
    expect(page.get_by_text("it begins when another one that shares its limit")).to_be_visible()
    picture(page, "run-queued")
    api("POST", f"/runs/{first['id']}/cancel")
    expect(page.get_by_text("The run waits")).to_be_visible(timeout=15_000)


def test_a_step_that_started_a_run_leads_to_it_and_back_and_a_wait_tells_its_end(
    page: Page, api: Api
) -> None:
    waits = a_document(
        [a_node("start", "manual_trigger"), a_node("pause", "wait", {"for_s": 3600})], "start>pause"
    )
    slug = published(api, "Waits for the other", waits)["slug"]
    calls = a_document(
        [a_node("start", "manual_trigger"), a_node("call", "sub_workflow", {"workflow": slug, "input": {}})],
        "start>call",
    )
    workflow = published(api, "Calls the other", calls)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    child = eventually(lambda: api.steps(run["id"]).get("call", {}).get("child_run"))
    api.run_until(child, "waiting")

    page.goto(re.sub(r"/$", f"/runs/{run['id']}#step=call", page.url))
    page.get_by_role("link", name="Open the run that it started").click()
    page.wait_for_url(f"**/runs/{child}")
    page.get_by_role("button", name=re.compile("^Wait")).click()
    expect(page.get_by_text("Waits until")).to_be_visible()
    page.get_by_role("link", name="another run").click()
    page.wait_for_url(f"**/runs/{run['id']}#step=call")


def test_values_within_values_are_shown_open_and_stay_in_the_panel(page: Page, api: Api) -> None:
    made = {"id": "made", "value": '{{ [[1, 2], {"sizes": {"widths": [[3, {"deepest_of_all": "here"}]]}}] }}'}
    graph = a_document(
        [a_node("start", "manual_trigger"), a_node("set", "set_values", {"values": [made]})], "start>set"
    )
    workflow = published(api, "Values within values", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "succeeded")
    page.goto(re.sub(r"/$", f"/runs/{run['id']}#step=set", page.url))
    deepest = page.get_by_text("here", exact=True)
    expect(deepest).to_have_count(2)
    picture(page, "run-nested-values")
    panel = page.get_by_role("complementary", name="What happened").bounding_box()
    assert panel is not None
    for value in deepest.all():
        box = value.bounding_box()
        assert box is not None
        assert box["width"] > 20
        assert box["x"] + box["width"] <= panel["x"] + panel["width"]


def test_the_page_of_a_run_says_each_thing_once_and_alike(page: Page, api: Api) -> None:
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("loop", "for_each", {"items": "{{ [1, 2] }}"}, position={"x": 312, "y": 0}),
        a_node("each", "set_values", {"values": [{"id": "n", "value": "{{ item }}"}]}, parent="loop"),
    ]
    nodes[2]["position"] = {"x": 352, "y": 92}
    workflow = published(api, "Said once", a_document(nodes, "start>loop"))
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "succeeded")

    page.goto(re.sub(r"/$", f"/runs/{run['id']}", page.url))
    expect(page.get_by_text(re.compile(r"It took (\d+ ms|[1-9]\d*\.\d s)\."))).to_be_visible()
    steps = page.get_by_role("region", name="Steps of the run")
    expect(steps.get_by_text("Set values", exact=True)).to_have_count(1)
    pager = steps.get_by_role("group", name="Iterations of For each").bounding_box()
    state = steps.locator(".status-pill").last.bounding_box()
    assert pager is not None
    assert state is not None
    assert pager["x"] + pager["width"] == pytest.approx(state["x"] + state["width"], abs=1)
