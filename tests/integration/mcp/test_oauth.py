"""The host's side of a sign-in by OAuth, against a real server: begin, finish, refresh, step-up, revocation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from runtime.errors import McpError
from runtime.gateways import McpAccount
from runtime.mcp import oauth
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy
from tests.integration.mcp.conftest import http_settings
from tests.support.oauth_site import READ, WRITE, OAuthSite, Site

POLICY = OutboundPolicy.parse("127.0.0.1")
CALLBACK = "http://127.0.0.1:9/callback"


@pytest.fixture
def site() -> Iterator[Site]:
    with OAuthSite() as site:
        yield site


class Row:
    """Accounts as the database keeps them, shared by several hosts."""

    def __init__(self, account: McpAccount) -> None:
        self.account = account
        self.claimed = False
        self.lost: list[str] = []

    async def load(self, account: str) -> McpAccount:
        return self.account

    async def claim(self, account: str, version: int) -> bool:
        if self.claimed or version != self.account.version:
            return False
        self.claimed = True
        return True

    async def keep(self, account: str, changes: Mapping[str, Any]) -> None:
        state = {**self.account.state, **changes}
        self.account = replace(self.account, state=state, version=self.account.version + 1)
        self.claimed = False

    async def release(self, account: str) -> None:
        self.claimed = False

    async def lose(self, account: str, *, needs_scope: str = "") -> None:
        self.lost.append(needs_scope)
        self.account = replace(self.account, is_connected=bool(needs_scope))
        self.claimed = False


def a_person_approves(url: str) -> dict[str, str]:
    """What the browser brings back."""
    with httpx2.Client(trust_env=False, follow_redirects=True) as http:
        page = http.get(url)
        request = re.search(r'name="request" value="(\w+)"', page.text)
        assert request is not None, page.text
        answer = http.post(page.url.join("/approve"), data={"request": request[1]}, follow_redirects=False)
    back = answer.headers["location"]
    assert back.startswith(CALLBACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


async def connected(site: Site, more_scope: str = "", known: McpAccount | None = None) -> Row:
    account = known or McpAccount(
        id="a1", server="notes", url=site.url, version=1, is_connected=False, redirect_uri=CALLBACK
    )
    url, state = await oauth.begin(POLICY, account, more_scope=more_scope)
    given = await asyncio.to_thread(a_person_approves, url)
    assert given["state"] == state["pending"]["state"]
    state = await oauth.finish(POLICY, replace(account, state=state), code=given["code"], iss=None)
    return Row(replace(account, state=state, is_connected=True))


@asynccontextmanager
async def host(row: Row) -> AsyncIterator[McpPool]:
    pool = McpPool(POLICY, accounts=row)
    try:
        yield pool
    finally:
        await pool.close()


async def call(pool: McpPool, site: Site, tool: str = "read") -> str:
    settings = http_settings(site.url, slug="notes", account="a1")
    return (await pool.call_tool(settings, tool, {}, timeout_s=20)).text


async def test_a_sign_in_gives_tokens_that_calls_use(site: Site) -> None:
    row = await connected(site)
    async with host(row) as pool:
        assert await call(pool, site) == "done: read"
    assert site.scopes == [READ]
    assert site.codes == {}
    assert next(iter(site.access.values())).resource == site.url


async def test_many_hosts_refresh_once(site: Site) -> None:
    row = await connected(site)
    site.expire()
    async with host(row) as one, host(row) as two, host(row) as three:
        said = await asyncio.gather(*(call(pool, site) for pool in (one, two, three, one, two)))
    assert set(said) == {"done: read"}
    assert (site.refreshes, site.reuses) == (1, 0)


async def test_a_token_is_renewed_before_it_ends_also_by_a_new_process(site: Site) -> None:
    site.token_life_s = 1
    row = await connected(site)
    await asyncio.sleep(1.0)  # the life of the token is what this is about
    async with host(row) as pool:
        assert await call(pool, site) == "done: read"
    assert site.refreshes == 1


async def test_a_sign_in_that_the_server_ended_is_told_to_a_person(site: Site) -> None:
    row = await connected(site)
    site.shut_out()
    async with host(row) as pool:
        with pytest.raises(McpError) as caught:
            await call(pool, site)
        with pytest.raises(McpError):
            await call(pool, site)
    assert caught.value.code == "mcp_unauthorized"
    assert "Connect again" in caught.value.message
    assert row.lost == [""]


async def test_a_call_that_needs_more_scope_asks_for_it_and_works_afterwards(site: Site) -> None:
    row = await connected(site)
    async with host(row) as pool:
        with pytest.raises(McpError) as caught:
            await call(pool, site, "write")
        assert await call(pool, site) == "done: read"
    assert caught.value.details["connect_again"] is True
    assert row.lost == [WRITE]
    more = await connected(site, more_scope=WRITE, known=row.account)
    assert site.scopes[-1] == f"{READ} {WRITE}"
    assert len(site.clients) == 1
    async with host(more) as pool:
        assert await call(pool, site, "write") == "done: write"


async def test_tokens_are_given_back(site: Site) -> None:
    row = await connected(site)
    await oauth.revoke(POLICY, row.account)
    assert (site.revoked, site.access) == (1, {})


async def test_a_private_address_is_not_asked_for_a_sign_in(site: Site) -> None:
    account = McpAccount("a1", "notes", site.url, 1, False, CALLBACK)
    with pytest.raises(McpError) as caught:
        await oauth.begin(OutboundPolicy(), account)
    assert caught.value.code == "mcp_sign_in_failed"
    assert "private address" in caught.value.message


async def test_an_old_or_foreign_way_back_is_refused(site: Site) -> None:
    account = McpAccount("a1", "notes", site.url, 1, False, CALLBACK)
    with pytest.raises(McpError, match="not begun here"):
        await oauth.finish(POLICY, account, code="x", iss=None)
    _, state = await oauth.begin(POLICY, account)
    with pytest.raises(McpError, match="mismatch"):
        await oauth.finish(POLICY, replace(account, state=state), code="x", iss="https://evil.example")
