"""An MCP server over HTTP, on raw sockets, that breaks the rules: the tool that is called names the way it does."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.processes import free_port

MIB = 1024 * 1024


@dataclass
class Hostile:
    """calls: names of the tools that were called; headers: of the last request."""

    port: int
    calls: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    session: str = ""
    other_origin: str = ""
    redirected_to_us: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def restart(self) -> None:
        """Forget the session, as a restarted server does."""
        self.session += "+"


@asynccontextmanager
async def hostile_http(session: str = "", other_origin: str = "") -> AsyncIterator[Hostile]:
    state = Hostile(free_port(), session=session, other_origin=other_origin)
    tasks: set[asyncio.Task[Any]] = set()
    writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await _exchange(state, reader, writer):
                pass
        writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", state.port)
    try:
        yield state
    finally:
        listener.close()
        await asyncio.sleep(0)  # a connection that was just accepted begins, and is then known here
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()  # closing would wait for a peer that reads no more
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def _exchange(state: Hostile, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """One request and its answer; whether the connection stays."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method = head[0].split()[0]
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    state.headers = headers
    if method != "POST":
        state.redirected_to_us += 1
        await _send(writer, 405, b"")
        return True
    message = json.loads(body)
    if "id" not in message:
        await _send(writer, 202, b"")
        return True
    return await _answer(state, writer, message, headers)


async def _answer(
    state: Hostile, writer: asyncio.StreamWriter, message: dict[str, Any], headers: dict[str, str]
) -> bool:
    known = headers.get("mcp-session-id", "")
    if message["method"] == "initialize":
        info = {"name": "hostile", "version": "0.1"}
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        extra = {"mcp-session-id": state.session} if state.session else {}
        await _json(writer, message, result, **extra)
    elif state.session and known != state.session and message["method"] != "server/discover":
        await _send(writer, 404, b"Session not found", "text/plain")
    elif message["method"] == "tools/call":
        name = message["params"]["name"]
        state.calls.append(name)
        return await _misbehave(state, writer, message, name)
    else:
        error = {"code": -32601, "message": "Method not found"}
        await _send(writer, 200, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode())
    return True


async def _misbehave(
    state: Hostile, writer: asyncio.StreamWriter, message: dict[str, Any], name: str
) -> bool:
    if name.startswith("status_"):
        await _send(writer, int(name[7:]), b"<html>no</html>", "text/html", **{"retry-after": "7"})
        return True
    match name:
        case "gzip":
            body = gzip.compress(_result(message, "x" * MIB))
            await _send(writer, 200, body, **{"content-encoding": "gzip"})
        case "large":
            await _send(writer, 200, _result(message, "x" * (10 * MIB)))
        case "large_without_length":
            await _chunked(writer, "application/json", [b"x" * MIB] * 10)
        case "large_event":
            await _chunked(writer, "text/event-stream", [b"data: ", *[b"x" * MIB] * 10, b"\n\n"])
        case "event":
            event = b"event: message\ndata: " + _result(message, "in an event") + b"\n\n"
            await _chunked(writer, "text/event-stream", [event[:30], event[30:]])
        case "comments":
            await _chunked(writer, "text/event-stream", [b": still here\n\n"] * 300, pause_s=0.05)
        case "cut":
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{"
            )
            await writer.drain()
            return False
        case "reset":
            return False
        case "silent":
            await asyncio.sleep(60)
        case "redirect":
            await _send(writer, 307, b"", location=state.other_origin)
        case "no_json":
            await _send(writer, 200, b"<html>Welcome</html>", "application/json")
        case "html":
            await _send(writer, 200, b"<html>Welcome</html>", "text/html")
        case "slow":
            await asyncio.sleep(0.5)
            await _send(writer, 200, _result(message, "slow but fine"))
        case _:
            await _send(writer, 200, _result(message, "fine"))
    return True


def _result(message: dict[str, Any], text: str) -> bytes:
    result = {"content": [{"type": "text", "text": text}]}
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()


async def _json(
    writer: asyncio.StreamWriter, message: dict[str, Any], result: dict[str, Any], **headers: str
) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
    await _send(writer, 200, body, **headers)


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, kind: str = "application/json", **headers: str
) -> None:
    lines = [f"HTTP/1.1 {status} x", f"content-type: {kind}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()


async def _chunked(writer: asyncio.StreamWriter, kind: str, parts: list[bytes], pause_s: float = 0.0) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
    for part in parts:
        writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await writer.drain()
        if pause_s:
            await asyncio.sleep(pause_s)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
