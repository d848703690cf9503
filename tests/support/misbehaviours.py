"""Ways in which an MCP server misbehaves, for both transports and for each of its three moments.

`python -m tests.support.misbehaviours WAY MOMENT` is such a server over stdio; misbehaving_http.py serves all of them.
Until the moment (connect, list or call) it behaves.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024
MOMENTS = {
    "server/discover": "connect",
    "initialize": "connect",
    "tools/list": "list",
    "tools/call": "call",
}
CANARY = "http://127.0.0.1:{port}/canary"


@dataclass(frozen=True)
class Answer:
    """What comes back for one request.

    drip_s    between single bytes
    cut       the connection ends in the middle of the last message, or before the first
    no_end    the last message does not end
    hang      nothing more comes
    special   what only this transport can do: see `serve` and misbehaving_http.py
    """

    messages: tuple[bytes, ...] = ()
    drip_s: float = 0.0
    cut: bool = False
    no_end: bool = False
    hang: bool = False
    special: str = ""


@dataclass(frozen=True)
class Asked:
    """moment: connect, list or call; port: where the canary listens."""

    message: dict[str, Any]
    moment: str
    port: int = 0

    def well(self, **changed: Any) -> dict[str, Any]:
        """The result that a good server would give, with changes."""
        version = (self.message.get("params") or {}).get("protocolVersion", "2025-06-18")
        info = {"name": "bad", "version": "1"}
        good: dict[str, dict[str, Any]] = {
            "connect": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info},
            "list": {"tools": [a_tool("echo")]},
            "call": {"content": [{"type": "text", "text": "fine"}]},
        }
        return {**good[self.moment], **changed}

    def bytes_of(self, result: Any, *, message_id: Any = None) -> bytes:
        request_id = self.message["id"] if message_id is None else message_id
        return json.dumps({"jsonrpc": "2.0", "id": request_id, "result": result}).encode()

    def error(self, **error: Any) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": self.message["id"], "error": error}).encode()

    def one(self, result: Any) -> Answer:
        return Answer((self.bytes_of(result),))

    def with_schema(self, schema: dict[str, Any]) -> Answer:
        """A schema where this moment has room for one."""
        if self.moment == "list":
            return self.one({"tools": [a_tool("echo", schema)]})
        return self.one(self.well(_meta={"schema": schema}))


def a_tool(name: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "inputSchema": schema or {"type": "object"}}


def _noted(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


def _request(number: int, method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": f"s{number}", "method": method, "params": params}).encode()


def _unasked(asked: Asked) -> Answer:
    methods = ("sampling/createMessage", "roots/list", "elicitation/create", "ping", "tools/call")
    requests = [_request(number, methods[number % len(methods)]) for number in range(200)]
    return Answer((*requests, asked.bytes_of(asked.well())))


def _deep(asked: Asked) -> Answer:
    before, _, after = asked.bytes_of(asked.well(_meta={"x": 0})).partition(b'"x": 0')
    return Answer((before + b'"x": ' + b"[" * 100_000 + b"]" * 100_000 + after,))


def _numbers(asked: Asked) -> Answer:
    before, _, after = asked.bytes_of(asked.well(_meta={"x": 0})).partition(b'"x": 0')
    return Answer((before + b'"x": [9007199254740993, 1' + b"0" * 5000 + b", 1e400, -1e-400]" + after,))


def _crowded(asked: Asked) -> Answer:
    if asked.moment == "list":
        return asked.one({"tools": [a_tool(f"tool_{number}") for number in range(10_000)]})
    return asked.one(asked.well(_meta={f"key_{number}": number for number in range(10_000)}))


HOSTILE_REGEX = {"type": "object", "properties": {"text": {"type": "string", "pattern": "^(a+)+$"}}}
REMOTE = {"type": "object", "properties": {"text": {"$ref": CANARY}}}
RECURSIVE = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
SCHEMAS = {
    "a hostile pattern": HOSTILE_REGEX,
    "a schema elsewhere": REMOTE,
    "a schema in a circle": RECURSIVE,
}

WAYS: dict[str, Callable[[Asked], Answer]] = {
    "silence": lambda asked: Answer(hang=True),
    "a byte at a time": lambda asked: Answer((asked.bytes_of(asked.well()),), drip_s=0.5),
    "garbage": lambda asked: Answer((b"<html>Welcome</html>",)),
    "bytes that are no text": lambda asked: Answer((b'{"jsonrpc": "2.0", "id": \xff\xfe}',)),
    "another's number": lambda asked: Answer((asked.bytes_of(asked.well(), message_id=999_999),)),
    "the same answer twice": lambda asked: Answer((asked.bytes_of(asked.well()),) * 2),
    "ten megabytes": lambda asked: asked.one(asked.well(_meta={"x": "x" * (10 * MIB)})),
    "no end": lambda asked: Answer((b"x" * (9 * MIB),), no_end=True),
    "a hundred thousand levels": _deep,
    "a list for a result": lambda asked: asked.one([1, 2, 3]),
    "parts of the wrong kind": lambda asked: asked.one(
        {"content": "x", "tools": "x", "protocolVersion": {}, "capabilities": []}
    ),
    "null for a result": lambda asked: asked.one(None),
    "an error without words": lambda asked: Answer((asked.error(),)),
    "an error of a megabyte": lambda asked: Answer((asked.error(code=-32000, message="x" * MIB),)),
    "numbers beyond measure": _numbers,
    "an end in the middle": lambda asked: Answer((asked.bytes_of(asked.well()),), cut=True),
    "an end before": lambda asked: Answer(cut=True),
    "a schema elsewhere": lambda asked: asked.with_schema(
        {"type": "object", "properties": {"text": {"$ref": CANARY.format(port=asked.port)}}}
    ),
    "a schema in a circle": lambda asked: asked.with_schema(RECURSIVE),
    "a hostile pattern": lambda asked: asked.with_schema(HOSTILE_REGEX),
    "a crowd": _crowded,
    "pages without end": lambda asked: asked.one(asked.well(nextCursor="more")),
    "requests that nobody asked for": _unasked,
    "a thousand changes": lambda asked: Answer(
        (*[_noted("notifications/tools/list_changed")] * 1000, asked.bytes_of(asked.well()))
    ),
    "what only this transport can do": lambda asked: Answer((asked.bytes_of(asked.well()),), special="1"),
    "another thing that only it can do": lambda asked: Answer((asked.bytes_of(asked.well()),), special="2"),
}


def answer_to(message: dict[str, Any], way: str, moment: str, port: int = 0) -> Answer | None:
    """What comes back; None for a notification."""
    if "id" not in message or "method" not in message:
        return None
    now = MOMENTS.get(message["method"])
    if now == moment:
        return WAYS[way](Asked(message, moment, port))
    if now is None or message["method"] == "server/discover":
        error = {"code": -32601, "message": "Method not found"}
        return Answer((json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode(),))
    asked = Asked(message, now, port)
    return asked.one(asked.well())


def serve(way: str, moment: str) -> None:
    """Over stdio. Only here: 1 floods the error stream, 2 starts a process and ends for no signal."""
    for line in sys.stdin.buffer:
        answer = answer_to(json.loads(line), way, moment)
        if answer is None:
            continue
        if answer.special == "1":
            for _ in range(64):
                sys.stderr.write("x" * MIB)
        if answer.special == "2":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if os.fork() == 0:
                time.sleep(120)
        _write(answer)


def _write(answer: Answer) -> None:
    out = sys.stdout.buffer
    *whole, last = answer.messages or (b"",)
    out.write(b"".join(message + b"\n" for message in whole))
    for piece in [last[at : at + 1] for at in range(len(last))] if answer.drip_s else [last]:
        out.write(piece[: len(piece) // 2] if answer.cut else piece)
        out.flush()
        time.sleep(answer.drip_s)
    if answer.cut:
        os._exit(1)
    if answer.no_end or answer.hang:
        time.sleep(120)
    out.write(b"\n")
    out.flush()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
