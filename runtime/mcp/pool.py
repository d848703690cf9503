"""The host's connections to MCP servers: one per server and revision of its settings, kept while they are used.

A broken connection is replaced at the next call. A call that was sent is never repeated here: whether it may
be is the engine's decision.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import mcp_types as wire
from mcp import Client
from pydantic import TypeAdapter

from runtime.errors import McpError
from runtime.gateways import McpServerSettings, ServerUse
from runtime.json_schema import is_quick
from runtime.mcp import errors
from runtime.mcp.asking import HOLD_S, CallInFlight, is_modern
from runtime.mcp.breaker import Breaker
from runtime.mcp.connection import Connection
from runtime.mcp.doctor.examination import examine
from runtime.mcp.doctor.report import Report
from runtime.mcp.input_required import (
    Asker,
    InputRequired,
    Response,
    read_addresses_required,
    read_input_required,
)
from runtime.mcp.inspection import Inspection, inspect
from runtime.mcp.listing import read_listing
from runtime.mcp.oauth_transport import Accounts
from runtime.mcp.reading import (
    Completable,
    FilledPrompt,
    ResourceContent,
    Suggestions,
    completion_request,
    prompt_request,
    read_content,
    read_messages,
    read_suggestions,
    resource_request,
)
from runtime.mcp.results import (
    ServerListing,
    ToolResult,
    check_arguments,
    check_result,
    read_result,
)
from runtime.mcp.server_log import TellLog
from runtime.outbound.policy import OutboundPolicy

IDEMPOTENCY_KEY = "patchbay.dev/idempotency-key"
IDLE_S = 300.0
TEND_EVERY_S = 15.0
MARGIN_S = 0.5
"""Our own limit comes after the SDK's, which also tells the server to stop."""
BREAKER_KEPT_S = 300.0
FAILED_TO_ANSWER = frozenset({"mcp_unreachable", "mcp_timeout", "mcp_connection_lost"})
"""What says of a server that it is in trouble; anything else is an answer."""
TROUBLE = FAILED_TO_ANSWER | {"mcp_unauthorized", "mcp_protocol_error", "mcp_too_large"}

Key = tuple[str, str, str]
_Called = wire.CallToolResult | wire.InputRequiredResult
_CALLED: TypeAdapter[_Called] = TypeAdapter(_Called)
Answer = TypeVar("Answer")


class McpPool:
    """Lives on the host's loop; every method is to be called there.

    idle_s     a connection that nobody used for so long is closed
    accounts   where the tokens of servers that people sign in to are kept
    """

    def __init__(
        self, policy: OutboundPolicy, *, idle_s: float = IDLE_S, accounts: Accounts | None = None
    ) -> None:
        self._policy = policy
        self._accounts = accounts
        self._idle_s = idle_s
        self._connections: dict[Key, Connection] = {}
        self._retired: list[Connection] = []
        self._locks: dict[Key, asyncio.Lock] = {}
        self._breakers: dict[Key, Breaker] = {}
        self._uses: dict[str, ServerUse] = {}
        self._changed: dict[str, McpServerSettings] = {}
        self._asking: set[str] = set()
        self._tending: asyncio.Task[None] | None = None

    async def call_tool(
        self,
        settings: McpServerSettings,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout_s: float,
        idempotency_key: str | None = None,
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
        on_progress: Callable[[str, float | None], None] | None = None,
        on_log: TellLog | None = None,
        asker: Asker | None = None,
        responses: Mapping[str, Response] | None = None,
        state: str | None = None,
    ) -> ToolResult | InputRequired:
        """Call a tool once, within `timeout_s` including the connection.

        on_progress   gets the server's words and the share that is done, 0 … 1 or None
        on_log        gets the first lines that the server logs meanwhile
        asker         answers what servers of older revisions ask in the middle of the call
        responses, state   what an earlier call of the same asked for (`InputRequired`), and its state
        raises        McpError; arguments are checked before anything is sent, the result against `output_schema`
        """
        check_arguments(settings.slug, arguments, input_schema)
        params = wire.CallToolRequestParams.model_validate(
            {
                "name": name,
                "arguments": dict(arguments),
                "inputResponses": responses,
                "requestState": state,
                "_meta": {IDEMPOTENCY_KEY: idempotency_key} if idempotency_key else None,
            }
        )

        async def ask(client: Client, within_s: float) -> _Called:
            # Client.call_tool would list the tools too, and judge the result by the latest definition.
            may_be_held = asker is not None and not is_modern(client.protocol_version)
            return await client.session.send_request(
                wire.CallToolRequest(params=params),
                _CALLED,
                request_read_timeout_seconds=within_s + (HOLD_S if may_be_held else 0.0),
                progress_callback=_progress(on_progress) if on_progress else None,
            )

        try:
            answer, duration_s = await self._counted(settings, ask, timeout_s, on_log, asker)
        except McpError as error:
            if (addresses := errors.wanted_addresses(error)) is None:
                raise
            return _wanted(settings.slug, read_addresses_required, addresses)
        if isinstance(answer, wire.InputRequiredResult):
            return _wanted(settings.slug, read_input_required, answer)
        result = read_result(answer, duration_s * 1000)
        if result.is_error:
            raise errors.tool_error(settings.slug, name, result.text)
        if output_schema and is_quick(result.structured, output_schema):
            check_result(settings.slug, name, result, output_schema)
        elif output_schema:
            # A large result takes seconds to check, in which the loop must go on.
            await asyncio.to_thread(check_result, settings.slug, name, result, output_schema)
        return result

    async def read_resource(
        self, settings: McpServerSettings, uri: str, *, timeout_s: float, on_log: TellLog | None = None
    ) -> ResourceContent:
        """What stands at an address of the server; raises McpError."""
        answer, _ = await self._counted(settings, resource_request(uri), timeout_s, on_log)
        return read_content(answer)

    async def get_prompt(
        self,
        settings: McpServerSettings,
        name: str,
        arguments: Mapping[str, str],
        *,
        timeout_s: float,
        on_log: TellLog | None = None,
    ) -> FilledPrompt:
        """A prompt of the server with these arguments filled in; raises McpError."""
        answer, _ = await self._counted(settings, prompt_request(name, arguments), timeout_s, on_log)
        return read_messages(answer)

    async def complete(
        self,
        settings: McpServerSettings,
        about: Completable,
        argument: str,
        value: str,
        *,
        given: Mapping[str, str],
        timeout_s: float,
    ) -> Suggestions:
        """Values for an argument that begins like this; none where the server suggests nothing. Raises McpError.

        given   the arguments that are filled in already
        """
        deadline = time.monotonic() + timeout_s
        connection = await self._connected(settings, deadline, timeout_s)
        if connection.client.server_capabilities.completions is None:
            return Suggestions([])
        ask = completion_request(about, argument, value, given)
        # It counts for nothing: a form asks at every pause of whoever types, and most servers do not know it.
        answer, _ = await self._asked(settings, ask, deadline, timeout_s)
        return read_suggestions(answer)

    async def list_all(self, settings: McpServerSettings, *, timeout_s: float) -> ServerListing:
        """Connect anew, whatever transport was found before, and read every page; raises McpError."""
        settings = replace(settings, wire="")
        key = _key(settings)
        deadline = time.monotonic() + timeout_s
        self._breakers.pop(key, None)
        self._retire(key)
        connection = await self._connected(settings, deadline, timeout_s)
        return await read_listing(connection, settings.slug, deadline)

    async def examine(
        self, settings: McpServerSettings, *, tool: str = "", arguments: Mapping[str, Any] | None = None
    ) -> Report:
        """How far a new connection gets, step by step; never raises McpError."""
        return await examine(
            replace(settings, wire=""),
            self._policy,
            accounts=self._accounts,
            tool=tool,
            arguments=arguments,
        )

    async def inspect(
        self, settings: McpServerSettings, method: str, params: Mapping[str, Any], *, timeout_s: float
    ) -> Inspection:
        """One request over a new connection, with every message on it; never raises McpError."""
        return await inspect(
            settings, self._policy, method, params, accounts=self._accounts, timeout_s=timeout_s
        )

    async def check(
        self, settings: McpServerSettings, *, timeout_s: float
    ) -> tuple[dict[str, Any] | None, float]:
        """Whether a new connection comes about: its error as the API shows one, or None, and how long it took."""
        connection = Connection(settings, self._policy, accounts=self._accounts)
        started = time.monotonic()
        error: dict[str, Any] | None = None
        try:
            async with asyncio.timeout(timeout_s):
                await connection.open()
        except McpError as failure:
            error = failure.as_dict()
        except TimeoutError:
            error = errors.timed_out(settings.slug, timeout_s, sent=False).as_dict()
        finally:
            duration_ms = round((time.monotonic() - started) * 1000, 1)
            await connection.close()
        return error, duration_ms

    def take_usage(self) -> dict[str, ServerUse]:
        """Calls by server since this was last asked."""
        uses, self._uses = self._uses, {}
        return uses

    def take_changed(self) -> list[McpServerSettings]:
        """Servers that said their lists changed, since this was last asked."""
        changed, self._changed = self._changed, {}
        return list(changed.values())

    def note_change(self, settings: McpServerSettings) -> None:
        """A server said that its lists changed."""
        self._changed[settings.id] = settings

    async def list_again(self, settings: McpServerSettings, *, timeout_s: float) -> ServerListing | None:
        """What a server offers now, over the connection that stands; None where there is none any more."""
        connection = self._connections.get(_key(settings))
        if connection is None or not connection.is_usable:
            return None
        return await read_listing(connection, settings.slug, time.monotonic() + timeout_s)

    def describe(self) -> list[dict[str, Any]]:
        """The open connections, for a health page: server, transport, calls under way, age and idle time."""
        now = time.monotonic()
        return [
            {
                "server": connection.settings.slug,
                "workspace_id": connection.settings.workspace_id,
                "transport": connection.settings.transport,
                "usable": connection.is_usable,
                "calls": connection.in_use,
                "age_s": round(now - connection.opened_at, 1),
                "idle_s": 0.0 if connection.in_use else round(now - connection.used_at, 1),
            }
            for connection in self._connections.values()
        ]

    async def close(self) -> None:
        """Hang up everywhere; calls under way fail as lost."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait({self._tending})
        for key in list(self._connections):
            self._retire(key)
        connections, self._retired = self._retired, []
        await asyncio.gather(*(connection.close() for connection in connections), return_exceptions=True)

    async def _counted(
        self,
        settings: McpServerSettings,
        ask: Callable[[Client, float], Awaitable[Answer]],
        timeout_s: float,
        on_log: TellLog | None = None,
        asker: Asker | None = None,
    ) -> tuple[Answer, float]:
        """A call that the server's breaker lets through, and that counts for it and for the statistics."""
        breaker = self._breakers.setdefault(_key(settings), Breaker())
        if (rest_s := breaker.rest_s()) > 0:
            raise errors.resting(settings.slug, breaker.failures, rest_s)
        started = time.monotonic()
        try:
            deadline = started + timeout_s
            answer, duration_s = await self._asked(settings, ask, deadline, timeout_s, on_log, asker)
        except McpError as error:
            if error.code in FAILED_TO_ANSWER:
                breaker.failed(connecting=error.code == "mcp_unreachable")
            else:
                breaker.succeeded()
            self._note(settings, time.monotonic() - started, failed=error.code in TROUBLE)
            if error.code == "mcp_unauthorized" and settings.person:
                raise errors.of_person(error, settings.person) from error
            raise
        except BaseException:
            breaker.gave_up()
            raise
        breaker.succeeded()
        self._note(settings, duration_s, failed=False)
        return answer, duration_s

    def _note(self, settings: McpServerSettings, duration_s: float, *, failed: bool) -> None:
        use = self._uses.setdefault(settings.id, ServerUse())
        use.calls += 1
        use.failures += failed
        use.total_ms += duration_s * 1000

    async def _asked(
        self,
        settings: McpServerSettings,
        ask: Callable[[Client, float], Awaitable[Answer]],
        deadline: float,
        timeout_s: float,
        on_log: TellLog | None = None,
        asker: Asker | None = None,
    ) -> tuple[Answer, float]:
        """The answer and how long it took, in seconds.

        A request that came over a session which the server has forgotten was turned away unread; it is sent once
        more over a new one.
        """
        for is_last in (False, True):
            connection = await self._connected(settings, deadline, timeout_s)
            asks_back = connection.asks_back or settings.id in self._asking
            apart = asker is not None and connection.in_use > 0 and asks_back
            if apart:
                connection = await self._opened_apart(settings)
            started, call = time.monotonic(), CallInFlight(asker)
            try:
                within_s = _left(deadline)
                answer = await connection.call(
                    partial(_within, ask, within_s), within_s + MARGIN_S, on_log=on_log, answering=call
                )
                return answer, time.monotonic() - started - call.held_s
            except McpError as error:
                forgotten = error.code == "mcp_connection_lost" and not error.details["sent"]
                if is_last or not forgotten:
                    raise
            finally:
                if connection.asks_back:
                    self._asking.add(settings.id)
                if apart:
                    await connection.close()
        raise AssertionError("the last try returns or raises")

    async def _opened_apart(self, settings: McpServerSettings) -> Connection:
        """A connection for one call, of a server that asks in mid-call without saying in which."""
        connection = Connection(settings, self._policy, accounts=self._accounts)
        try:
            await connection.open()
        except BaseException:
            self._retired.append(connection)
            raise
        return connection

    async def _connected(self, settings: McpServerSettings, deadline: float, timeout_s: float) -> Connection:
        key = _key(settings)
        try:
            async with (
                asyncio.timeout(_left(deadline)),
                self._locks.setdefault(key, asyncio.Lock()),
            ):
                connection = self._connections.get(key)
                if connection is None or not connection.is_usable:
                    self._retire(key)
                    connection = await self._open(key, settings)
                connection.used_at = time.monotonic()
                return connection
        except TimeoutError:
            raise errors.timed_out(settings.slug, timeout_s, sent=False) from None

    async def _open(self, key: Key, settings: McpServerSettings) -> Connection:
        connection = Connection(
            settings,
            self._policy,
            accounts=self._accounts,
            on_changed=partial(self.note_change, settings),
        )
        self._keep_tending()
        try:
            await connection.open()
        except BaseException:
            self._retired.append(connection)
            raise
        for other in [known for known in self._connections if known[0] == key[0] and known[1] != key[1]]:
            self._retire(other)
        self._connections[key] = connection
        return connection

    def _retire(self, key: Key) -> None:
        """Give the connection to nobody any more; calls under way may finish."""
        if (connection := self._connections.pop(key, None)) is not None:
            self._retired.append(connection)

    def _keep_tending(self) -> None:
        if self._tending is None or self._tending.done():
            self._tending = asyncio.create_task(self._tend())

    async def _tend(self) -> None:
        """Closes what is old, idle or retired, for as long as there is anything."""
        pause_s = min(TEND_EVERY_S, self._idle_s / 2)
        while True:
            await asyncio.sleep(pause_s)
            self._retire_stale()
            free = [connection for connection in self._retired if not connection.in_use]
            await asyncio.gather(*(connection.close() for connection in free), return_exceptions=True)
            self._retired = [connection for connection in self._retired if not connection.is_closed]
            self._forget_unused()

    def _retire_stale(self) -> None:
        """Connections that nobody has used for a while, and those that broke."""
        now = time.monotonic()
        for key, connection in list(self._connections.items()):
            is_idle = not connection.in_use and now - connection.used_at > self._idle_s
            if is_idle or not connection.is_usable:
                self._retire(key)

    def _forget_unused(self) -> None:
        """Locks and breakers of revisions that are over."""
        now = time.monotonic()
        self._breakers = {
            key: breaker
            for key, breaker in self._breakers.items()
            if key in self._connections or breaker.touched + BREAKER_KEPT_S > now
        }
        self._locks = {
            key: lock for key, lock in self._locks.items() if lock.locked() or key in self._connections
        }


def _wanted(server: str, read: Callable[[Any], InputRequired], answer: Any) -> InputRequired:
    try:
        return read(answer)
    except ValueError as error:
        raise errors.asks_wrongly(server, str(error)) from error


async def _within(
    ask: Callable[[Client, float], Awaitable[Answer]], within_s: float, client: Client
) -> Answer:
    return await ask(client, within_s)


def _left(deadline: float) -> float:
    """Seconds until a deadline; a little at least, so that what is over is told as a timeout."""
    return max(deadline - time.monotonic(), 0.05)


def _key(settings: McpServerSettings) -> Key:
    return settings.id, settings.revision, settings.account


def _progress(tell: Callable[[str, float | None], None]) -> Callable[..., Any]:
    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        tell(message or "", progress / total if total else None)

    return on_progress
