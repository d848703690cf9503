"""How the example servers are reached: over Streamable HTTP on this machine only, or over stdio."""

from __future__ import annotations

from typing import Any

import uvicorn
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings


def serve_http(server: Any, port: int) -> None:
    """Answer at http://127.0.0.1:<port>/mcp until the process ends."""
    hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
    app = server.streamable_http_app(
        streamable_http_path="/mcp",
        stateless_http=True,
        transport_security=TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[]),
    )
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


async def serve_stdio(server: Any) -> None:
    """Answer on standard input and output until they are closed."""
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())
