"""W6: what a call of a tool costs, over each transport, beside the bare SDK on a session that is kept open.

`python -m tests.bench.tools [--calls 200]`. Three ways call the same tool: the SDK's own client; our pool, with its
guards, its breaker and the check of arguments and result; and an MCP tool step of a run in the product on SQLite, from
which the time of a run without such steps is taken away. Latencies are one call after another; calls per second are of
32 at once. Figures are milliseconds; compare them with each other.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from runtime.gateways import McpServerSettings
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy
from tests.bench.load import Timing, post_all
from tests.bench.tool_server import TOOL
from tests.support.processes import ROOT, server
from tests.support.product import Api, a_document, a_node, one_process, published

MODULE = "tests.bench.tool_server"
TRANSPORTS = {
    "stdio": "stdio",
    "streamable": "HTTP 2026-07-28",
    "streamable-old": "HTTP, older",
    "sse": "HTTP+SSE",
}
CALLS, AT_ONCE, STEPS = 200, 32, 10
ARGUMENTS = {"n": 1}
HEAD = f"{'transport':17}{'SDK p50':>9}{'pool +':>8}{'step +':>8}{'p95 +':>8} | {'SDK/s':>8}{'pool/s':>8}{'steps/s':>9}"

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Place:
    """Where the tool is: a port over HTTP, 0 for a command."""

    transport: str
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def client(self) -> Client:
        """The SDK's own."""
        if self.transport == "stdio":
            return Client(
                StdioServerParameters(command=sys.executable, args=["-m", MODULE, "stdio"], cwd=str(ROOT))
            )
        return Client(sse_client(self.url) if self.transport == "sse" else streamable_http_client(self.url))

    def settings(self) -> McpServerSettings:
        about: dict[str, Any] = {"id": self.transport, "workspace_id": "w", "slug": "echo"}
        if self.transport == "stdio":
            command = (sys.executable, "-m", MODULE, "stdio")
            return McpServerSettings(transport="stdio", command=command, cwd=str(ROOT), **about)
        return McpServerSettings(transport="http", url=self.url, **about)


@contextmanager
def places() -> Iterator[list[Place]]:
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(server(MODULE, name)) if name != "stdio" else 0 for name in TRANSPORTS
        }
        yield [Place(name, port) for name, port in ports.items()]


async def timed(call: Call, calls: int) -> tuple[Timing, float]:
    """One after another, and how many a second when many are under way."""
    for _ in range(10):
        await call()
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        await call()
        times.append((time.perf_counter() - started) * 1000)
    left = iter(range(calls * 2))

    async def caller() -> None:
        for _ in left:
            await call()

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return Timing(sorted(times), 0), calls * 2 / (time.perf_counter() - began)


async def bare(place: Place, calls: int) -> tuple[Timing, float]:
    async with place.client() as client:
        # Known before, as the pool knows it: else the client lists the tools after its first call.
        await client.list_tools()
        return await timed(lambda: client.call_tool(TOOL.name, ARGUMENTS), calls)


async def pooled(place: Place, calls: int) -> tuple[Timing, float]:
    pool, settings = McpPool(OutboundPolicy.parse("127.0.0.1")), place.settings()
    try:
        return await timed(
            lambda: pool.call_tool(
                settings,
                TOOL.name,
                ARGUMENTS,
                timeout_s=20,
                input_schema=TOOL.input_schema,
                output_schema=TOOL.output_schema,
            ),
            calls,
        )
    finally:
        await pool.close()


# --- in the product --------------------------------------------------------------------------------------


def a_run(server_slug: str, steps: int) -> dict[str, Any]:
    """A webhook, as many calls in a row, and a reply."""
    call = {"server": server_slug, "tool": TOOL.name, "arguments": ARGUMENTS}
    nodes = [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        *(a_node(f"call_{number}", "mcp_tool", call) for number in range(steps)),
        a_node("tell", "reply", {"data": {"done": True}}),
    ]
    ids = [node["id"] for node in nodes]
    return a_document(nodes, ", ".join(f"{a}>{b}" for a, b in itertools.pairwise(ids)))


def register(api: Api, place: Place) -> str:
    slug = f"echo-{place.transport}"
    where = (
        {"transport": "stdio", "template": "echo"}
        if place.transport == "stdio"
        else {"transport": "http", "url": place.url}
    )
    row = api("POST", "/mcp-servers", {"slug": slug, "name": slug, "enable": "all", **where})
    answer = api("POST", f"/mcp-servers/{row['id']}/refresh")
    if answer["status"] != "ok":
        raise SystemExit(f"the server over {place.transport} cannot be reached: {answer}")
    return slug


def with_echo(folder: Path) -> dict[str, str]:
    """What the product is told, so that it may start the server as a command."""
    templates = folder / "templates.toml"
    templates.write_text(f'[echo]\ncommand = "{{python}}"\nargs = ["-m", "{MODULE}", "stdio"]\n')
    return {"PATCHBAY_STDIO_TEMPLATES": str(templates)}


def stepped(api: Api, place: Place, empty: Timing, runs: int) -> tuple[float, float, float]:
    """Milliseconds of a step, in the middle and at the 95th of a hundred runs, and steps a second with 32 callers."""
    hook = published(api, f"Calls {place.transport}", a_run(register(api, place), STEPS))["hook"]
    post_all(hook, {}, callers=1, calls=5)
    one = post_all(hook, {}, callers=1, calls=runs)
    many = post_all(hook, {}, callers=AT_ONCE, calls=AT_ONCE * 4)
    return (one.p50 - empty.p50) / STEPS, (one.p95 - empty.p50) / STEPS, many.runs_per_s * STEPS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tools", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as name, places() as found:
        with one_process(Path(name), with_echo(Path(name))) as product:
            api = product.api()
            hook = published(api, "No calls", a_run("", 0))["hook"]
            post_all(hook, {}, callers=1, calls=5)
            empty = post_all(hook, {}, callers=1, calls=max(calls // STEPS, 20))
            print(HEAD)
            for place in found:
                sdk, sdk_s = asyncio.run(bare(place, calls))
                pool, pool_s = asyncio.run(pooled(place, calls))
                step, step_p95, steps_s = stepped(api, place, empty, max(calls // STEPS, 20))
                print(
                    f"{TRANSPORTS[place.transport]:17}{sdk.p50:9.2f}{pool.p50 - sdk.p50:8.2f}{step - sdk.p50:8.2f}"
                    f"{step_p95 - sdk.p50:8.2f} | {sdk_s:8.0f}{pool_s:8.0f}{steps_s:9.0f}",
                    flush=True,
                )
        print(f"a run without calls: {statistics.median(empty.times_ms):.1f} ms")


if __name__ == "__main__":
    main()
