"""One small tool over every transport: what the bench of tool calls asks.

`python -m tests.bench.tool_server stdio`, or `streamable`, `streamable-old` or `sse` with `--port PORT`. The old one does
not know how clients of 2026-07-28 begin, so that they shake hands as with servers of earlier revisions.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import anyio
import mcp_types as wire
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.serving import serve_stdio

TOOL = wire.Tool(
    name="echo",
    description="Gives back what it gets.",
    input_schema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    output_schema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    annotations=wire.ToolAnnotations(read_only_hint=True),
)


def make() -> Any:
    async def list_tools(ctx: Any, params: Any) -> wire.ListToolsResult:
        return wire.ListToolsResult(tools=[TOOL])

    async def call_tool(ctx: Any, params: wire.CallToolRequestParams) -> wire.CallToolResult:
        given = dict(params.arguments or {})
        text = wire.TextContent(type="text", text=json.dumps(given))
        return wire.CallToolResult(content=[text], structured_content=given)

    return Server("echo", version="1", on_list_tools=list_tools, on_call_tool=call_tool)


class WithoutDiscover:
    """Answers the first message of newer clients as older servers do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        message = json.loads(body)
        if message.get("method") == "server/discover":
            error = {"code": -32601, "message": "Method not found"}
            answer = JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error})
            await answer(scope, receive, send)
            return
        parts = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Any:
            return next(parts, None) or await receive()

        await self._app(scope, again, send)


def sse_app() -> Starlette:
    transport, server = SseServerTransport("/messages/"), make()

    async def listen(request: Request) -> Response:
        async with transport.connect_sse(request.scope, request.receive, request._send) as (reader, writer):
            await server.run(reader, writer, server.create_initialization_options())
        return Response()

    return Starlette(routes=[Route("/mcp", listen), Mount("/messages/", transport.handle_post_message)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("transport", choices=["stdio", "streamable", "streamable-old", "sse"])
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    if options.transport == "stdio":
        anyio.run(serve_stdio, make())
        return
    app: ASGIApp = sse_app()
    if options.transport != "sse":
        app = make().streamable_http_app(streamable_http_path="/mcp", stateless_http=True)
    if options.transport == "streamable-old":
        app = WithoutDiscover(app)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
