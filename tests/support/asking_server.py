"""`python -m tests.support.asking_server --port PORT [--old]`: an MCP server whose tools ask back before they do something.

By default it speaks the revision of 2026-07-28, where a call ends with what is asked; with `--old` it knows only those
before, and asks in the middle of the call. `GET /log` tells what was called, answered and done. It lives apart from
everything that a test kills.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

import mcp_types as wire
import uvicorn
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

KEY = "patchbay.dev/idempotency-key"
SEAT_FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name on the ticket", "minLength": 2, "maxLength": 40},
        "seats": {"type": "integer", "title": "Seats", "minimum": 1, "maximum": 4, "default": 1},
        "email": {"type": "string", "format": "email", "title": "E-mail"},
        "day": {"type": "string", "format": "date", "title": "Day"},
        "meal": {
            "type": "string",
            "title": "Meal",
            "oneOf": [{"const": "veg", "title": "Vegetarian"}, {"const": "fish", "title": "Fish"}],
        },
        "extras": {
            "type": "array",
            "title": "Extras",
            "items": {"type": "string", "enum": ["wifi", "bike", "dog"]},
            "maxItems": 2,
        },
        "window": {"type": "boolean", "title": "A seat at the window", "default": True},
    },
    "required": ["name", "seats", "email"],
}
CODE_FORM = {
    "type": "object",
    "properties": {"code": {"type": "string", "title": "Code"}},
    "required": ["code"],
}
MESSAGE = "Who travels? <b>Please</b> be [exact](https://evil.example)."
ADDRESS = "https://pay.example.com/checkout?order=7"
TOOLS = ("book", "pay", "twice", "chain", "think", "folders", "later", "endless")
GATES = {"unlock": ADDRESS, "trap": "javascript:alert(1)"}
"""Only with `--old`: refused at the first call of a key with an address that a person is to open."""
READS = ("think", "folders", "later", "endless")


class Log:
    """calls: tool and key of each call that came; done: what took effect; answers: what came back."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.done: list[dict[str, Any]] = []
        self.answers: list[Any] = []

    def as_dict(self) -> dict[str, Any]:
        return {"calls": self.calls, "done": self.done, "answers": self.answers}


def _form(schema: dict[str, Any], message: str = MESSAGE) -> wire.ElicitRequest:
    return wire.ElicitRequest(params=wire.ElicitRequestFormParams(message=message, requested_schema=schema))


def _address() -> wire.ElicitRequest:
    params = wire.ElicitRequestURLParams(message="Pay there, then come back.", url=ADDRESS)
    return wire.ElicitRequest(params=params)


def _sampling() -> wire.CreateMessageRequest:
    said = wire.SamplingMessage(role="user", content=wire.TextContent(type="text", text="Think of a word."))
    params = wire.CreateMessageRequestParams(messages=[said], max_tokens=5000, system_prompt="Be brief.")
    return wire.CreateMessageRequest(params=params)


WANTED: dict[str, Any] = {
    "book": lambda: {"who": _form(SEAT_FORM)},
    "pay": lambda: {"there": _address()},
    "twice": lambda: {
        "first": _form(CODE_FORM, "The first code?"),
        "second": _form(CODE_FORM, "The second?"),
    },
    "chain": lambda: {"code": _form(CODE_FORM, "One code?")},
    "think": lambda: {"word": _sampling()},
    "folders": lambda: {"roots": wire.ListRootsRequest()},
    "later": lambda: None,
    "endless": lambda: None,
}


def _text(value: Any) -> wire.CallToolResult:
    return wire.CallToolResult(content=[wire.TextContent(type="text", text=json.dumps(value))])


def _finish(log: Log, tool: str, answers: dict[str, Any]) -> wire.CallToolResult:
    log.answers.append(answers)
    if all(answer.get("action", "accept") == "accept" for answer in answers.values()):
        log.done.append({"tool": tool, "answers": answers})
    return _text(answers)


def _plain(answers: Any) -> dict[str, Any]:
    return {
        key: answer.model_dump(mode="json", by_alias=True, exclude_none=True)
        for key, answer in (answers or {}).items()
    }


def _server(log: Log, *, old: bool) -> Server[Any]:
    async def list_tools(context: Any, params: Any) -> wire.ListToolsResult:
        schema = {"type": "object", "properties": {"trip": {"type": "string"}}}
        tools = [
            wire.Tool(
                name=name,
                description=f"{name} something",
                input_schema=schema,
                annotations=wire.ToolAnnotations(read_only_hint=name in READS),
            )
            for name in (*TOOLS, *(GATES if old else ()))
        ]
        return wire.ListToolsResult(tools=tools)

    async def call_new(context: Any, params: wire.CallToolRequestParams) -> Any:
        _note(log, context, params)
        rounds = int(params.request_state or "0")
        wanted = {"chain": 2, "later": 3, "endless": 10_000}.get(params.name, 1)
        if rounds < wanted:
            requests = WANTED[params.name]()
            return wire.InputRequiredResult(input_requests=requests, request_state=str(rounds + 1))
        return _finish(log, params.name, _plain(params.input_responses))

    async def call_old(context: Any, params: wire.CallToolRequestParams) -> Any:
        _note(log, context, params)
        if params.name in GATES:
            if len([call for call in log.calls if call == log.calls[-1]]) == 1:
                data = {"message": "Unlock it there.", "url": GATES[params.name], "elicitationId": "e2"}
                raise MCPError(-32042, "A person is needed", {"elicitations": [{"mode": "url", **data}]})
            return _finish(log, params.name, {})
        answers: dict[str, Any] = {}
        for key, request in (WANTED[params.name]() or {}).items():
            try:
                answers |= _plain({key: await _asked(context.session, request, context.request_id)})
            except MCPError as error:
                answers[key] = {"action": "refused", "error": error.message}
        return _finish(log, params.name, answers)

    return Server("asking", version="1", on_list_tools=list_tools, on_call_tool=call_old if old else call_new)


async def _asked(session: Any, request: Any, request_id: Any) -> Any:
    """Over the connection on which the call came."""
    result: Any = wire.ElicitResult
    if isinstance(request, wire.CreateMessageRequest):
        result = wire.CreateMessageResult
    elif isinstance(request, wire.ListRootsRequest):
        result = wire.ListRootsResult
    elif isinstance(request.params, wire.ElicitRequestURLParams):
        return await session.elicit_url(request.params.message, request.params.url, "e1", request_id)
    else:
        return await session.elicit_form(request.params.message, request.params.requested_schema, request_id)
    from mcp.shared.message import ServerMessageMetadata

    return await session.send_request(
        request, result, metadata=ServerMessageMetadata(related_request_id=request_id)
    )


def _note(log: Log, context: Any, params: wire.CallToolRequestParams) -> None:
    key = str((context.meta or {}).get(KEY, ""))
    log.calls.append({"tool": params.name, "key": key, "arguments": params.arguments})


class Application:
    def __init__(self, *, old: bool) -> None:
        self.log = Log()
        self._old = old
        self._server = _server(self.log, old=old)
        self._app = self._server.streamable_http_app(streamable_http_path="/mcp", stateless_http=not old)
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["path"] == "/log":
            await _send(send, json.dumps(self.log.as_dict()).encode())
        elif self._old and scope["method"] == "POST":
            await self._as_an_old_server(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _as_an_old_server(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        message = json.loads(body)
        if message.get("method") == "server/discover":
            error = {"code": -32601, "message": "There is no such method here."}
            await _send(send, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode())
            return
        given = False

        async def replay() -> Any:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


async def _send(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--old", action="store_true")
    given = parser.parse_args()
    uvicorn.run(Application(old=given.old), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
