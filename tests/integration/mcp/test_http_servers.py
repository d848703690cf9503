"""Servers over HTTP, well behaved and hostile, on real sockets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime.errors import McpError
from runtime.gateways import McpServerSettings
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy
from tests.integration.mcp.conftest import http_settings
from tests.support.hostile_http import Hostile, hostile_http
from tests.support.processes import free_port, server


@pytest.fixture(scope="session")
def crm_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    data: Path = tmp_path_factory.mktemp("crm") / "crm.sqlite3"
    with server("examples.crm_server", "--data", str(data)) as port:
        yield port


@pytest.fixture
def crm(crm_port: int) -> McpServerSettings:
    return http_settings(f"http://127.0.0.1:{crm_port}/mcp")


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    async with hostile_http() as state:
        yield state


async def failure(pool: McpPool, settings: McpServerSettings, tool: str, timeout_s: float = 10) -> McpError:
    with pytest.raises(McpError) as caught:
        await pool.call_tool(settings, tool, {}, timeout_s=timeout_s)
    return caught.value


async def test_the_listing_of_the_demo_crm_is_complete(pool: McpPool, crm: McpServerSettings) -> None:
    listing = await pool.list_all(crm, timeout_s=10)

    assert (listing.server_name, listing.protocol_version) == ("crm", "2026-07-28")
    assert len({tool.name for tool in listing.tools}) == 8


async def test_a_second_contact_with_the_same_address_is_the_same_contact(
    pool: McpPool, crm: McpServerSettings
) -> None:
    first = await pool.call_tool(
        crm, "create_contact", {"email": "Ida@example.com", "name": "Ida"}, timeout_s=10
    )
    second = await pool.call_tool(
        crm, "create_contact", {"email": "ida@example.com", "company": "Fjord"}, timeout_s=10
    )

    assert (first.structured["created"], second.structured["created"]) == (True, False)
    assert second.structured["contact_id"] == first.structured["contact_id"]
    assert (second.structured["name"], second.structured["company"]) == ("Ida", "Fjord")


async def test_an_unknown_contact_is_a_failure_with_a_code(pool: McpPool, crm: McpServerSettings) -> None:
    with pytest.raises(McpError) as caught:
        await pool.call_tool(crm, "tag_contact", {"contact_id": "C-99999", "tag": "vip"}, timeout_s=10)

    assert caught.value.details["tool_code"] == "CONTACT_NOT_FOUND"


async def test_the_headers_of_the_settings_go_with_every_call(pool: McpPool, hostile: Hostile) -> None:
    settings = http_settings(hostile.url, headers={"Authorization": "Bearer abc"})

    await pool.call_tool(settings, "fine", {}, timeout_s=10)

    assert hostile.headers["authorization"] == "bearer abc"
    assert "abc" not in repr(settings)


async def test_an_answer_in_an_event_stream_arrives(pool: McpPool, hostile: Hostile) -> None:
    result = await pool.call_tool(http_settings(hostile.url), "event", {}, timeout_s=10)

    assert result.text == "in an event"


@pytest.mark.parametrize("tool", ["large", "large_without_length", "large_event"])
async def test_an_answer_over_the_cap_is_not_taken(pool: McpPool, hostile: Hostile, tool: str) -> None:
    error = await failure(pool, http_settings(hostile.url), tool, timeout_s=20)

    assert (error.code, error.details["sent"]) == ("mcp_too_large", True)


async def test_a_compressed_answer_is_not_taken(pool: McpPool, hostile: Hostile) -> None:
    error = await failure(pool, http_settings(hostile.url), "gzip")

    assert (error.code, error.details["sent"]) == ("mcp_protocol_error", True)
    assert "compressed" in error.message
    assert hostile.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("tool", ["cut", "reset"])
async def test_a_connection_that_breaks_in_mid_call_is_lost(
    pool: McpPool, hostile: Hostile, tool: str
) -> None:
    error = await failure(pool, http_settings(hostile.url), tool)

    assert (error.code, error.retryable, error.details["sent"]) == ("mcp_connection_lost", True, True)
    assert hostile.calls == [tool]


async def test_a_broken_call_does_not_harm_another_one_beside_it(pool: McpPool, hostile: Hostile) -> None:
    settings = http_settings(hostile.url)
    other = asyncio.create_task(pool.call_tool(settings, "slow", {}, timeout_s=10))

    await failure(pool, settings, "reset")

    assert (await other).text == "slow but fine"


@pytest.mark.parametrize("tool", ["silent", "comments"])
async def test_a_call_without_an_answer_ends_at_its_own_limit(
    pool: McpPool, hostile: Hostile, tool: str
) -> None:
    settings = http_settings(hostile.url)
    await pool.call_tool(settings, "fine", {}, timeout_s=10)
    started = time.monotonic()

    error = await failure(pool, settings, tool, timeout_s=0.4)

    assert (error.code, error.details["sent"]) == ("mcp_timeout", True)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("tool", "code", "retryable"),
    [
        ("status_401", "mcp_unauthorized", False),
        ("status_403", "mcp_unauthorized", False),
        ("status_404", "mcp_protocol_error", False),
        ("status_429", "mcp_protocol_error", True),
        ("status_500", "mcp_protocol_error", False),
        ("status_503", "mcp_protocol_error", True),
    ],
)
async def test_an_http_status_is_told(
    pool: McpPool, hostile: Hostile, tool: str, code: str, retryable: bool
) -> None:
    error = await failure(pool, http_settings(hostile.url), tool)

    assert (error.code, error.retryable) == (code, retryable)
    assert error.details["http_status"] == int(tool[7:])
    assert error.details["answered"] is (error.details["http_status"] < 500)


async def test_a_server_that_asks_for_a_pause_says_how_long(pool: McpPool, hostile: Hostile) -> None:
    error = await failure(pool, http_settings(hostile.url), "status_429")

    assert error.details["retry_after_s"] == 7


async def test_no_redirect_leads_to_another_origin(pool: McpPool) -> None:
    async with hostile_http() as target, hostile_http(other_origin=target.url) as state:
        error = await failure(pool, http_settings(state.url), "redirect")

        assert error.code == "mcp_protocol_error"
        assert (target.calls, target.redirected_to_us) == ([], 0)


@pytest.mark.parametrize("tool", ["no_json", "html"])
async def test_an_answer_that_is_no_message_is_a_protocol_error(
    pool: McpPool, hostile: Hostile, tool: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    error = await failure(pool, http_settings(hostile.url), tool)

    assert (error.code, error.details["sent"]) == ("mcp_protocol_error", True)


async def test_a_session_that_the_server_forgot_is_opened_anew_and_the_call_made_once(
    pool: McpPool,
) -> None:
    async with hostile_http(session="s1") as state:
        settings = http_settings(state.url)
        await pool.call_tool(settings, "fine", {}, timeout_s=10)
        state.restart()

        result = await pool.call_tool(settings, "fine", {}, timeout_s=10)

        assert result.text == "fine"
        assert state.calls == ["fine", "fine"]


async def test_a_port_on_which_nothing_listens_is_unreachable(pool: McpPool) -> None:
    error = await failure(pool, http_settings(f"http://127.0.0.1:{free_port()}/mcp"), "fine")

    assert (error.code, error.retryable, error.details["sent"]) == ("mcp_unreachable", True, False)


async def test_a_name_that_does_not_exist_is_unreachable(pool: McpPool) -> None:
    error = await failure(pool, http_settings("http://no-such-host.invalid/mcp"), "fine")

    assert (error.code, error.details["sent"]) == ("mcp_unreachable", False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_the_outbound_door_stands_in_front_of_every_server(hostile: Hostile, host: str) -> None:
    pool = McpPool(OutboundPolicy())

    error = await failure(pool, http_settings(f"http://{host}:{hostile.port}/mcp"), "fine")
    await pool.close()

    assert (error.code, error.details["sent"]) == ("outbound_blocked", False)
    assert hostile.headers == {}


async def test_an_address_with_another_scheme_is_unreachable(pool: McpPool) -> None:
    error = await failure(pool, http_settings("file:///etc/passwd"), "fine")

    assert (error.code, error.details["sent"]) == ("mcp_unreachable", False)


async def test_the_pool_tells_its_connections(pool: McpPool, crm: McpServerSettings) -> None:
    await pool.call_tool(crm, "find_contact", {"email": "sam@globex.example"}, timeout_s=10)

    (row,) = pool.describe()

    assert (row["server"], row["transport"], row["usable"], row["calls"]) == ("crm", "http", True, 0)
