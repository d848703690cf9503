"""An OpenAI-compatible server that says what a test has written down for it, turn by turn."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.processes import free_port

Turn = str | list[tuple[str, dict[str, Any] | str]]
"""A text, or functions to call; arguments that are a text are sent as they are, JSON or not."""


class ScriptedModel:
    """turns: for each model name what it says in order; rules: for a name what it says to a request; asked: requests."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.turns: dict[str, list[Any]] = {}
        self.rules: dict[str, Callable[[dict[str, Any]], Turn]] = {}
        self.asked: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def says(self, model: str, *turns: str | list[tuple[str, dict[str, Any]]]) -> None:
        self.turns[model] = list(turns)

    def requests_to(self, model: str) -> list[dict[str, Any]]:
        return [request for request in self.asked if request["model"] == model]

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.asked.append(request)
            turn = self._next(request)
        message: dict[str, Any] = {"role": "assistant", "content": turn if isinstance(turn, str) else None}
        if not isinstance(turn, str):
            message["tool_calls"] = [
                {
                    "id": f"c{number}",
                    "type": "function",
                    "function": {
                        "name": name,
                        "arguments": given if isinstance(given, str) else json.dumps(given),
                    },
                }
                for number, (name, given) in enumerate(turn)
            ]
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        return {
            "id": "1",
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message}],
            "usage": usage,
        }

    def _next(self, request: dict[str, Any]) -> Turn:
        if rule := self.rules.get(request["model"]):
            return rule(request)
        left = self.turns.get(request["model"], [])
        # The last turn is said again and again, as a model that does not come to an end would.
        turn: Turn = left.pop(0) if len(left) > 1 else left[0] if left else "Done."
        return turn


@contextmanager
def scripted_model() -> Iterator[ScriptedModel]:
    port = free_port()
    model = ScriptedModel(port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = json.dumps(model.reply(json.loads(body))).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            """Nothing: the test says what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
