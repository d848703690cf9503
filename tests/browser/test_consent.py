"""A person answers the page on which a program asks to act for them, in a real browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import picture
from tests.browser.test_every_page import SIZES, findings
from tests.support.product import Embedded

CALLBACK = "http://127.0.0.1:4711/callback"


@pytest.fixture(scope="module")
def link(product: Embedded) -> str:
    """Where a program that has just registered sends its person."""
    body = {"client_name": "Desk assistant", "redirect_uris": [CALLBACK]}
    client_id = httpx2.post(f"{product.base}/oauth/register", json=body, trust_env=False).json()["client_id"]
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "state": "s1",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    }
    return f"{product.base}/oauth/authorize?{urlencode(asked)}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_consent_page_says_who_asks_for_what(
    make_visitor: Any, link: str, size: str, scheme: str
) -> None:
    page = make_visitor(*SIZES[size], scheme).sign_in("builder")
    page.goto(link)
    expect(page.get_by_role("heading", name="Connect “Desk assistant”?")).to_be_visible()
    expect(page.get_by_text("127.0.0.1:4711")).to_be_visible()
    expect(page.get_by_text("Run workflows", exact=True)).to_be_visible()
    picture(page, f"consent-{size}-{scheme}")
    assert findings(page) == []


def test_a_visitor_signs_in_allows_and_disconnects(make_visitor: Any, link: str) -> None:
    visitor = make_visitor()
    page = visitor.page
    page.goto(link)
    page.get_by_label("E-mail").fill("builder@demo.example")
    page.get_by_label("Password").fill("patchbay-demo")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Connect “Desk assistant”?")).to_be_visible()
    page.route(f"{CALLBACK}*", lambda route: route.fulfill(body="Back in the program."))
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{CALLBACK}*")
    assert "code=pbc_" in page.url
    assert "state=s1" in page.url

    page.goto(f"{visitor.base}/settings/programs")
    expect(page.get_by_text("Desk assistant").first).to_be_visible()
    picture(page, "programs")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Disconnect Desk assistant").first.click()
    expect(page.get_by_text("Desk assistant is disconnected.")).to_be_visible()


def test_a_person_declines(make_visitor: Any, link: str) -> None:
    page = make_visitor().sign_in("builder")
    page.goto(link)
    page.route(f"{CALLBACK}*", lambda route: route.fulfill(body="Back in the program."))
    page.get_by_role("button", name="Decline").click()
    page.wait_for_url(f"{CALLBACK}*")
    assert "error=access_denied" in page.url
