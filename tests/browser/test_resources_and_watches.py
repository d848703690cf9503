"""What servers offer besides tools, drawn with the mouse and run; and a watch, drawn, tried and seen failing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.browser.test_draw_publish_run_answer import add_after, insert_data, node, settings, type_into
from tests.browser.test_every_page import SIZES, findings
from tests.support.pliable_mcp import Pliable, a_tool, pliable_mcp
from tests.support.product import Api, a_document, a_node


def run_and_look_at(page: Page, node_id: str) -> None:
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Start run").click()
    expect(node(page, node_id).locator('[data-status="succeeded"]').first).to_be_visible(timeout=15_000)
    node(page, node_id).click()
    page.get_by_role("tab", name="Last result").click()


def test_a_document_and_a_prompt_of_a_server_are_read(page: Page, product: Any, api: Api) -> None:
    workflow = api(
        "POST",
        "/workflows",
        {"name": "Read the rules", "graph": a_document([a_node("start", "manual_trigger")], "")},
    )
    page.goto(f"{product.base}/workflows/{workflow['id']}")
    node(page, "start").wait_for()

    add_after(page, "start", "out", "MCP resource")
    settings(page).get_by_label("Server").select_option("crm")
    settings(page).get_by_label("Resource").select_option(label="How we write")
    expect(settings(page).get_by_text("Rules for every answer of support.")).to_be_visible()
    run_and_look_at(page, "mcp_resource")
    expect(settings(page).get_by_text("Begin with the name of the customer").first).to_be_visible()
    picture(page, "resource-read")
    assert findings(page) == []

    page.get_by_role("tab", name="Settings").click()
    settings(page).get_by_label("Resource").select_option(label="A contact")
    expect(settings(page).get_by_text('"email" is required by the address.')).to_be_visible()
    type_into(page, "Email", "mi")
    suggestions = settings(page).get_by_role("list", name="Suggestions for Email")
    expect(suggestions).to_be_visible()
    picture(page, "resource-suggestions")
    suggestions.get_by_role("button", name="mira@example.com").click()
    run_and_look_at(page, "mcp_resource")
    expect(settings(page).get_by_text("Mira Santos").first).to_be_visible()

    add_after(page, "mcp_resource", "out", "MCP prompt")
    settings(page).get_by_label("Server").select_option("crm")
    settings(page).get_by_label("Prompt").select_option(label="Answer a ticket")
    insert_data(page, "Email", "steps.mcp_resource.text")
    type_into(page, "Subject", "An empty parcel")
    settings(page).get_by_label("Tone", exact=True).click()
    settings(page).get_by_role("list", name="Suggestions for Tone").get_by_role(
        "button", name="formal"
    ).click()
    # That nothing follows is only warned of.
    expect(page.get_by_label("1 problem", exact=True)).to_be_visible(timeout=10_000)
    picture(page, "prompt-settings")
    assert findings(page) == []
    run_and_look_at(page, "mcp_prompt")
    expect(settings(page).get_by_text("Write a formal first answer").first).to_be_visible()
    api("DELETE", f"/workflows/{workflow['id']}", expect=204)


@pytest.fixture
def shop(api: Api) -> Iterator[Pliable]:
    with pliable_mcp() as server:
        parcel = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
        gives = {
            "type": "object",
            "properties": {"parcels": {"type": "array", "items": parcel}},
            "required": ["parcels"],
        }
        looks = a_tool("list_parcels", description="Late parcels", reads=True)
        server.tools = [
            {**looks, "outputSchema": gives},
            a_tool("send_mail", description="Sends a mail"),
        ]
        server.results["list_parcels"] = {"parcels": []}
        body = {
            "slug": "parcels",
            "name": "Parcels",
            "transport": "http",
            "url": server.url,
            "enable": "all",
        }
        registered = api("POST", "/mcp-servers", body)
        api("POST", f"/mcp-servers/{registered['id']}/refresh")
        yield server
        api("DELETE", f"/mcp-servers/{registered['id']}")


def test_a_watch_is_drawn_tried_published_and_tells_when_it_cannot_look(
    make_visitor: Any, product: Any, api: Api, shop: Pliable
) -> None:
    page = make_visitor().sign_in()
    graph = a_document(
        [
            a_node("seen", "watch_trigger", {"server": "", "tool": "", "items": "", "key": ""}),
            a_node("tell", "reply", {"text": "Seen: {{ trigger.id }}"}, position={"x": 360, "y": 0}),
        ],
        "seen>tell",
    )
    workflow = api("POST", "/workflows", {"name": "Late parcels", "graph": graph})
    page.goto(f"{product.base}/workflows/{workflow['id']}")
    node(page, "seen").click()
    settings(page).get_by_label("Server").select_option("parcels")
    settings(page).get_by_label("Tool").select_option("send_mail")
    expect(settings(page).get_by_text("may change something each time it is called")).to_be_visible()
    settings(page).get_by_label("Tool").select_option("list_parcels")
    settings(page).get_by_role("list", name="Data for Items").get_by_role("button", name="parcels").click()
    key = settings(page).get_by_role("list", name="Data for What names an item")
    key.get_by_role("button", name="id").click()
    settings(page).get_by_role("button", name="Add rule").click()
    insert_data(page, "What rule 1 looks at", "item.id")
    settings(page).get_by_label("How rule 1 compares").select_option("starts_with")
    settings(page).get_by_label("Value of rule 1").fill("P")
    expect(settings(page).get_by_text("What is there at the beginning is only remembered")).to_be_visible()
    settings(page).get_by_label("Sample item").fill('{"id": "P-1"}')
    settings(page).get_by_label("Sample item").blur()
    expect(page.get_by_label("No problems")).to_be_visible(timeout=10_000)
    picture(page, "watch-settings")
    assert findings(page) == []

    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Start run").click()
    expect(page.get_by_text("Seen: P-1").first).to_be_visible(timeout=15_000)

    shop.status = 500
    expect(page.get_by_text("Saved", exact=True)).to_be_visible(timeout=10_000)
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("dialog").get_by_text("Runs start with this version from now on.").wait_for()
    page.keyboard.press("Escape")
    trouble = page.get_by_role("status").filter(has_text="cannot look")
    expect(trouble).to_contain_text('"parcels" answered with HTTP 500.', timeout=20_000)
    expect(trouble).to_contain_text("Next try at")
    picture(page, "watch-failing")
    assert findings(page) == []
    page.goto(f"{product.base}/workflows")
    row = page.locator(".list-row", has_text="Late parcels")
    expect(row.get_by_text("Cannot look")).to_be_visible()
    for scheme, size in (("dark", "wide"), ("light", "narrow"), ("dark", "narrow")):
        seen = make_visitor(*SIZES[size], scheme).sign_in()
        for path, name in ((f"/workflows/{workflow['id']}", "editor"), ("/workflows", "list")):
            seen.goto(f"{product.base}{path}")
            seen.get_by_text("cannot look").or_(seen.get_by_text("Cannot look")).first.wait_for()
            picture(seen, f"watch-{name}-{size}-{scheme}")
            assert findings(seen) == []
    shop.status = 200
    page.goto(f"{product.base}/workflows/{workflow['id']}")
    trouble.get_by_role("button", name="Look now").click()
    expect(trouble).to_have_count(0, timeout=20_000)
    api("DELETE", f"/workflows/{workflow['id']}", expect=204)
