"""A stdio server as a child process: its own group, bounded output, no surviving orphan.

The SDK's own transport reads lines of any length and starts the child in our process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCResponse, jsonrpc_message_adapter
from pydantic import ValidationError

from runtime.gateways import McpServerSettings
from runtime.mcp.confinement import Confinement

MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_BYTES_BEFORE_ANSWER = 64 * 1024 * 1024
STDERR_KEPT_BYTES = 4096
CHUNK_BYTES = 64 * 1024
CLOSE_GRACE_S = 2.0
DRAIN_S = 0.5
INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "TERM", "TZ", "USER")


class _Overflow(Exception):
    """The child wrote more than can be taken."""


class ChildState:
    """What is known of a child besides its messages.

    ended           set when its output has ended, or had to be cut off
    overflowed      it was cut off because it wrote more than can be taken
    stopped_by_us   we hung up before it ended
    """

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.overflowed = False
        self.stopped_by_us = False
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def add_error_output(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        while self._size > STDERR_KEPT_BYTES and len(self._chunks) > 1:
            self._size -= len(self._chunks.popleft())

    @property
    def last_words(self) -> str:
        """The end of what it wrote to its error stream."""
        return b"".join(self._chunks)[-STDERR_KEPT_BYTES:].decode("utf-8", "replace").strip()


@asynccontextmanager
async def stdio_transport(settings: McpServerSettings, state: ChildState) -> AsyncIterator[Any]:
    """Starts the command and yields the streams that an MCP client reads and writes."""
    process = await _spawn(settings)
    to_client, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](16)
    outgoing, from_client = anyio.create_memory_object_stream[SessionMessage](16)
    tasks = [
        asyncio.create_task(_read(process, to_client, state)),
        asyncio.create_task(_write(process, from_client)),
        asyncio.create_task(_read_errors(process, state)),
    ]
    try:
        yield incoming, outgoing
    finally:
        with anyio.CancelScope(shield=True):
            state.stopped_by_us = not state.ended.is_set()
            for stream in (incoming, outgoing):
                stream.close()
            await _close(process)
            await asyncio.wait(tasks, timeout=DRAIN_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _spawn(settings: McpServerSettings) -> asyncio.subprocess.Process:
    if not settings.command:
        raise FileNotFoundError("no command")
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    if settings.own_dir:
        _make_own(settings.own_dir)
        environment["TMPDIR"] = settings.own_dir
    with Confinement(settings.hidden, [settings.own_dir] if settings.own_dir else ()) as confinement:
        return await asyncio.create_subprocess_exec(
            *settings.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment | dict(settings.env),
            cwd=settings.cwd,
            limit=MAX_LINE_BYTES,
            start_new_session=True,
            preexec_fn=confinement.enter,
        )


def _make_own(folder: str) -> None:
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)


async def _read(process: asyncio.subprocess.Process, to_client: Any, state: ChildState) -> None:
    """JSON-RPC goes to the client, other lines are chatter; too much of either ends the connection."""
    assert process.stdout is not None
    try:
        async with to_client:
            await _pass_on(process.stdout, to_client)
            # Before the client hears of it: who hangs up then must see that the child was first.
            state.ended.set()
    except _Overflow:
        state.overflowed = True
        _signal_group(process, signal.SIGKILL)
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        pass
    finally:
        state.ended.set()
    # Until somebody has read to the end, asyncio does not take the process for finished.
    while await process.stdout.read(CHUNK_BYTES):
        pass


async def _pass_on(output: asyncio.StreamReader, to_client: Any) -> None:
    unanswered_bytes = 0
    while line := await _line(output):
        unanswered_bytes += len(line)
        message = _message(line)
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            unanswered_bytes = 0
        if unanswered_bytes > MAX_BYTES_BEFORE_ANSWER:
            raise _Overflow
        if message is not None:
            await to_client.send(SessionMessage(message))


async def _line(output: asyncio.StreamReader) -> bytes:
    try:
        return await output.readline()
    except ValueError as error:
        # What readline raises for a line over the limit.
        raise _Overflow from error


def _message(line: bytes) -> JSONRPCMessage | None:
    try:
        return jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError:
        return None


async def _write(process: asyncio.subprocess.Process, from_client: Any) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError, anyio.ClosedResourceError):
        async with from_client:
            async for message in from_client:
                line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                process.stdin.write(line.encode() + b"\n")
                await process.stdin.drain()


async def _read_errors(process: asyncio.subprocess.Process, state: ChildState) -> None:
    assert process.stderr is not None
    while chunk := await process.stderr.read(CHUNK_BYTES):
        state.add_error_output(chunk)


async def _close(process: asyncio.subprocess.Process) -> None:
    """End of input, then SIGTERM, then SIGKILL to the whole group; what it started does not survive it."""
    if process.stdin is not None:
        process.stdin.close()
    for kind in (None, signal.SIGTERM):
        if kind is not None:
            _signal_group(process, kind)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), CLOSE_GRACE_S)
            break
    # Also when the server itself has ended: its own children may still be there.
    _signal_group(process, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), CLOSE_GRACE_S)


def _signal_group(process: asyncio.subprocess.Process, kind: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, kind)
