"""An MCP server of the revision of 2026-07-28, in this process, that tells on a stream that its tools changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as wire
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged

from tests.support.processes import free_port


class Telling:
    """opened: how often the stream was asked for; listings: how often the tools were."""

    def __init__(self) -> None:
        self.port = free_port()
        self.tools = ["look"]
        self.opened = self.listings = 0
        self.refuses = False
        self._bus = InMemorySubscriptionBus()
        self._handler = ListenHandler(self._bus)
        self._streams: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def open_streams(self) -> int:
        return len(self._streams)

    async def change(self, *tools: str) -> None:
        self.tools = list(tools)
        await self._bus.publish(ToolsListChanged())

    def break_off(self) -> None:
        """Every stream ends; no word of what changes meanwhile."""
        for stream in self._streams:
            stream.cancel()

    def application(self) -> Any:
        async def list_tools(context: Any, params: Any) -> wire.ListToolsResult:
            self.listings += 1
            schema = {"type": "object", "properties": {}}
            return wire.ListToolsResult(
                tools=[wire.Tool(name=name, input_schema=schema) for name in self.tools]
            )

        async def call_tool(context: Any, params: wire.CallToolRequestParams) -> wire.CallToolResult:
            return wire.CallToolResult(content=[wire.TextContent(type="text", text="seen")])

        async def listen(context: Any, params: Any) -> Any:
            self.opened += 1
            stream = asyncio.create_task(self._handler(context, params))
            self._streams.add(stream)
            try:
                return await stream
            except asyncio.CancelledError:
                if not stream.cancelled():
                    stream.cancel()
                    raise
                return wire.SubscriptionsListenResult.model_validate({"_meta": {}})
            finally:
                self._streams.discard(stream)

        server: Server[Any] = Server(
            "telling",
            version="1",
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            on_subscriptions_listen=listen,
        )
        return server.streamable_http_app(streamable_http_path="/mcp", stateless_http=True)


@asynccontextmanager
async def telling_server() -> AsyncIterator[Telling]:
    telling = Telling()
    config = uvicorn.Config(
        telling.application(),
        port=telling.port,
        log_level="error",
        lifespan="on",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  the server has no event for it
        await asyncio.sleep(0.01)
    try:
        yield telling
    finally:
        telling.break_off()
        server.should_exit = True
        await serving
