"""The way from a new server to its allowed tool, and an answer to it, with the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.asked import ended, item_of, register, start
from tests.support.asking import Asking
from tests.support.pliable_mcp import Pliable, a_tool, pliable_mcp
from tests.support.product import Api

TABS_AT_MOST = 60
FOCUSED = """() => {
  const it = document.activeElement
  const label = it.labels?.[0]?.innerText ?? it.getAttribute('aria-label') ?? it.innerText ?? ''
  return label.trim().split('\\n')[0]
}"""
IS_MARKED = """() => {
  const it = getComputedStyle(document.activeElement)
  return it.outlineStyle !== 'none' || it.boxShadow !== 'none'
}"""


@pytest.fixture
def pliable() -> Iterator[Pliable]:
    with pliable_mcp() as server:
        server.tools = [a_tool("add_note", description="Writes a note.", folder={"type": "string"})]
        yield server


def tab_to(page: Page, name: str) -> None:
    """Tab until something of this name has the focus, and shows it."""
    for _ in range(TABS_AT_MOST):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).startswith(name):
            assert page.evaluate(IS_MARKED), f"nobody sees that {name} has the focus"
            return
    raise AssertionError(f"{name} cannot be reached")


def chosen(page: Page, name: str, letters: str) -> None:
    tab_to(page, name)
    page.keyboard.type(letters)


def pressed(page: Page, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")


def test_a_server_is_added_and_its_tool_allowed(page: Page, api: Api, pliable: Pliable) -> None:
    pressed(page, "MCP servers")
    expect(page.get_by_role("heading", name="MCP servers")).to_be_visible()
    pressed(page, "Add server")
    expect(page.get_by_label("Address of its MCP endpoint")).to_be_focused()
    expect(page.get_by_label("Bearer token")).to_be_hidden()
    page.keyboard.type(pliable.url)
    tab_to(page, "Name")
    page.keyboard.type("By keyboard")
    chosen(page, "Sign-in", "Bearer")
    tab_to(page, "Bearer token")
    page.keyboard.type("typed-token")
    pressed(page, "Add and connect")
    expect(page.get_by_role("heading", name="By keyboard")).to_be_visible()
    assert pliable.headers["authorization"] == "Bearer typed-token"

    pressed(page, "add_note")
    expect(page.get_by_role("heading", name="add_note")).to_be_visible()
    expect(page.get_by_label("Time to answer")).to_be_hidden()
    tab_to(page, "Workflows may use it")
    page.keyboard.press("Space")
    chosen(page, "Who must agree to each call", "Anyone")
    tab_to(page, "Time to answer")
    page.keyboard.type("30")
    tab_to(page, "Limits of its arguments")
    page.keyboard.press("Enter")
    chosen(page, "Kind of limit of folder", "Fits")
    tab_to(page, "Value or pattern of folder")
    page.keyboard.type("/srv/[a-z]+")
    pressed(page, "Save")
    expect(page.get_by_text("Saved.")).to_be_visible()

    server = next(
        row for row in api("GET", "/mcp-servers?limit=200")["items"] if row["name"] == "By keyboard"
    )
    [tool] = api("GET", f"/mcp-servers/{server['id']}/tools")["items"]
    assert tool["enabled"] is True
    assert tool["approval"] == {"kind": "anyone", "due_in_s": 1800.0}
    assert tool["arguments"] == {"folder": {"pattern": "/srv/[a-z]+"}}
    api("DELETE", f"/mcp-servers/{server['id']}")


def test_a_question_to_a_model_is_read_and_agreed_to(make_visitor: Any, api: Api, tmp_path: Any) -> None:
    with Asking(tmp_path) as asking:
        sampling = {"model": "default", "max_tokens": 50, "usd_per_day": 1.0, "ask_first": True}
        server = register(api, asking, "thinker", sampling=sampling)
        run_id = start(api, "thinker", "think")
        item = item_of(api, run_id)
        page = make_visitor().sign_in("agent")
        pressed(page, "Inbox")
        expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
        pressed(page, item["title"])
        words = page.get_by_role("group", name="What the model would be asked")
        expect(words).to_contain_text("Be brief.")
        expect(words).to_contain_text("Think of a word.")
        pressed(page, "Let the model answer")
        expect(page.get_by_text("Answered. The workflow goes on.")).to_be_visible()
        assert ended(api, run_id)["result"]["word"]["role"] == "assistant"
        api("DELETE", f"/mcp-servers/{server['id']}")
