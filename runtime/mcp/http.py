"""Between the MCP client and the outbound door: failures of a request become JSON-RPC errors that say what failed.

The SDK loses the HTTP status of a failure, and one transport error ends its whole connection with every call on
it. Here each request fails by itself; `error.data` tells `runtime.mcp.errors` how: `kind` is one of `blocked`,
`transport`, `too_large`, `compressed`, `http`, `session_gone`, and `sent` says whether the server may have seen it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from runtime.outbound.client import MAX_REPLY_BYTES
from runtime.outbound.errors import Blocked, ReplyCompressed, ReplyTooLarge, never_sent

METHOD_NOT_FOUND = -32601
_FAILURES = (httpx2.TransportError, httpx2.StreamError, OSError)
_SESSION = "mcp-session-id"


class RpcTransport(httpx2.AsyncBaseTransport):
    """Answers every JSON-RPC request, whatever happens to the exchange; other requests pass unchanged.

    refusals   takes what a 401 or 403 said: the SDK's handshake goes on after one, and fails for another reason
    """

    def __init__(self, door: httpx2.AsyncBaseTransport, refusals: list[dict[str, Any]] | None = None) -> None:
        self._door = door
        self._refusals = refusals if refusals is not None else []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        message = _rpc_message(request)
        if message is None:
            return await self._door.handle_async_request(request)
        try:
            return await self._exchange(request, message)
        except _FAILURES as error:
            return _answer(request, message, 502, str(error), **_cause(error))

    async def _exchange(self, request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        response = await self._door.handle_async_request(request)
        if response.status_code >= 400:
            if response.status_code in {401, 403}:
                self._refusals[:] = [{"http_status": response.status_code, **_told(response)}]
            return await _refusal(request, response, message)
        if response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            response.stream = _Events(response.stream, message.get("id"))
            return response
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        return httpx2.Response(response.status_code, headers=response.headers, content=body, request=request)

    async def aclose(self) -> None:
        await self._door.aclose()


class _Events(httpx2.AsyncByteStream):
    """Whole events of a stream; one that grows over the cap ends with an error event instead of a cut."""

    def __init__(self, inner: Any, rpc_id: Any) -> None:
        self._inner = inner
        self._rpc_id = rpc_id

    async def __aiter__(self) -> AsyncIterator[bytes]:
        waiting = bytearray()
        try:
            async for chunk in self._inner:
                waiting += chunk
                end = _end_of_events(waiting)
                if end:
                    yield bytes(waiting[:end])
                    del waiting[:end]
        except ReplyTooLarge as error:
            told = json.dumps(_error(self._rpc_id, str(error), kind="too_large", sent=True))
            yield f"event: message\ndata: {told}\n\n".encode()
            return
        except httpx2.TransportError as error:
            # A stream error ends one request; a transport error would end the whole connection.
            raise httpx2.StreamError(f"the connection broke: {type(error).__name__}") from error
        if waiting:
            yield bytes(waiting)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _end_of_events(data: bytearray) -> int:
    """How many bytes are whole events: up to and with the last blank line."""
    ends = [data.rfind(mark) + len(mark) for mark in (b"\n\n", b"\r\n\r\n", b"\r\r") if mark in data]
    return max(ends, default=0)


async def _refusal(
    request: httpx2.Request, response: httpx2.Response, message: dict[str, Any]
) -> httpx2.Response:
    """An HTTP error as a JSON-RPC error, unless the server wrote one itself."""
    try:
        body = await response.aread()
    except (httpx2.TransportError, httpx2.StreamError):
        body = b""
    finally:
        await response.aclose()
    status = response.status_code
    code = _rpc_code(body)
    if status == 404 and _SESSION in request.headers and code != METHOD_NOT_FOUND:
        return _answer(request, message, status, "the session is gone", kind="session_gone", sent=False)
    if code is not None and status not in {401, 403}:
        headers = {"content-type": "application/json"}
        return httpx2.Response(status, headers=headers, content=body, request=request)
    told = _told(response)
    return _answer(
        request, message, status, f"HTTP {status}", kind="http", http_status=status, sent=True, **told
    )


def _told(response: httpx2.Response) -> dict[str, str]:
    """What the headers of an HTTP error say about the way out."""
    names = ("www-authenticate", "retry-after")
    return {name: response.headers[name] for name in names if name in response.headers}


def _rpc_message(request: httpx2.Request) -> dict[str, Any] | None:
    """The JSON-RPC request or notification in a POST; None for anything else."""
    if request.method != "POST":
        return None
    try:
        message = json.loads(request.content)
    except (ValueError, httpx2.RequestNotRead):
        return None
    return message if isinstance(message, dict) and "jsonrpc" in message else None


def _rpc_code(body: bytes) -> int | None:
    """The code of a JSON-RPC error in a body; None when there is none."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    error = message.get("error") if isinstance(message, dict) and "jsonrpc" in message else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else None


def _cause(error: Exception) -> dict[str, Any]:
    match error:
        case Blocked():
            return {"kind": "blocked", "sent": False}
        case ReplyTooLarge():
            return {"kind": "too_large", "sent": True, "limit_bytes": MAX_REPLY_BYTES}
        case ReplyCompressed():
            return {"kind": "compressed", "sent": True}
    return {"kind": "transport", "sent": not never_sent(error)}


def _answer(
    request: httpx2.Request, message: dict[str, Any], status: int, text: str, **data: Any
) -> httpx2.Response:
    if "id" not in message:
        # Nobody waits for the answer to a notification.
        return httpx2.Response(status, request=request)
    return httpx2.Response(status, json=_error(message["id"], text, **data), request=request)


def _error(rpc_id: Any, text: str, **data: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": rpc_id, "error": {"code": -32000, "message": text, "data": data}}
