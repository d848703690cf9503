"""`python -m tests.support.effects_server --port PORT`: an MCP server that remembers every call and every effect.

It lives apart from everything that a test kills. Its tools take as long as they are told to; `put` has one effect per
idempotency key, `send` has one each time it is called, `look` has none. `GET /log` tells what happened.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

import uvicorn

KEY = "patchbay.dev/idempotency-key"
ARGUMENTS = {
    "type": "object",
    "properties": {"label": {"type": "string"}, "ms": {"type": "number"}},
    "required": ["label", "ms"],
}
HINTS = {
    "put": {"readOnlyHint": False, "idempotentHint": True},
    "send": {"readOnlyHint": False, "idempotentHint": False},
    "look": {"readOnlyHint": True, "idempotentHint": True},
}
SERVER = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "effects", "version": "1.0.0"},
}


class Log:
    """calls: tool, key, label, began_at, ended_at (null while it goes on or when it was broken off), in their order."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.effects: list[dict[str, str]] = []
        self._keys: set[str] = set()
        self._running = 0

    async def call(self, tool: str, key: str, label: str, ms: float) -> None:
        self._running += 1
        row = {"tool": tool, "key": key, "label": label, "began_at": time.time(), "ended_at": None}
        self.calls.append({**row, "running": self._running})
        row = self.calls[-1]
        try:
            # What has been sent takes effect, whether or not anybody is left to hear of it.
            if tool == "send" or (tool == "put" and key not in self._keys):
                self._keys.add(key)
                self.effects.append({"tool": tool, "key": key, "label": label})
            await asyncio.sleep(ms / 1000)
            row["ended_at"] = time.time()
        finally:
            self._running -= 1


async def answer(log: Log, message: dict[str, Any]) -> dict[str, Any]:
    params = message.get("params") or {}
    match message["method"]:
        case "initialize":
            return {"result": SERVER}
        case "tools/list":
            tools = [
                {"name": name, "description": name, "inputSchema": ARGUMENTS, "annotations": hints}
                for name, hints in HINTS.items()
            ]
            return {"result": {"tools": tools}}
        case "tools/call":
            given, key = params["arguments"], str((params.get("_meta") or {}).get(KEY, ""))
            await log.call(params["name"], key, given["label"], given["ms"])
            return {"result": {"content": [{"type": "text", "text": "done"}]}}
    return {"error": {"code": -32601, "message": "There is no such method here."}}


class Application:
    """ASGI by hand: a test's counter should depend on nothing that it counts for."""

    def __init__(self) -> None:
        self.log = Log()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/log":
            body = {"calls": self.log.calls, "effects": self.log.effects}
            await _send(send, 200, json.dumps(body).encode())
        elif scope["method"] != "POST":
            await _send(send, 405, b"")
        else:
            message = json.loads(await _body(receive))
            if "id" not in message:
                await _send(send, 202, b"")
                return
            told = await answer(self.log, message)
            body = {"jsonrpc": "2.0", "id": message["id"], **told}
            await _send(send, 200, json.dumps(body).encode())


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        part = await receive()
        body += part.get("body", b"")
        more = part.get("more_body", False)
    return body


async def _send(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    uvicorn.run(Application(), host="127.0.0.1", port=port, log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()
