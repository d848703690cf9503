"""Sign-ins of hostile servers: each ends in time with a named cause, and nothing is asked that may not be."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from runtime.errors import McpError
from runtime.gateways import McpAccount
from runtime.mcp import oauth
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy
from tests.integration.mcp.conftest import http_settings
from tests.integration.mcp.test_misbehaviour import resident_bytes
from tests.integration.mcp.test_oauth import Row
from tests.support.hostile_oauth import WAYS, Site, hostile_oauth
from tests.support.processes import until

POLICY = OutboundPolicy.parse("127.0.0.1")
TIMEOUT_S, SLACK_S = 3.0, 2.0
GROWTH_BYTES = 64 * 1024 * 1024
AT_ONCE = 6
USABLE = {
    "server-many-methods",
    "client-id-lines",
    "client-back-elsewhere",
    "token-life-less-than-none",
}
"""Odd, and no harm comes of it: the sign-in goes on, with an address for people and tokens for this server alone."""


@pytest.fixture(autouse=True)
def short_of_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "EXCHANGE_TIMEOUT_S", TIMEOUT_S)


def an_account(site: Site, way: str) -> McpAccount:
    callback = "http://127.0.0.1:9/callback"
    return McpAccount("a1", "notes", f"{site.address(way)}/mcp", 1, False, callback)


async def signed_in(site: Site, way: str) -> McpAccount:
    """All that a person's sign-in does; raises McpError."""
    account = an_account(site, way)
    url, state = await oauth.begin(POLICY, account)
    assert urlsplit(url).scheme in {"http", "https"}, url
    state = await oauth.finish(POLICY, replace(account, state=state), code="x", iss=None)
    return replace(account, state=state, is_connected=True)


async def how_it_ends(site: Site, way: str) -> tuple[str, str, float]:
    """Code, message and time of the sign-in and, where that came about, of a call with what it gave."""
    began = time.monotonic()
    try:
        row = Row(await signed_in(site, way))
        pool = McpPool(POLICY, accounts=row)
        try:
            await pool.call_tool(
                http_settings(row.account.url, account="a1"), "read", {}, timeout_s=TIMEOUT_S
            )
        finally:
            await pool.close()
    except McpError as error:
        return error.code, error.message, time.monotonic() - began
    raise AssertionError(f"{way}: a server that answers no call was called")


@pytest.mark.timeout(240)
async def test_every_hostile_sign_in_ends_in_time_with_a_named_cause() -> None:
    room = asyncio.Semaphore(AT_ONCE)
    async with hostile_oauth() as site:

        async def one(way: str) -> tuple[str, str, float]:
            async with room:
                return await how_it_ends(site, way)

        before = resident_bytes()
        ended = dict(zip(WAYS, await asyncio.gather(*map(one, WAYS)), strict=True))
        grown = resident_bytes() - before

    for way, (code, message, took_s) in ended.items():
        assert code in {"mcp_sign_in_failed", "mcp_unauthorized", "mcp_protocol_error", "mcp_unreachable"}, (
            way,
            code,
        )
        assert message, way
        assert len(message) < 500, way
        # Beginning and finishing have a limit each, and so has the call.
        assert took_s < 3 * TIMEOUT_S + SLACK_S, way
    assert site.forbidden == []
    assert grown < GROWTH_BYTES
    assert {way for way, (code, _, _) in ended.items() if code != "mcp_sign_in_failed"} == USABLE
    assert not any("t1" in message or "r1" in message for _, message, _ in ended.values()), "tokens are told"


@pytest.mark.timeout(240)
async def test_hostile_replies_to_a_refresh_end_the_call_with_a_named_cause() -> None:
    room = asyncio.Semaphore(AT_ONCE)
    async with hostile_oauth() as site:

        async def one(way: str) -> tuple[str, float]:
            async with room:
                began = time.monotonic()
                return await refreshed(site, way), time.monotonic() - began

        ways = [way for way, row in WAYS.items() if row.document == "token"]
        ended = dict(zip(ways, await asyncio.gather(*map(one, ways)), strict=True))

    for way, (code, took_s) in ended.items():
        assert code in {"mcp_unauthorized", "mcp_protocol_error", "mcp_timeout"}, (way, code)
        assert took_s < 2 * TIMEOUT_S + SLACK_S, way
    assert site.forbidden == []


async def refreshed(site: Site, way: str) -> str:
    """The code that a call with a token which is over ends with."""
    good = "server-many-methods"
    account = await signed_in(site, good)
    metadata = {**account.state["server_metadata"], "token_endpoint": f"{site.address(way)}/token"}
    over = {**account.state, "server_metadata": metadata, "expires_at": 1.0}
    row = Row(replace(account, state=over))
    pool = McpPool(POLICY, accounts=row)
    try:
        with pytest.raises(McpError) as caught:
            await pool.call_tool(http_settings(account.url, account="a1"), "read", {}, timeout_s=TIMEOUT_S)
    finally:
        await pool.close()
    await until(lambda: not row.claimed, TIMEOUT_S + SLACK_S)
    return caught.value.code
