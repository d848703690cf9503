"""A person answers what a tool's server asks in the middle of a call: a form, and an address to open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import picture
from tests.browser.test_every_page import findings
from tests.support.asked import ended, item_of, register, start
from tests.support.asking import Asking
from tests.support.product import Api

LOOKS = [
    (width, height, scheme) for width, height in ((1440, 900), (390, 844)) for scheme in ("light", "dark")
]


@pytest.fixture(scope="module")
def server(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with Asking(tmp_path_factory.mktemp("booking")) as asking:
        yield register(api, asking, "booking")


@pytest.fixture(scope="module")
def old_server(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with Asking(tmp_path_factory.mktemp("ferry"), old=True) as asking:
        yield register(api, asking, "ferry")


def test_a_form_of_a_server_is_filled_in_and_the_run_goes_on(
    make_visitor: Any, api: Api, server: dict[str, Any]
) -> None:
    run_id = start(api, "booking", "book")
    item = item_of(api, run_id)
    page: Page = make_visitor().sign_in("agent")
    base = page.url.rstrip("/")
    page.goto(f"{base}/inbox")
    page.get_by_role("link", name="Booking asks before “book” goes on").first.click()
    words = page.get_by_role("group", name="What the server asks")
    expect(words).to_contain_text("These are the words of the MCP server Booking")
    # A stranger's words are shown as they are, whatever they would like to be.
    expect(words).to_contain_text("Who travels? <b>Please</b> be [exact](https://evil.example).")
    expect(page.get_by_role("link", name="exact")).to_have_count(0)
    expect(page.get_by_label("Seats")).to_have_value("1")
    assert findings(page) == []

    page.get_by_label("Name on the ticket").fill("Ida")
    page.get_by_label("Seats").fill("2")
    page.get_by_label("E-mail").fill("not-yet@")
    page.get_by_label("Meal").select_option("veg")
    page.get_by_label("bike").check()
    page.get_by_label("E-mail").fill("ida@example.com")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_text("Answered. The workflow goes on.")).to_be_visible()
    content = ended(api, run_id)["result"]["who"]["content"]
    assert content == {
        "name": "Ida",
        "seats": 2,
        "email": "ida@example.com",
        "meal": "veg",
        "extras": ["bike"],
        "window": True,
    }
    page.goto(f"{base}/inbox/{item['id']}")
    expect(page.get_by_text("Ana Agent answered")).to_contain_text("Send the answer")


def test_declining_needs_nothing_filled_in(make_visitor: Any, api: Api, server: dict[str, Any]) -> None:
    run_id = start(api, "booking", "book")
    item = item_of(api, run_id)
    page: Page = make_visitor().sign_in("agent")
    page.goto(f"{page.url.rstrip('/')}/inbox/{item['id']}")
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("Answered. The workflow goes on.")).to_be_visible()
    assert ended(api, run_id)["result"] == {"who": {"action": "decline"}}


def test_an_address_is_opened_only_after_a_question(
    make_visitor: Any, api: Api, server: dict[str, Any]
) -> None:
    run_id = start(api, "booking", "pay")
    item = item_of(api, run_id)
    page: Page = make_visitor().sign_in("agent")
    page.goto(f"{page.url.rstrip('/')}/inbox/{item['id']}")
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    expect(page.locator(".address strong")).to_have_text("pay.example.com")
    page.get_by_role("link", name="Open pay.example.com").click()
    assert asked == [
        "Open a page of pay.example.com? What you enter there goes to pay.example.com, not to Patchbay."
    ]
    assert len(page.context.pages) == 1
    assert findings(page) == []
    page.get_by_role("button", name="I have done it there").click()
    assert ended(api, run_id)["result"] == {"there": {"action": "accept"}}


@pytest.mark.parametrize(("width", "height", "scheme"), LOOKS)
def test_how_it_looks(
    make_visitor: Any,
    api: Api,
    server: dict[str, Any],
    old_server: dict[str, Any],
    width: int,
    height: int,
    scheme: str,
) -> None:
    pages = {
        "form": start(api, "booking", "book"),
        "address": start(api, "booking", "pay"),
        "held": start(api, "ferry", "chain"),
    }
    page: Page = make_visitor(width, height, scheme).sign_in()
    base, look = page.url.rstrip("/"), f"{width}-{scheme}"
    for name, run_id in pages.items():
        page.goto(f"{base}/inbox/{item_of(api, run_id)['id']}")
        assert findings(page) == []
        picture(page, f"question-{name}-{look}")
    expect(page.get_by_text("The server waits on the line")).to_be_visible()
    page.goto(f"{base}/mcp-servers/{server['id']}/settings")
    assert findings(page) == []
    page.screenshot(path=picture(page, f"server-settings-{look}"), full_page=True)
    page.goto(f"{base}/inbox")
    picture(page, f"inbox-questions-{look}")
    for run_id in pages.values():
        api("POST", f"/runs/{run_id}/cancel")
