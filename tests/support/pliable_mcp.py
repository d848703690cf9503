"""An MCP server over Streamable HTTP whose tools, resources and prompts a test changes while it runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.product import free_port

Answer = Callable[[dict[str, Any]], Any]


def a_tool(name: str, *, description: str = "", reads: bool = False, **properties: Any) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "inputSchema": {"type": "object", "properties": properties},
        "annotations": {"readOnlyHint": reads},
    }


class Pliable:
    """calls: (name, arguments) of every tool call; `status` answers them with an HTTP error instead.

    results: what a tool gives, structured and as JSON in its text; "done" without
    answers: for a tool the whole result of a call, made from its arguments
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.tools: list[dict[str, Any]] = []
        self.resources: list[dict[str, Any]] = []
        self.prompts: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.results: dict[str, Any] = {}
        self.answers: dict[str, Answer] = {}
        self.status = 200
        self.headers: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def answer(self, method: str, params: dict[str, Any]) -> Any:
        match method:
            case "initialize":
                return {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {"tools": {}, "resources": {}, "prompts": {}},
                    "serverInfo": {"name": "pliable", "version": "1.2.3"},
                }
            case "tools/list":
                return {"tools": self.tools}
            case "resources/list":
                return {"resources": self.resources}
            case "resources/templates/list":
                return {"resourceTemplates": []}
            case "prompts/list":
                return {"prompts": self.prompts}
            case "resources/read":
                return {"contents": [{"uri": params["uri"], "text": f"The text of {params['uri']}"}]}
            case "prompts/get":
                text = f"{params['name']} about {json.dumps(params.get('arguments') or {})}"
                return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}
            case "tools/call":
                arguments = params.get("arguments") or {}
                self.calls.append((params["name"], arguments))
                if made := self.answers.get(params["name"]):
                    return made(arguments)
                given = self.results.get(params["name"])
                text = f"{params['name']} done" if given is None else json.dumps(given)
                content = {"content": [{"type": "text", "text": text}]}
                return content if given is None else {**content, "structuredContent": given}
        return None


@contextmanager
def pliable_mcp() -> Iterator[Pliable]:
    state = Pliable()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.headers = {name.lower(): value for name, value in self.headers.items()}
            if "id" not in message:
                self._send(202, b"")
                return
            if state.status != 200 and message["method"] == "tools/call":
                state.calls.append((message["params"]["name"], message["params"].get("arguments") or {}))
                self._send(state.status, b"")
                return
            result = state.answer(message["method"], message.get("params") or {})
            told = {"result": result} if result is not None else {"error": {"code": -32601, "message": "no"}}
            self._send(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], **told}).encode())

        def do_GET(self) -> None:
            self._send(405, b"")

        def do_DELETE(self) -> None:
            self._send(405, b"")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", state.port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
