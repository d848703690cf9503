"""The doctor's steps that every transport has: shake hands, list, call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import mcp_types as wire
from mcp import Client

from runtime.errors import McpError
from runtime.mcp.connection import Connection
from runtime.mcp.doctor.report import Check, NotNeeded, Trouble
from runtime.mcp.listing import read_tools

CALL_LIMIT_S = 10.0
WIRES = {
    "stdio": "a command on this machine",
    "streamable": "Streamable HTTP",
    "sse": "the old HTTP+SSE transport",
}


class ProtocolChecks:
    """One connection; `opening` is its handshake, begun by whichever step comes first."""

    def __init__(self, connection: Connection, tool: str, arguments: Mapping[str, Any]) -> None:
        self._connection = connection
        self._slug = connection.settings.slug
        self._tool = tool
        self._arguments = dict(arguments)
        self._opening: asyncio.Task[None] | None = None

    def all(self) -> list[Check]:
        return [
            Check("protocol", "Protocol and version", self._shake_hands, self._silent),
            Check("list", "List of tools", self._list),
            Check("call", "A call that only reads", self._call),
        ]

    def opening(self) -> asyncio.Task[None]:
        if self._opening is None:
            self._opening = asyncio.create_task(self._connection.open())
        return self._opening

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            with contextlib.suppress(asyncio.CancelledError, McpError):
                await self._opening
        await self._connection.close()

    async def _shake_hands(self) -> str:
        try:
            # Shielded: what is cut off by a limit is closed in one place, at the end.
            await asyncio.shield(self.opening())
        except McpError as error:
            raise Trouble(
                error.message, "Check that this is the address or command of an MCP server."
            ) from error
        client = self._connection.client
        info = client.server_info
        name = f"{info.name} {info.version}".strip() if info else "A server without a name"
        return f"{name} speaks version {client.protocol_version} over {WIRES[self._connection.wire]}."

    @staticmethod
    def _silent(limit_s: float) -> Trouble:
        return Trouble(
            f"It does not answer the first message of the protocol within {limit_s:g} s.",
            "Check that it is an MCP server, that it is not waiting for input, and what it writes to its log.",
        )

    async def _list(self) -> str:
        try:
            tools = await read_tools(self._connection, self._slug, time.monotonic() + CALL_LIMIT_S)
        except McpError as error:
            raise Trouble(
                error.message, "The server connects but cannot list its tools: ask whoever runs it."
            ) from error
        return f"{len(tools)} tool{'' if len(tools) == 1 else 's'}."

    async def _call(self) -> str:
        if not self._tool:
            raise NotNeeded("No allowed tool only reads and needs no arguments.")
        params = wire.CallToolRequestParams(name=self._tool, arguments=self._arguments)

        async def ask(client: Client) -> wire.CallToolResult:
            request = wire.CallToolRequest(params=params)
            return await client.session.send_request(request, wire.CallToolResult)

        try:
            answer = await self._connection.call(ask, CALL_LIMIT_S)
        except McpError as error:
            raise Trouble(
                f'"{self._tool}": {error.message}', "Try the tool on its page, with arguments."
            ) from error
        if answer.is_error:
            raise Trouble(
                f'"{self._tool}" says that it failed.', "Try the tool on its page: it shows the whole answer."
            )
        return f'"{self._tool}" answered.'
