"""One connection to one server, owned by one task: the SDK's client is entered and left there, calls come from anywhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation

from runtime.errors import McpError
from runtime.gateways import McpServerSettings
from runtime.mcp import errors
from runtime.mcp.http import RpcTransport
from runtime.mcp.oauth_transport import Accounts, AccountTransport
from runtime.mcp.stdio import ChildState, stdio_transport
from runtime.outbound import MAX_REPLY_BYTES, OutboundPolicy, Wrap, outbound_client

logger = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 3600.0
"""Above every call's own limit, which comes first and names the cause."""
CLOSE_TIMEOUT_S = 8.0
CANCEL_TIMEOUT_S = 1.0
DRAIN_TIMEOUT_S = 0.5
LAST_WORDS_SHOWN = 600
CLIENT_INFO = Implementation(name="patchbay", title="Patchbay", version="0.1.0")

Result = TypeVar("Result")


class Connection:
    """Connected by `open()`; `is_usable` turns false for good when the server or the transport is gone."""

    def __init__(
        self, settings: McpServerSettings, policy: OutboundPolicy, accounts: Accounts | None = None
    ) -> None:
        self.settings = settings
        self.opened_at = self.used_at = time.monotonic()
        self.in_use = 0
        self._policy = policy
        self._accounts = accounts
        self._refusals: list[dict[str, Any]] = []
        self._child = ChildState()
        self._stop = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._broken = False
        self._client: Client | None = None
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
        """Connect and shake hands; raises McpError with the cause. A failed connection cleans up by itself."""
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

    async def call(self, ask: Callable[[Client], Awaitable[Result]], timeout_s: float) -> Result:
        """Ask something of the server; raises McpError, also when the connection dies meanwhile."""
        client, owner = self.client, self._owner
        assert owner is not None
        self.in_use += 1
        self._idle.clear()
        call = asyncio.ensure_future(ask(client))
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.wait({call, owner}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise errors.timed_out(self.settings.slug, timeout_s) from None
        finally:
            self.used_at, self.in_use = time.monotonic(), self.in_use - 1
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

    @property
    def is_closed(self) -> bool:
        return self._owner is None or self._owner.done()

    async def _own(self, ready: asyncio.Future[None]) -> None:
        try:
            async with self._made_client() as client:
                self._client = client
                ready.set_result(None)
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

    def _made_client(self) -> AbstractAsyncContextManager[Client]:
        def wrap(door: httpx2.AsyncBaseTransport) -> httpx2.AsyncBaseTransport:
            if self.settings.account and self._accounts is not None:
                door = AccountTransport(door, self.settings.account, self._accounts, self._policy)
            return RpcTransport(door, self._refusals)

        return _client(self.settings, self._policy, self._child, wrap)

    def _lost(self, known: McpError | None = None) -> McpError:
        """Why the connection is gone; it is not used again."""
        self._broken = True
        if self._child.overflowed:
            return errors.too_large(self.settings.slug)
        if known is not None and not known.details["sent"]:
            return known
        return errors.lost(self.settings.slug, self._said())

    def _said(self) -> str:
        words = self._child.last_words[-LAST_WORDS_SHOWN:]
        return f" It said: {words}" if words else ""


async def _first_of(*events: asyncio.Event, timeout_s: float | None = None) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


@asynccontextmanager
async def _client(
    settings: McpServerSettings, policy: OutboundPolicy, child: ChildState, wrap: Wrap
) -> AsyncIterator[Client]:
    options: dict[str, Any] = {
        "read_timeout_seconds": CONNECT_TIMEOUT_S,
        "client_info": CLIENT_INFO,
        "cache": None,
    }
    if settings.transport == "stdio":
        async with Client(stdio_transport(settings, child), **options) as client:
            yield client
        return

    async with outbound_client(
        policy,
        read_timeout_s=READ_TIMEOUT_S,
        headers=settings.headers,
        keeps_cookies=True,
        wrap=wrap,
    ) as http:
        transport = streamable_http_client(
            settings.url or "", http_client=http, max_sse_event_size=MAX_REPLY_BYTES + 1
        )
        async with Client(transport, **options) as client:
            yield client
