"""Each person connects their own account at a server: whose account a run uses, and what happens without one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.browser.test_every_page import findings
from tests.support.asked import ended
from tests.support.oauth_site import OAuthSite, Site
from tests.support.product import Api, Embedded, a_document, a_node, eventually, published


@pytest.fixture
def site() -> Iterator[Site]:
    with OAuthSite() as site:
        yield site


def connect(page: Page, server_id: str, site: Site) -> str:
    """The person of this browser signs in there; gives their token."""
    before = set(site.access)
    page.goto(f"{page.url.split('/', 3)[0]}//{page.url.split('/', 3)[2]}/mcp-servers/{server_id}")
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_role("button", name="Let Patchbay in").click()
    expect(page.get_by_text("is connected.")).to_be_visible()
    return next(iter(set(site.access) - before))


def a_workflow(api: Api, name: str, slug: str) -> dict[str, Any]:
    nodes = [
        a_node("hook", "webhook_trigger", {"respond": "at_once"}),
        a_node("hand", "manual_trigger"),
        a_node("call", "mcp_tool", {"server": slug, "tool": "read", "arguments": {}}),
        a_node("tell", "reply", {"data": "{{ steps.call.text }}"}),
    ]
    return published(api, name, a_document(nodes, "hook>call, hand>call, call>tell"))


def by_hand(api: Api, workflow: dict[str, Any]) -> dict[str, Any]:
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}, "trigger": "hand"})
    return ended(api, run["id"])


def by_itself(api: Api, workflow: dict[str, Any]) -> dict[str, Any]:
    run = api.http.post(workflow["hook"], json={}).json()
    return ended(api, run["run_id"])


def test_a_run_uses_the_account_of_the_person_it_runs_for(
    make_visitor: Any, product: Embedded, api: Api, site: Site
) -> None:
    auth = {"kind": "oauth", "account": "person"}
    server = {"slug": "own-notes", "name": "Own notes", "transport": "http", "url": site.url, "auth": auth}
    server_id = api("POST", "/mcp-servers", {**server, "enable": "all"})["id"]
    admin: Page = make_visitor().sign_in("admin")
    admins = connect(admin, server_id, site)
    expect(admin.get_by_role("heading", name="Your account")).to_be_visible()
    builder_api = product.api("builder")
    workflow = a_workflow(api, "Own accounts", "own-notes")

    # The builder has none yet: the error says who must connect, and where.
    run = by_hand(builder_api, workflow)
    assert (run["status"], run["error"]["code"]) == ("failed", "mcp_unauthorized")
    assert run["error"]["details"]["person"] == "builder@demo.example"
    assert run["error"]["details"]["connect_at"] == f"/mcp-servers/{server_id}"
    assert "builder@demo.example must connect" in run["error"]["message"]

    visitor = make_visitor(390, 844, "dark")
    builder: Page = visitor.sign_in("builder")
    builders = connect(builder, server_id, site)
    assert findings(builder) == []
    picture(builder, "own-account-390-dark")
    site.tokens.clear()
    assert by_hand(api, workflow)["status"] == "succeeded"
    assert by_hand(builder_api, workflow)["status"] == "succeeded"
    # Nobody started this one: the admin published it.
    assert by_itself(api, workflow)["status"] == "succeeded"
    builder_api("POST", f"/workflows/{workflow['id']}/publish", {})
    assert by_itself(api, workflow)["status"] == "succeeded"
    assert site.tokens == [admins, builders, admins, builders]

    admin.goto(f"{product.base}/mcp-servers/{server_id}")
    expect(admin.locator(".list-row", has_text="builder@demo.example")).to_contain_text("Connected")
    assert findings(admin) == []
    picture(admin, "own-accounts-1440-light")

    # Disconnecting takes one's own account out and revokes it there; the others stay.
    builder.on("dialog", lambda dialog: dialog.accept())
    builder.get_by_role("button", name="Disconnect").click()
    expect(builder.get_by_text("Own notes is disconnected.")).to_be_visible()
    eventually(lambda: site.revoked == 1, what="the account being revoked")
    refused = by_hand(builder_api, workflow)
    assert (refused["status"], refused["error"]["code"]) == ("failed", "mcp_unauthorized")
    api("DELETE", f"/mcp-servers/{server_id}", expect=204)
    eventually(lambda: site.revoked == 2, what="the other account being revoked")


def test_only_admins_connect_the_workspaces_account(make_visitor: Any, api: Api, site: Site) -> None:
    body = {"slug": "shared-notes", "transport": "http", "url": site.url, "auth": {"kind": "oauth"}}
    server_id = api("POST", "/mcp-servers", body)["id"]
    page: Page = make_visitor().sign_in("builder")
    page.goto(f"{page.url.rstrip('/')}/mcp-servers/{server_id}")
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Connect")).to_have_count(0)
    api("DELETE", f"/mcp-servers/{server_id}", expect=204)
