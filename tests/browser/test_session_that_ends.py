"""A session that ends while somebody draws: the editor says so, and saves once they have signed in again."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, picture
from tests.browser.test_draw_publish_run_answer import node, settings
from tests.support.product import Api, a_document, a_node, eventually


def test_what_was_drawn_is_kept_and_saved_after_signing_in_again(make_visitor: Any, api: Api) -> None:
    page = make_visitor().sign_in("builder")
    graph = a_document([a_node("start", "manual_trigger")], "")
    workflow = api("POST", "/workflows", {"name": "Drawn for long", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    node(page, "start").click()
    title = settings(page).get_by_label("Title of this step")
    page.context.clear_cookies(name="patchbay_session")
    title.fill("Begin")
    over = page.get_by_role("alert").filter(has_text="Your session has ended.")
    expect(over).to_be_visible()
    expect(page.get_by_text("Signed out – changes kept here")).to_be_visible()
    picture(page, "editor-signed-out")

    with page.expect_popup() as opened:
        over.get_by_role("link", name="Sign in again").click()
    tab = opened.value
    tab.get_by_label("E-mail").fill("builder@demo.example")
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(re.compile(r"/$"))
    tab.close()
    expect(over).not_to_be_visible(timeout=15_000)
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    expect(title).to_have_value("Begin")
    eventually(lambda: api("GET", f"/workflows/{workflow['id']}")["graph"]["nodes"][0]["title"] == "Begin")
