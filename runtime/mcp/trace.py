"""What goes over a connection, message by message, for a person who looks at it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp.shared.message import SessionMessage

MAX_MESSAGES = 200
MAX_MESSAGE_CHARACTERS = 60_000


@dataclass(frozen=True)
class Message:
    """text is the JSON-RPC message, cut off where it is very long."""

    direction: Literal["sent", "received"]
    at_ms: float
    text: str


@dataclass
class Trace:
    """The first messages of a connection; what exceeds the bounds is left out."""

    messages: list[Message] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def note(self, direction: Literal["sent", "received"], item: Any) -> None:
        if not isinstance(item, SessionMessage) or len(self.messages) >= MAX_MESSAGES:
            return
        text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        at_ms = round((time.monotonic() - self._started) * 1000, 1)
        self.messages.append(Message(direction, at_ms, text[:MAX_MESSAGE_CHARACTERS]))


@asynccontextmanager
async def traced(transport: AbstractAsyncContextManager[Any], trace: Trace) -> AsyncIterator[Any]:
    """The same transport, with every message noted on its way."""
    async with transport as (incoming, outgoing):
        yield _Incoming(incoming, trace), _Outgoing(outgoing, trace)


class _Stream:
    def __init__(self, inner: Any, trace: Trace) -> None:
        self._inner = inner
        self._trace = trace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aenter__(self) -> Any:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self._inner.__aexit__(*error)


class _Incoming(_Stream):
    def __aiter__(self) -> _Incoming:
        return self

    async def __anext__(self) -> Any:
        item = await self._inner.__anext__()
        self._trace.note("received", item)
        return item

    async def receive(self) -> Any:
        item = await self._inner.receive()
        self._trace.note("received", item)
        return item


class _Outgoing(_Stream):
    async def send(self, item: Any) -> None:
        self._trace.note("sent", item)
        await self._inner.send(item)
