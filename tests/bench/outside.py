"""The outside of the bench: the demo model and the CRM server, each with a stopwatch around what they do.

`python -m tests.bench.outside model|crm --port PORT --data FILE`; `GET /spent` tells the median of the calls so far
and forgets them, so that a caller's own time can be told from that of the servers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.calls import open_database
from examples.crm_server.tools import SCHEMA, TOOLS, VERSION, fill
from examples.demo_model.app import make_app
from examples.tools import make_server


class Stopwatch:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._times_ms: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] == "/spent":
            times, self._times_ms = self._times_ms, []
            answer = {"calls": len(times), "median_ms": statistics.median(times) if times else 0.0}
            await JSONResponse(answer)(scope, receive, send)
            return
        started = answered = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal answered
            await send(message)
            if message.get("body"):
                answered = time.perf_counter()

        # What the server does after its last byte nobody waits for.
        await self._app(scope, receive, watched)
        if scope["method"] == "POST":
            self._times_ms.append((answered - started) * 1000)


def crm(port: int, data: str) -> Any:
    database = open_database(data, SCHEMA)
    fill(database)
    server = make_server("crm", VERSION, "Contacts and tickets of the demo shop.", TOOLS, database)
    return server.streamable_http_app(
        streamable_http_path="/mcp",
        stateless_http=True,
        transport_security=TransportSecuritySettings(allowed_hosts=[f"127.0.0.1:{port}"], allowed_origins=[]),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The servers that the bench calls.")
    parser.add_argument("what", choices=["model", "crm"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", default=":memory:")
    options = parser.parse_args()
    inner = make_app() if options.what == "model" else crm(options.port, options.data)
    uvicorn.run(Stopwatch(inner), host="127.0.0.1", port=options.port, log_level="warning")
