"""The old transport of 2024-11-05 (HTTP+SSE): answers come over one long event stream, messages go by POST beside it.

https://modelcontextprotocol.io/specification/2024-11-05/basic/transports

The SDK's own client logs a POST that fails and leaves its call waiting; here the failure is the call's answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import anyio
import httpx2
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCMessage, jsonrpc_message_adapter
from pydantic import ValidationError

from runtime.outbound.client import MAX_REPLY_BYTES

MAX_STREAM_BYTES = 256 * 1024 * 1024
"""Of one connection's whole life; it is then replaced. Each event is capped like any other reply."""


class NoEventStream(httpx2.TransportError):
    """The address does not answer with an event stream that names where messages go."""


@asynccontextmanager
async def sse_transport(url: str, http: httpx2.AsyncClient) -> AsyncIterator[Any]:
    """Opens the stream and yields the streams that an MCP client reads and writes.

    raises   NoEventStream, and httpx2's own errors, before anything is yielded
    """
    to_client, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](16)
    outgoing, from_client = anyio.create_memory_object_stream[SessionMessage](16)
    async with http.stream("GET", url, headers={"accept": "text/event-stream"}) as response:
        events = _events(response)
        endpoint = await _endpoint(url, response, events)
        tasks = [
            asyncio.create_task(_read(events, to_client)),
            asyncio.create_task(_write(http, endpoint, from_client, to_client.clone())),
        ]
        try:
            yield incoming, outgoing
        finally:
            with anyio.CancelScope(shield=True):
                for stream in (incoming, outgoing):
                    stream.close()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await events.aclose()


async def _events(response: httpx2.Response) -> Any:
    source = httpx2.EventSource(response, max_event_size=MAX_REPLY_BYTES)
    async for event in source:
        yield event


async def _endpoint(url: str, response: httpx2.Response, events: Any) -> str:
    """Where messages are to be posted: it must be on the origin of the stream."""
    if response.status_code != 200:
        raise NoEventStream(f"HTTP {response.status_code}")
    try:
        first = await anext(events)
    except (StopAsyncIteration, httpx2.SSEError):
        raise NoEventStream("it is no event stream") from None
    if first.event != "endpoint":
        raise NoEventStream("its first event names no address for messages")
    endpoint: str = urljoin(url, first.data)
    if urlsplit(endpoint)[:2] != urlsplit(url)[:2]:
        raise NoEventStream("messages should go to another origin")
    return endpoint


async def _read(events: Any, to_client: Any) -> None:
    """Messages of the stream; its end, however it comes, ends the connection."""
    async with to_client:
        with contextlib.suppress(
            httpx2.HTTPError, httpx2.StreamError, httpx2.SSEError, anyio.BrokenResourceError
        ):
            async for event in events:
                message = _message(event.data) if event.event == "message" else None
                if message is not None:
                    await to_client.send(SessionMessage(message))


async def _write(http: httpx2.AsyncClient, endpoint: str, from_client: Any, to_client: Any) -> None:
    async with from_client, to_client:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for message in from_client:
                body = message.message.model_dump(by_alias=True, mode="json", exclude_unset=True)
                response = await http.post(endpoint, json=body)
                # The transport below answers a request that failed with an error of the protocol.
                told = _message(response.text) if response.status_code >= 400 else None
                if told is not None:
                    await to_client.send(SessionMessage(told))


def _message(text: str) -> JSONRPCMessage | None:
    try:
        return jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError:
        return None
