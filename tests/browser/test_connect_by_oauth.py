"""An admin connects a server whose people sign in by OAuth: there and back, expiry, more rights, connecting again, leaving."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.browser.test_every_page import findings
from tests.support.oauth_site import READ, WRITE, OAuthSite, Site
from tests.support.product import Api, eventually


@pytest.fixture
def site() -> Iterator[Site]:
    with OAuthSite() as site:
        yield site


def sign_in_there(page: Page) -> None:
    expect(page.get_by_role("heading", name="Notes")).to_be_visible()
    page.get_by_role("button", name="Let Patchbay in").click()


def test_an_admin_connects_a_server_and_it_stays_connected(page: Page, site: Site, api: Api) -> None:
    base = page.url.rstrip("/")
    page.goto(f"{base}/mcp-servers/new")
    page.get_by_label("Address of its MCP endpoint").fill(site.url)
    page.get_by_label("Name (optional)").fill("Notes")
    page.get_by_label("Sign-in", exact=True).select_option("oauth")
    page.get_by_role("button", name="Add and connect").click()
    expect(page.get_by_text("People sign in at this server.")).to_be_visible()
    picture(page, "oauth-connect")
    assert findings(page) == []
    where = page.url

    page.get_by_role("button", name="Connect", exact=True).click()
    sign_in_there(page)
    expect(page.get_by_text("Notes is connected.")).to_be_visible()
    expect(page.locator(".list-row .title").get_by_text("read", exact=True)).to_be_visible()
    expect(page.get_by_text("Connected by admin@demo.example")).to_be_visible()
    picture(page, "oauth-connected")
    assert findings(page) == []

    server = next(row for row in api("GET", "/mcp-servers")["items"] if row["url"] == site.url)
    assert server["auth"] == {"kind": "oauth", "is_set": True, "account": "workspace"}
    tool = f"/mcp-servers/{server['id']}/tools"

    def call(name: str, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = api("POST", f"{tool}/{name}/call", {"arguments": {}}, **options)
        return answer

    # The token ends: a host renews it and nobody notices.
    site.expire()
    assert call("read")["text"] == "done: read"
    assert (site.refreshes, site.reuses) == (1, 0)

    # A call wants more than was granted: the page says so, and the person grants it.
    assert call("write", expect=422)["code"] == "mcp_unauthorized"
    page.goto(where)
    expect(page.get_by_text("Wants more rights")).to_be_visible()
    picture(page, "oauth-more-rights")
    page.get_by_role("button", name="Connect again").click()
    sign_in_there(page)
    expect(page.get_by_text("Notes is connected.")).to_be_visible()
    assert site.scopes == [READ, f"{READ} {WRITE}"]
    assert call("write")["text"] == "done: write"

    # The server ends the sign-in: the page offers to connect again.
    site.shut_out()
    assert "Connect again" in call("read", expect=422)["message"]
    page.goto(where)
    expect(page.get_by_text("Workflows that use it fail until somebody connects again.")).to_be_visible()
    picture(page, "oauth-connect-again")
    assert findings(page) == []
    page.get_by_role("button", name="Connect again").click()
    sign_in_there(page)
    expect(page.get_by_text("Notes is connected.")).to_be_visible()
    assert call("read")["text"] == "done: read"

    # Leaving: the tokens are given back.
    page.goto(f"{where}/settings")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Notes was removed.")).to_be_visible()
    assert eventually(lambda: site.revoked, what="the tokens being revoked") == 1
    entries = [row for row in api("GET", "/audit")["items"] if row["object"]["id"] == server["id"]]
    assert [row["verb"] for row in entries].count("mcp_server.connect") == 3


def test_a_sign_in_that_fails_or_is_forged_connects_nothing(page: Page, site: Site, api: Api) -> None:
    base = page.url.rstrip("/")
    body = {
        "slug": "forged",
        "name": "Forged",
        "transport": "http",
        "url": site.url,
        "auth": {"kind": "oauth"},
    }
    server = api("POST", "/mcp-servers", body)
    refused = api("POST", f"/mcp-servers/{server['id']}/refresh", {})
    assert refused["error"]["code"] == "mcp_unauthorized"
    answer = page.goto(f"{base}/mcp-servers/oauth/callback?code=x&state=guessed")
    assert answer is not None
    assert answer.status == 404
    page.goto(f"{base}/mcp-servers/{server['id']}")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", name="Notes")).to_be_visible()
    state = next(iter(site.asked.values()))[1].state
    page.goto(f"{base}/mcp-servers/oauth/callback?error=access_denied&state={state}")
    expect(page.get_by_text("Forged was not connected: access_denied")).to_be_visible()
    page.goto(f"{base}/mcp-servers/oauth/callback?code=guessed&state={state}")
    expect(page.get_by_text('The sign-in at "forged" failed')).to_be_visible()
    assert api("GET", f"/mcp-servers/{server['id']}")["auth"] == {
        "kind": "oauth",
        "is_set": False,
        "account": "workspace",
    }
    api("DELETE", f"/mcp-servers/{server['id']}", expect=204)
