"""A server of the revision of 2026-07-28 tells on a stream that its lists changed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from runtime.mcp import changes
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy
from tests.integration.mcp.conftest import http_settings
from tests.support.processes import until
from tests.support.telling_server import Telling, telling_server


@pytest.fixture
async def telling() -> AsyncIterator[Telling]:
    async with telling_server() as server:
        yield server


async def in_use(pool: McpPool, telling: Telling) -> None:
    settings = http_settings(telling.url)
    assert (await pool.list_all(settings, timeout_s=10)).protocol_version == "2026-07-28"
    assert (await pool.call_tool(settings, "look", {}, timeout_s=10)).text == "seen"
    await until(lambda: telling.open_streams == 1)


async def test_a_change_is_told_while_the_connection_is_kept(pool: McpPool, telling: Telling) -> None:
    await in_use(pool, telling)
    assert pool.take_changed() == []

    await telling.change("look", "leap")

    await until(lambda: [row.url for row in pool.take_changed()] == [telling.url])
    listing = await pool.list_again(http_settings(telling.url), timeout_s=10)
    assert listing is not None
    assert [tool.name for tool in listing.tools] == ["look", "leap"]
    assert pool.take_changed() == []


async def test_a_stream_that_broke_off_is_opened_anew_and_counts_as_a_change(
    pool: McpPool, telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "AGAIN_AFTER_S", 0.1)
    await in_use(pool, telling)

    telling.break_off()

    await until(lambda: telling.opened == 2 and telling.open_streams == 1)
    await until(lambda: bool(pool.take_changed()))
    assert (await pool.call_tool(http_settings(telling.url), "look", {}, timeout_s=10)).text == "seen"


async def test_nothing_stays_open_for_a_server_that_nobody_uses(telling: Telling) -> None:
    pool = McpPool(OutboundPolicy.parse("127.0.0.1"), idle_s=0.4)
    try:
        await in_use(pool, telling)
        await until(lambda: telling.open_streams == 0)
        assert pool.describe() == []
    finally:
        await pool.close()
