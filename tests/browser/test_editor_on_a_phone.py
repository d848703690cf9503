"""On a phone the editor is a list of steps, with undo, redo and the problems within reach of a thumb and by keyboard."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.browser.test_every_page import SIZES, findings
from tests.support.product import Api, a_document, a_node

THUMB = 44


@pytest.fixture
def phone(make_visitor: Any) -> Page:
    page: Page = make_visitor(*SIZES["narrow"]).sign_in()
    return page


def test_undo_redo_and_the_problems_are_in_reach(phone: Page, api: Api) -> None:
    nodes = [a_node("start", "manual_trigger"), a_node("tell", "mcp_tool", title="Tell them")]
    workflow = api("POST", "/workflows", {"name": "In a pocket", "graph": a_document(nodes, "start>tell")})
    phone.goto(phone.url.rstrip("/") + f"/workflows/{workflow['id']}")
    tools = phone.get_by_role("toolbar", name="List tools")
    undo, redo = tools.get_by_role("button", name="Undo"), tools.get_by_role("button", name="Redo")
    expect(undo).to_be_disabled()
    step = phone.get_by_role("button", name="Tell them", exact=False).first
    phone.get_by_role("button", name="Delete Tell them").click()
    expect(step).not_to_be_visible()
    undo.click()
    expect(step).to_be_visible()
    redo.focus()
    phone.keyboard.press("Enter")
    expect(step).not_to_be_visible()
    undo.click()

    problems = tools.get_by_role("button", name=re.compile(r"^\d+ problem"))
    problems.click()
    listed = phone.get_by_role("region", name="Problems")
    expect(listed).to_be_visible()
    for control in (undo, redo, problems, tools.get_by_role("button", name="Add step")):
        box = control.bounding_box()
        assert box is not None
        assert box["width"] >= THUMB
        assert box["height"] >= THUMB
        assert box["y"] + box["height"] <= SIZES["narrow"][1]
    assert findings(phone) == []
    picture(phone, "editor-phone-problems")
    listed.get_by_role("button", name="Tell them").first.click()
    expect(phone.get_by_role("region", name="Settings", exact=True)).to_be_visible()
