"""One connection to one server, owned by one task: the SDK's client is entered and left there, calls come from anywhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, TypeVar

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation, LoggingLevel, LoggingMessageNotificationParams

from runtime.errors import McpError
from runtime.gateways import McpServerSettings
from runtime.mcp import errors
from runtime.mcp.asking import CallInFlight, CallsInFlight
from runtime.mcp.changes import follow_changes
from runtime.mcp.http import RpcTransport
from runtime.mcp.oauth_transport import Accounts, AccountTransport
from runtime.mcp.server_log import CallLog, TellLog, read_line, secrets_of
from runtime.mcp.sse import MAX_STREAM_BYTES, sse_transport
from runtime.mcp.stdio import ChildState, stdio_transport
from runtime.mcp.trace import Trace, traced
from runtime.outbound.client import MAX_REPLY_BYTES, outbound_client
from runtime.outbound.policy import OutboundPolicy

logger = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 3600.0
"""Above every call's own limit, which comes first and names the cause."""
CLOSE_TIMEOUT_S = 8.0
CANCEL_TIMEOUT_S = 1.0
DRAIN_TIMEOUT_S = 0.5
LAST_WORDS_SHOWN = 600
LIST_CHANGED = frozenset(f"notifications/{what}/list_changed" for what in ("tools", "resources", "prompts"))
OLD_SERVERS_SAY = frozenset({400, 404, 405})
"""How servers of the first transport answer a POST to the address of their event stream."""
CLIENT_INFO = Implementation(name="patchbay", title="Patchbay", version="0.1.0")

LOG_LEVEL: LoggingLevel = "info"
"""What servers of the current protocol are asked to log; older ones decide by themselves."""

Result = TypeVar("Result")
_call_log: ContextVar[CallLog | None] = ContextVar("call_log", default=None)
"""The log of the call that a message came for. Over HTTP each request has its own way back, in its own context."""


class Connection:
    """Connected by `open()`; `is_usable` turns false for good when the server or the transport is gone."""

    def __init__(
        self,
        settings: McpServerSettings,
        policy: OutboundPolicy,
        *,
        trace: Trace | None = None,
        on_changed: Callable[[], None] | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        self.settings = settings
        self.opened_at = self.used_at = time.monotonic()
        self.in_use = 0
        self._policy = policy
        self._trace = trace
        self._on_changed = on_changed
        self._accounts = accounts
        self._refusals: list[dict[str, Any]] = []
        self._calls = CallsInFlight()
        self._logs: list[CallLog] = []
        self._account_transport: AccountTransport | None = None
        self._child = ChildState()
        self._stop = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._broken = False
        self._client: Client | None = None
        self.wire = settings.wire or ("stdio" if settings.transport == "stdio" else "streamable")
        self._owner: asyncio.Task[None] | None = None

    @property
    def is_usable(self) -> bool:
        return self._client is not None and not self._broken and not self._child.ended.is_set()

    @property
    def client(self) -> Client:
        if self._client is None:
            raise errors.session_gone(self.settings.slug)
        return self._client

    async def open(self) -> None:
        """Connect and shake hands; raises McpError with the cause. A failed connection cleans up by itself.

        Over HTTP a server that does not know the current transport is asked once for the old one.
        """
        try:
            await self._try_to_open()
        except McpError as error:
            may_be_old = self.settings.transport == "http" and not self.settings.wire
            if not may_be_old or error.details.get("http_status") not in OLD_SERVERS_SAY:
                raise
            self.wire = "sse"
            try:
                await self._try_to_open()
            except McpError:
                raise error from None

    async def _try_to_open(self) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own(ready))
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.shield(ready)
        except TimeoutError:
            self._owner.cancel()
            said = self._said()
            raise errors.unreachable(
                self.settings.slug, f"it did not connect within {CONNECT_TIMEOUT_S:g} s.{said}"
            ) from None
        except asyncio.CancelledError:
            self._owner.cancel()
            raise
        except Exception as error:
            if self._refusals:
                raise errors.refused(self.settings.slug, self._refusals[-1]) from error
            raise errors.connecting(self.settings.slug, error, self._said()) from error

    async def call(
        self,
        ask: Callable[[Client], Awaitable[Result]],
        timeout_s: float,
        *,
        on_log: TellLog | None = None,
        answering: CallInFlight | None = None,
    ) -> Result:
        """Ask something of the server; raises McpError, also when the connection dies meanwhile.

        on_log      gets what the server logs until it answers
        answering   who answers what the server asks back meanwhile; the time limit stands still for it
        """
        client, owner = self.client, self._owner
        assert owner is not None
        self.in_use += 1
        self._idle.clear()
        log = CallLog(on_log) if on_log else None
        if log is not None:
            self._logs.append(log)
        call = asyncio.ensure_future(_logged(ask(client), log))
        try:
            async with asyncio.timeout(timeout_s) as limit, self._noted(answering, limit):
                await asyncio.wait({call, owner}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise errors.timed_out(self.settings.slug, timeout_s) from None
        finally:
            self.used_at, self.in_use = time.monotonic(), self.in_use - 1
            if log is not None:
                self._logs.remove(log)
            if not self.in_use:
                self._idle.set()
            if not call.done():
                call.cancel()
                await asyncio.wait({call}, timeout=CANCEL_TIMEOUT_S)
        if not call.done() or call.cancelled():
            raise self._lost()
        error = call.exception()
        if error is None:
            return call.result()
        known = errors.calling(self.settings.slug, error, timeout_s)
        raise (self._lost(known) if known.code == "mcp_connection_lost" else known) from error

    @asynccontextmanager
    async def _noted(self, call: CallInFlight | None, limit: asyncio.Timeout) -> AsyncIterator[None]:
        call = call or CallInFlight(None)
        call.limit = limit
        self._calls.begin(call)
        try:
            yield
        finally:
            self._calls.end(call)

    @property
    def asks_back(self) -> bool:
        """Whether the server has ever asked something in the middle of a call over this connection."""
        return self._calls.has_asked

    async def close(self) -> None:
        """Hang up and wait for the owner's cleanup; a stdio server gets time to end by itself."""
        self._stop.set()
        if self._owner is None:
            return
        if self._client is None and not self._owner.cancelling():
            # Once only: a second time would cut the cleanup short.
            self._owner.cancel()
        done, _ = await asyncio.wait({self._owner}, timeout=CLOSE_TIMEOUT_S)
        if not done:
            self._owner.cancel()
            await asyncio.wait({self._owner}, timeout=CLOSE_TIMEOUT_S)

    async def has_ended(self) -> bool:
        """Whether the command ended by itself; asked while the connection is open or just failed to open."""
        await _first_of(self._child.ended, timeout_s=DRAIN_TIMEOUT_S)
        return self._child.ended.is_set() and not self._child.stopped_by_us

    @property
    def last_words(self) -> str:
        """The end of what a command wrote to its error stream."""
        return self._child.last_words[-LAST_WORDS_SHOWN:]

    @property
    def is_closed(self) -> bool:
        return self._owner is None or self._owner.done()

    async def _own(self, ready: asyncio.Future[None]) -> None:
        try:
            async with self._connected_client() as client:
                self._client = client
                ready.set_result(None)
                async with self._following(client):
                    await _first_of(self._stop, self._child.ended)
                if self._child.ended.is_set():
                    # An answer may have come right before the end; what is still open fails by itself.
                    await _first_of(self._stop, self._idle, timeout_s=DRAIN_TIMEOUT_S)
        except BaseException as error:
            if not ready.done():
                cause = errors.unwrap(error)
                if isinstance(cause, asyncio.CancelledError):
                    cause = errors.unreachable(self.settings.slug, "the worker hung up.")
                ready.set_exception(cause)
                ready.exception()
            else:
                logger.info("a connection ended", extra={"server": self.settings.slug}, exc_info=error)
        finally:
            self._client = None

    @asynccontextmanager
    async def _following(self, client: Client) -> AsyncIterator[None]:
        """Meanwhile the server's news of its lists are heard, where anybody wants them."""
        if self._on_changed is None:
            yield
            return
        following = asyncio.create_task(follow_changes(client, self._on_changed))
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    @asynccontextmanager
    async def _connected_client(self) -> AsyncIterator[Client]:
        settings = self.settings
        options: dict[str, Any] = {
            "read_timeout_seconds": CONNECT_TIMEOUT_S,
            "client_info": CLIENT_INFO,
            "cache": None,
            "message_handler": self._heard,
            "elicitation_callback": self._calls.elicit,
            "logging_callback": self._take_log,
            "log_level": LOG_LEVEL,
        }
        if settings.sampling is not None:
            # Only then the server is told that it may ask for a model.
            options["sampling_callback"] = self._calls.sample

        def looked_at(transport: Any) -> Any:
            return transport if self._trace is None else traced(transport, self._trace)

        if self.wire == "stdio":
            async with Client(looked_at(stdio_transport(settings, self._child)), **options) as client:
                yield client
            return
        url = settings.url or ""
        async with outbound_client(
            self._policy,
            read_timeout_s=READ_TIMEOUT_S,
            headers=settings.headers,
            keeps_cookies=True,
            wrap=self._wrapped,
            cap_bytes=MAX_STREAM_BYTES if self.wire == "sse" else MAX_REPLY_BYTES,
        ) as http:
            if self.wire == "sse":
                async with Client(looked_at(sse_transport(url, http)), mode="legacy", **options) as client:
                    yield client
                return
            transport = streamable_http_client(url, http_client=http, max_sse_event_size=MAX_REPLY_BYTES + 1)
            async with Client(looked_at(transport), **options) as client:
                yield client

    def _wrapped(self, door: httpx2.AsyncBaseTransport) -> httpx2.AsyncBaseTransport:
        """The way of each request: signed in where the server wants it, and its refusals noted."""
        if self.settings.account and self._accounts is not None:
            door = self._account_transport = AccountTransport(
                door, self.settings.account, self._accounts, self._policy
            )
        return RpcTransport(door, self._refusals)

    async def _heard(self, message: Any) -> None:
        """What an older server says unasked: only that its lists changed is of use."""
        if self._on_changed is not None and getattr(message, "method", "") in LIST_CHANGED:
            self._on_changed()

    async def _take_log(self, said: LoggingMessageNotificationParams) -> None:
        """Give a line to the call that it is about; where that cannot be known, to all that go on."""
        line = read_line(said.level, said.logger, said.data, self._secrets())
        own = _call_log.get()
        logs = [own] if own in self._logs else self._logs
        for log in list(logs):
            if log is not None:
                log.take(replace(line, shared=len(logs) > 1))

    def _secrets(self) -> list[str]:
        token = self._account_transport.token if self._account_transport else ""
        return [*secrets_of(self.settings), *([token] if token else [])]

    def _lost(self, known: McpError | None = None) -> McpError:
        """Why the connection is gone; it is not used again."""
        self._broken = True
        if self._child.overflowed:
            return errors.too_large(self.settings.slug)
        if known is not None and not known.details["sent"]:
            return known
        return errors.lost(self.settings.slug, self._said())

    def _said(self) -> str:
        return f" It said: {self.last_words}" if self.last_words else ""


async def _logged(asked: Awaitable[Result], log: CallLog | None) -> Result:
    _call_log.set(log)
    return await asked


async def _first_of(*events: asyncio.Event, timeout_s: float | None = None) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
