"""The MCP endpoint of several web processes: any of them may take any request, and held calls hold no connection."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.cluster import Cluster
from tests.support.product import Api, Process, a_document, a_node, free_port, published, wait_ready

# More than the connections that a process may have to the database.
HELD_CALLS = 40
TEXT_ARGUMENT = {"type": "object", "properties": {"text": {"type": "string"}}}


@pytest.fixture(scope="module")
def admin(cluster: Cluster) -> Api:
    return cluster.api("admin")


@pytest.fixture(scope="module")
def second_web(cluster: Cluster) -> Iterator[str]:
    """The address of another web process of the same installation."""
    port = free_port()
    arguments = [sys.executable, "-m", "uvicorn", "builder.asgi:application", "--port", str(port)]
    process = Process(
        [*arguments, "--log-level", "warning"],
        env={**cluster.env, "PORT": str(port)},
        log=cluster.folder / "second-web.log",
    )
    wait_ready(f"http://127.0.0.1:{port}", process)
    yield f"http://127.0.0.1:{port}"
    process.stop()


def a_tool(name: str, *nodes: dict[str, Any], edges: str) -> dict[str, Any]:
    settings = {"name": name, "description": "For a test.", "input_schema": TEXT_ARGUMENT}
    return a_document([a_node("start", "tool_trigger", settings), *nodes], edges)


@asynccontextmanager
async def connected(base: str, api: Api, mode: str) -> AsyncIterator[Client]:
    headers = {"Authorization": api.http.headers["Authorization"]}
    limits = httpx2.Limits(max_connections=200)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False, limits=limits) as http,
        Client(streamable_http_client(f"{base}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_more_calls_are_held_than_there_are_connections(
    cluster: Cluster, admin: Api, mode: str
) -> None:
    name = f"hold_{mode}"
    reply = a_node("say", "reply", {"text": "{{ trigger.text }}"})
    graph = a_tool(name, a_node("pause", "wait", {"for_s": 2}), reply, edges="start>pause, pause>say")
    published(admin, name, graph)
    async with connected(cluster.base, admin, mode) as client:
        calls = (client.call_tool(name, {"text": str(number)}) for number in range(HELD_CALLS))
        results = await asyncio.gather(*calls)

    assert [result.content[0].text for result in results] == [str(number) for number in range(HELD_CALLS)]


async def test_a_call_is_cancelled_through_another_process(
    cluster: Cluster, admin: Api, second_web: str
) -> None:
    graph = a_tool("endless", a_node("pause", "wait", {"for_s": 600}), edges="start>pause")
    workflow = published(admin, "Endless", graph)
    headers = {
        "Authorization": admin.http.headers["Authorization"],
        "Accept": "application/json, text/event-stream",
    }
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        about = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }
        hello = await post(http, cluster.base, "initialize", about, request_id=0)
        http.headers |= {"Mcp-Session-Id": hello.headers["mcp-session-id"]}
        http.headers |= {"MCP-Protocol-Version": "2025-11-25"}
        given = {"name": "endless", "arguments": {"text": "x"}}
        call = asyncio.create_task(post(http, cluster.base, "tools/call", given, request_id=7))
        run_id = await waiting_run(admin, workflow["id"])

        other = await post(http, second_web, "notifications/cancelled", {"requestId": 8})
        assert other.status_code == 202
        assert admin("GET", f"/runs/{run_id}")["status"] == "waiting"
        told = await post(http, second_web, "notifications/cancelled", {"requestId": 7})
        assert told.status_code == 202
        await asyncio.to_thread(admin.run_until, run_id, "cancelled")
        assert '"code":"cancelled"' in (await call).text.replace(" ", "").replace("\\", "")


async def post(
    http: httpx2.AsyncClient, base: str, method: str, params: dict[str, Any], request_id: int | None = None
) -> httpx2.Response:
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    if request_id is not None:
        message["id"] = request_id
    return await http.post(f"{base}/mcp", json=message)


async def waiting_run(api: Api, workflow: str) -> str:
    for _ in range(200):
        found = await asyncio.to_thread(api, "GET", f"/runs?workflow={workflow}&status=waiting")
        if found["items"]:
            return str(found["items"][0]["id"])
        await asyncio.sleep(0.1)
    raise AssertionError("the run did not come to wait")
