"""One request of a person, over a connection of its own, with everything that was said on it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as wire
from mcp import Client

from runtime.errors import McpError
from runtime.gateways import McpServerSettings
from runtime.mcp import errors
from runtime.mcp.connection import Connection
from runtime.mcp.oauth_transport import Accounts
from runtime.mcp.trace import Message, Trace
from runtime.outbound.policy import OutboundPolicy


@dataclass(frozen=True)
class Inspection:
    """result is the server's own; error as the API shows one; duration_ms is the request's, without connecting."""

    result: dict[str, Any] | None
    error: dict[str, Any] | None
    duration_ms: float
    messages: list[Message]


async def inspect(
    settings: McpServerSettings,
    policy: OutboundPolicy,
    method: str,
    params: Mapping[str, Any],
    *,
    accounts: Accounts | None,
    timeout_s: float,
) -> Inspection:
    """Make one request: `tools/call`, `resources/read` or `prompts/get`; never raises McpError.

    params   as in the protocol: {"name", "arguments"} or {"uri"}
    """
    trace = Trace()
    connection = Connection(settings, policy, trace=trace, accounts=accounts)
    started = time.monotonic()
    try:
        await connection.open()
        started = time.monotonic()
        answer = await connection.call(_request(method, params), timeout_s)
        duration_ms = _since(started)
        result = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
        return Inspection(result, None, duration_ms, trace.messages)
    except McpError as error:
        return Inspection(None, error.as_dict(), _since(started), trace.messages)
    finally:
        await connection.close()


def _request(method: str, params: Mapping[str, Any]) -> Callable[[Client], Awaitable[Any]]:
    match method:
        case "tools/call":
            call = wire.CallToolRequest(
                params=wire.CallToolRequestParams(
                    name=str(params["name"]), arguments=dict(params.get("arguments") or {})
                )
            )
            return lambda client: client.session.send_request(call, wire.CallToolResult)
        case "resources/read":
            return lambda client: client.read_resource(str(params["uri"]))
        case "prompts/get":
            arguments = {name: str(value) for name, value in (params.get("arguments") or {}).items()}
            return lambda client: client.get_prompt(str(params["name"]), arguments)
    raise errors.failure("", "mcp_protocol_error", f"There is no request {method} here.", sent=False)


def _since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
