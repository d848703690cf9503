"""`python -m tests.support.talkative_mcp [--port PORT]`: an MCP server that logs while it works, over HTTP or stdio.

`say` logs its `text` `times` times with a pause in between; `repeat_header` logs the sign-in that came with the call.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import anyio
import mcp_types as wire
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

PAUSE_S = 0.05


async def list_tools(ctx: Any, params: Any) -> wire.ListToolsResult:
    arguments = {"text": {"type": "string"}, "times": {"type": "integer"}}
    schema = {"type": "object", "properties": arguments}
    reads = wire.ToolAnnotations(read_only_hint=True)
    return wire.ListToolsResult(
        tools=[
            wire.Tool(name=name, input_schema=schema, annotations=reads) for name in ("say", "repeat_header")
        ]
    )


async def call_tool(ctx: Any, params: wire.CallToolRequestParams) -> wire.CallToolResult:
    arguments = dict(params.arguments or {})
    text = str(arguments.get("text", ""))
    if params.name == "repeat_header":
        text = json.dumps({"authorization": ctx.request.headers.get("authorization")})
    for number in range(int(arguments.get("times", 1))):
        await ctx.session.send_log_message(
            level="warning",
            data=text,
            logger=f"line {number + 1}",
            related_request_id=ctx.request_id,
        )
        await anyio.sleep(PAUSE_S)
    return wire.CallToolResult(content=[wire.TextContent(type="text", text="done")])


def make_server() -> Any:
    return Server("talkative", version="1.0.0", on_list_tools=list_tools, on_call_tool=call_tool)


async def over_stdio() -> None:
    server = make_server()
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    port = parser.parse_args().port
    if not port:
        anyio.run(over_stdio)
        return
    app = make_server().streamable_http_app(streamable_http_path="/mcp", stateless_http=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
