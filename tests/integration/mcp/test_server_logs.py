"""What servers log while they work reaches the call that it is about, over every transport."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from runtime.gateways import McpServerSettings
from runtime.mcp.pool import McpPool
from runtime.mcp.server_log import LogLine
from tests.integration.mcp.conftest import http_settings, stdio_settings
from tests.support.processes import server
from tests.support.product import Api, a_document, a_node

COMMAND = (sys.executable, "-W", "ignore", "-m", "tests.support.talkative_mcp")


@pytest.fixture(scope="module")
def talkative() -> Iterator[str]:
    """The address of the talkative server."""
    with server("tests.support.talkative_mcp") as port:
        yield f"http://127.0.0.1:{port}/mcp"


async def said(pool: McpPool, settings: McpServerSettings, text: str) -> list[LogLine]:
    lines: list[LogLine] = []
    arguments = {"text": text, "times": 3}
    await pool.call_tool(settings, "say", arguments, timeout_s=20, on_log=lines.append)
    return lines


async def test_over_http_each_call_gets_its_own_lines(pool: McpPool, talkative: str) -> None:
    first, second = await asyncio.gather(
        said(pool, http_settings(talkative), "A"), said(pool, http_settings(talkative), "B")
    )

    assert [(line.level, line.logger, line.text) for line in first] == [
        ("warning", f"line {number}", "A") for number in (1, 2, 3)
    ]
    assert {line.text for line in second} == {"B"}
    assert not any(line.shared for line in first + second)


async def test_over_stdio_lines_of_calls_side_by_side_say_that_they_may_be_about_another(
    pool: McpPool,
) -> None:
    settings = stdio_settings(COMMAND)

    alone = await said(pool, settings, "A")
    both = await asyncio.gather(said(pool, settings, "A"), said(pool, settings, "B"))

    assert [(line.text, line.shared) for line in alone] == [("A", False)] * 3
    assert {line.text for line in both[0]} == {"A", "B"}
    assert any(line.shared for line in both[0])


async def test_a_server_that_repeats_its_sign_in_does_not_give_it_away(pool: McpPool, talkative: str) -> None:
    lines: list[LogLine] = []
    settings = http_settings(talkative, headers={"Authorization": "Bearer tok-98765"})

    await pool.call_tool(settings, "repeat_header", {}, timeout_s=20, on_log=lines.append)

    [line] = lines
    assert line.text == '{"authorization": "•••"}'


def test_a_run_keeps_what_the_server_logged_without_the_sign_in(api: Api, talkative: str) -> None:
    auth = {"kind": "bearer", "token": "tok-in-a-run-4711"}
    body = {"slug": "talkative", "name": "Talkative", "transport": "http", "url": talkative, "auth": auth}
    registered = api("POST", "/mcp-servers", {**body, "enable": "all"})
    assert api("POST", f"/mcp-servers/{registered['id']}/refresh")["status"] == "ok"
    call = {"server": "talkative", "tool": "repeat_header", "arguments": {}}
    graph = a_document([a_node("start", "manual_trigger"), a_node("call", "mcp_tool", call)], "start>call")
    workflow = api("POST", "/workflows", {"name": "Talks", "graph": graph})

    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}, "draft": True})
    api.run_until(run["id"], "succeeded")

    events = api("GET", f"/runs/{run['id']}/events?after=0")["items"]
    [line] = [event for event in events if event["type"] == "step.log"]
    assert (line["path"], line["attempt"]) == ("call", 1)
    assert line["data"] == {
        "level": "warning",
        "logger": "line 1",
        "text": '{"authorization": "•••"}',
        "shared": False,
    }
    assert "tok-in-a-run" not in str(events)
    api("DELETE", f"/workflows/{workflow['id']}", expect=204)
    api("DELETE", f"/mcp-servers/{registered['id']}", expect=204)
