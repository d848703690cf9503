"""Every misbehaviour over both transports, while connecting, listing and calling: an end in time, with a named cause."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest

from runtime.errors import McpError
from runtime.gateways import McpServerSettings
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy
from tests.integration.mcp.conftest import http_settings, stdio_settings
from tests.support.misbehaviours import SCHEMAS, WAYS
from tests.support.processes import server, until

TIMEOUT_S, HANGS_AFTER_S = 3.0, 30.0
AT_ONCE = 4
GROWTH_BYTES = 64 * 1024 * 1024
CODES = {
    "mcp_unreachable",
    "mcp_timeout",
    "mcp_connection_lost",
    "mcp_protocol_error",
    "mcp_tool_error",
    "mcp_invalid_arguments",
    "mcp_too_large",
    "outbound_blocked",
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server("tests.support.misbehaving_http") as port:
        yield port


async def met(transport: str, way: str, moment: str, port: int, tag: str) -> tuple[str, str]:
    """("", "") where the server could be used in spite of it, else the code and the message of the failure."""
    pool = McpPool(OutboundPolicy.parse("127.0.0.1,localhost"))
    try:
        async with asyncio.timeout(HANGS_AFTER_S):
            await _ask(pool, _settings(transport, way, moment, port, tag), way, moment)
    except McpError as error:
        return error.code, error.message
    finally:
        await pool.close()
    return "", ""


def _settings(transport: str, way: str, moment: str, port: int, tag: str) -> McpServerSettings:
    if transport == "http":
        return http_settings(f"http://127.0.0.1:{port}/{quote(way)}/{moment}", wire="streamable")
    return stdio_settings((sys.executable, "-m", "tests.support.misbehaviours", way, moment, tag))


async def _ask(pool: McpPool, settings: McpServerSettings, way: str, moment: str) -> None:
    if moment != "call":
        await pool.list_all(settings, timeout_s=TIMEOUT_S)
        return
    given: dict[str, Any] = {"text": "a" * 40 + "!"} if way in SCHEMAS else {}
    await pool.call_tool(settings, "echo", given, timeout_s=TIMEOUT_S, input_schema=SCHEMAS.get(way))


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _processes(tag: str) -> list[str]:
    found = []
    for row in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if tag.encode() in row.read_bytes():
                found.append(row.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.timeout(400)
@pytest.mark.parametrize("moment", ["connect", "list", "call"])
@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_whatever_a_server_does_it_ends_with_a_named_cause(
    port: int, transport: str, moment: str
) -> None:
    assert len(WAYS) >= 24
    room, tag = asyncio.Semaphore(AT_ONCE), f"tag-{uuid4()}"

    async def one(way: str) -> tuple[str, str]:
        async with room:
            return await met(transport, way, moment, port, tag)

    await one("garbage")
    before = resident_bytes()
    outcomes = dict(zip(WAYS, await asyncio.gather(*map(one, WAYS)), strict=True))

    for way, (code, message) in outcomes.items():
        assert code in CODES | {""}, (way, code, message)
        assert bool(message) is bool(code), way
        assert len(message) < 2_000, way
    assert outcomes["silence"][0] in {"mcp_timeout", "mcp_unreachable"}
    assert all(
        outcomes[way][0] for way in ("ten megabytes", "no end", "an end in the middle", "an end before")
    )
    await until(lambda: not _processes(tag), 20)
    assert resident_bytes() - before < GROWTH_BYTES
    hits = httpx2.get(f"http://127.0.0.1:{port}/hits", trust_env=False).json()["hits"]
    assert hits == 0, "an address that a server named was asked"
