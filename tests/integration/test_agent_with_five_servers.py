"""The demo's agent settles a late parcel with five servers, driven by another program through /mcp."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.product import Api, Embedded

TOOLS = {
    "orders": "get_order",
    "carrier": "track_parcel",
    "payments": "pay_back",
    "crm": "create_ticket",
    "messages": "send_message",
}
SERVERS = list(TOOLS)
ENDED = ("succeeded", "failed", "cancelled")


@asynccontextmanager
async def program(product: Embedded) -> AsyncIterator[Client]:
    """The official client, signed in as the builder."""
    headers = {"Authorization": f"Bearer {product.token('builder')}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        transport = streamable_http_client(f"{product.base}/mcp", http_client=http)
        async with Client(transport, read_timeout_seconds=40) as client:
            yield client


async def until(client: Client, run_id: str, *statuses: str) -> dict[str, Any]:
    """What get_run says, once the run has one of these statuses."""
    for _ in range(300):
        seen: dict[str, Any] = (await client.call_tool("get_run", {"run_id": run_id})).structured_content
        if seen["status"] in statuses:
            return seen
        await asyncio.sleep(0.1)
    raise AssertionError(f"the run is {seen['status']}")


async def answered(client: Client, run_id: str, choice: str) -> dict[str, Any]:
    """The item that the run waits for, after the answer."""
    items = (await client.call_tool("list_inbox", {})).structured_content["items"]
    item: dict[str, Any] = next(row for row in items if row["run_id"] == run_id)
    given = {"item_id": item["item_id"], "choice": choice}
    assert (await client.call_tool("answer_inbox_item", given)).structured_content["status"] == "answered"
    return item


def calls(product: Embedded, server: str) -> int:
    """How often the agent's tool of this server was called, as the server itself wrote it down.

    Other tools do not count: the demo's watch looks at the open tickets whenever its minute is over.
    """
    data = Path(product.env["PATCHBAY_DATA_DIR"])
    # Commands have a folder each, whose names are in the order of their registration: the demo's come first.
    files = [data / f"demo-{server}.sqlite3", *sorted(data.glob(f"servers/*/{server}.sqlite3"))]
    file = next(file for file in files if file.exists())
    with contextlib.closing(sqlite3.connect(file)) as database:
        row = database.execute("SELECT count(*) FROM calls WHERE tool = ?", (TOOLS[server],)).fetchone()
    return int(row[0])


async def test_an_agent_works_five_servers_and_a_program_drives_it(product: Embedded, api: Api) -> None:
    before = {server: calls(product, server) for server in SERVERS}
    async with program(product) as client:
        complaint = {"message": "Order #12347 is late again. I want my money back."}
        handle = (await client.call_tool("late_parcel", complaint)).structured_content
        run_id = handle["run_id"]
        await until(client, run_id, "waiting")
        assert calls(product, "payments") == before["payments"], "nothing is paid before a person agrees"
        item = await answered(client, run_id, "approve")
        ended = await until(client, run_id, *ENDED)

    assert item["title"] == "Allow pay_back?"
    assert ended["status"] == "succeeded", ended
    assert ended["result"]["calls"] == SERVERS
    answer = ended["result"]["answer"]
    assert "12347 is 5 days late: Held at customs. We have paid back 129.00 €" in answer
    assert "Ada Lindqvist was written to" in answer

    steps = await asyncio.to_thread(api.steps, run_id)
    made = [step for path, step in steps.items() if path.startswith("agent[") and "/call_" in path]
    assert [(step["input"]["server"], step["input"]["tool"], step["attempts"]) for step in made] == [
        (server, tool, 1) for server, tool in TOOLS.items()
    ]
    assert sum(path.endswith("/turn") for path in steps) == len(TOOLS) + 1
    made_by_server = {server: calls(product, server) - count for server, count in before.items()}
    assert made_by_server == dict.fromkeys(SERVERS, 1)


@pytest.mark.parametrize(
    ("message", "said", "servers"),
    [
        ("Where is order 12345? It is not here yet.", "12345 is not late", ["orders", "carrier"]),
        ("My parcel is late!", "could not find the order", []),
        ("Order 99999 is late!", "could not find the order", ["orders"]),
    ],
)
def test_the_agent_pays_nothing_back_without_a_reason(
    api: Api, message: str, said: str, servers: list[str]
) -> None:
    workflow = api.workflow("delayed-parcel-agent")
    body = {"trigger": "form", "input": {"message": message}}
    run = api("POST", f"/workflows/{workflow['id']}/runs", body)
    run = api.run_until(run["id"], *ENDED)

    assert said in run["result"]["answer"]
    assert run["result"]["calls"] == servers


async def test_a_refusal_is_told_to_the_agent_and_the_rest_is_done(product: Embedded) -> None:
    paid = calls(product, "payments")
    async with program(product) as client:
        complaint = {"message": "Order #12352 never came!"}
        run_id = (await client.call_tool("late_parcel", complaint)).structured_content["run_id"]
        await until(client, run_id, "waiting")
        await answered(client, run_id, "decline")
        ended = await until(client, run_id, *ENDED)

    assert "The money was not paid back; a colleague will look at it." in ended["result"]["answer"]
    assert ended["result"]["calls"] == SERVERS
    assert calls(product, "payments") == paid
