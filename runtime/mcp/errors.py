"""Every way an MCP call fails, as an McpError with a stable code.

details["sent"] is false where the request certainly never took effect (it did not reach the server, or was
turned away unread), true where it may have;
details["answered"] is true where the server gave a definite answer. The engine decides by them whether the
outcome of a call is unknown.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx2
from mcp import MCPError
from pydantic import ValidationError

from runtime.errors import McpError
from runtime.web_addresses import is_safe_address

TIMEOUT, CLOSED, INVALID_PARAMS, METHOD_NOT_FOUND, PARSE = -32001, -32000, -32602, -32601, -32700
RESOURCE_NOT_FOUND = -32002
ADDRESS_REQUIRED = -32042
"""Of the revision of 2025-11-25: a person is to open an address before the call is made again."""
CONNECT_AGAIN = "connect_again"
"""The error in our own 401 where an account has no token."""
TRY_AGAIN = frozenset({"RATE_LIMITED", "RATE_LIMIT_EXCEEDED", "TEMPORARILY_UNAVAILABLE", "TRY_AGAIN"})


def failure(server: str, code: str, message: str, *, retryable: bool = False, **details: Any) -> McpError:
    return McpError(message, code=code, retryable=retryable, details={"server": server, **details})


def unwrap(error: BaseException) -> BaseException:
    """The one error inside nested groups."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) >= 1:
        error = error.exceptions[0]
    return error


def timed_out(server: str, timeout_s: float, *, sent: bool = True) -> McpError:
    # What was left after the connection, as a person would say it.
    timeout_s = round(timeout_s, 1) or timeout_s
    return failure(
        server,
        "mcp_timeout",
        f'"{server}" did not answer within {timeout_s:g} s. Give the step more time, or look at the server.',
        retryable=True,
        sent=sent,
        timeout_s=timeout_s,
    )


def lost(server: str, why: str) -> McpError:
    message = f'The connection to "{server}" broke off in the middle of the call. {why}'.strip()
    return failure(server, "mcp_connection_lost", message, retryable=True, sent=True)


def session_gone(server: str) -> McpError:
    """The server no longer knows the session and did not look at the request."""
    message = f'"{server}" has forgotten the session, probably because it was restarted. Try again.'
    return failure(server, "mcp_connection_lost", message, retryable=True, sent=False)


def unreachable(server: str, why: str) -> McpError:
    message = f'"{server}" cannot be reached: {why} Check that it runs, and its address.'
    return failure(server, "mcp_unreachable", message, retryable=True, sent=False)


def resting(server: str, failures: int, rest_s: float) -> McpError:
    """It keeps failing and is not asked for now."""
    message = f'"{server}" failed {failures} times in a row and is given a rest. It is tried again by itself.'
    details = {"sent": False, "retry_after_s": round(rest_s, 1)}
    return failure(server, "mcp_unreachable", message, retryable=True, **details)


def connecting(server: str, error: BaseException, said: str = "") -> McpError:
    """Why a connection did not come about: nothing was asked of the server yet.

    said   a sentence with the last words of a server that was started here
    """
    error = unwrap(error)
    match error:
        case McpError():
            return error
        case MCPError():
            return _handshake(server, error, said)
        case FileNotFoundError():
            return unreachable(server, "the command does not exist on this machine.")
        case PermissionError():
            return unreachable(server, "the command may not be run.")
        case httpx2.TransportError() | OSError():
            return unreachable(server, f"{error}.{said}")
    return unreachable(server, f"{type(error).__name__}.{said}")


def _handshake(server: str, error: MCPError, said: str) -> McpError:
    if error.code == TIMEOUT:
        return unreachable(server, f"it does not answer the first message of the protocol.{said}")
    known = _protocol(server, error)
    if known.code == "mcp_connection_lost":
        return unreachable(server, f"it closed the connection at once.{said}")
    known.details["sent"] = False
    return known


def calling(server: str, error: BaseException, timeout_s: float) -> McpError:
    """Why a call failed after the connection stood."""
    error = unwrap(error)
    match error:
        case McpError():
            return error
        case MCPError():
            return timed_out(server, timeout_s) if error.code == TIMEOUT else _protocol(server, error)
        case TimeoutError():
            return timed_out(server, timeout_s)
        case ValidationError():
            message = f'"{server}" answered with something that is no MCP result.'
            return failure(server, "mcp_protocol_error", message, sent=True)
        case httpx2.HTTPError() | httpx2.StreamError() | ConnectionError() | OSError():
            return lost(server, str(error))
    return failure(server, "mcp_protocol_error", f'"{server}": {type(error).__name__}', sent=True)


def _protocol(server: str, error: MCPError) -> McpError:
    data = error.data if isinstance(error.data, dict) else {}
    kind, status = data.get("kind"), data.get("http_status")
    match kind:
        case "blocked":
            message = (
                f'The address of "{server}" is private and not allowed here. The instance admin can allow it '
                "(PATCHBAY_OUTBOUND_ALLOW)."
            )
            return failure(server, "outbound_blocked", message, sent=False)
        case "transport":
            return lost(server, "") if data.get("sent") else unreachable(server, f"{error.message}.")
        case "session_gone":
            return session_gone(server)
        case "too_large":
            return too_large(server)
        case "compressed":
            return failure(server, "mcp_protocol_error", f'"{server}" sends compressed replies.', sent=True)
        case "http":
            return _status(server, int(status or 0), data)
    if error.code == INVALID_PARAMS:
        message = f'"{server}" refuses the arguments: {error.message}'
        return failure(server, "mcp_invalid_arguments", message, sent=True, answered=True)
    if error.code == RESOURCE_NOT_FOUND:
        message = f'"{server}" has no resource at this address: {error.message}'
        return failure(server, "mcp_resource_not_found", message, sent=True, answered=True)
    if error.code == ADDRESS_REQUIRED:
        return _address_required(server, data)
    if error.code == CLOSED:
        return lost(server, "")
    if error.code == PARSE:
        return failure(
            server, "mcp_protocol_error", f'"{server}" answered with something that is no JSON.', sent=True
        )
    message = f'"{server}" answered with an error: {error.message}'
    return failure(server, "mcp_protocol_error", message, sent=True, answered=True, rpc_code=error.code)


def _address_required(server: str, data: dict[str, Any]) -> McpError:
    """Only steps that call a tool can ask a person; this is what everybody else is told."""
    rows = data.get("elicitations")
    addresses = (
        [str(row.get("url")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    )
    hosts = [urlsplit(address).hostname or "" for address in addresses[:5] if is_safe_address(address)]
    page = f"a page of {', '.join(hosts)}" if hosts else "a page"
    message = f'"{server}" wants a person to open {page} first. Call it as a tool in a workflow: there people are asked.'
    return failure(server, "mcp_input_required", message, sent=True, answered=True, hosts=hosts)


def wanted_addresses(error: McpError) -> Any:
    """What an older server's error asks a person to open, as it came; None for any other error."""
    cause = unwrap(error.__cause__) if error.__cause__ else None
    if isinstance(cause, MCPError) and cause.code == ADDRESS_REQUIRED:
        return (cause.data if isinstance(cause.data, dict) else {}).get("elicitations") or ()
    return None


def _status(server: str, status: int, data: dict[str, Any]) -> McpError:
    challenge = str(data.get("www-authenticate", ""))
    if CONNECT_AGAIN in challenge or "insufficient_scope" in challenge:
        why = "wants more rights" if status == 403 else "has ended the sign-in"
        message = f'"{server}" {why}. Connect again on its page.'
        return failure(server, "mcp_unauthorized", message, sent=True, answered=True, connect_again=True)
    if status in {401, 403}:
        message = f'"{server}" refuses the sign-in (HTTP {status}). Enter a valid token on its page.'
        return failure(server, "mcp_unauthorized", message, sent=True, answered=True, http_status=status)
    retryable = status in {429, 502, 503, 504}
    details: dict[str, Any] = {"http_status": status, "sent": True, "answered": status < 500}
    wait = str(data.get("retry-after", ""))
    if wait.isdecimal():
        details["retry_after_s"] = int(wait)
    message = f'"{server}" answered with HTTP {status}.'
    if status in {404, 405}:
        message += " Is this the address of its MCP endpoint?"
    return failure(server, "mcp_protocol_error", message, retryable=retryable, **details)


def refused(server: str, refusal: dict[str, Any]) -> McpError:
    """The server turned the handshake away for want of a sign-in."""
    known = _status(server, int(refusal["http_status"]), refusal)
    known.details["sent"] = False
    return known


def too_large(server: str) -> McpError:
    message = f'The answer of "{server}" is larger than can be taken. Ask the tool for less at a time.'
    return failure(server, "mcp_too_large", message, sent=True)


def asks_wrongly(server: str, why: str) -> McpError:
    """What the server asks back cannot be answered; its call has ended without a result."""
    message = f'"{server}" asks back in a way that cannot be answered: it {why}.'
    return failure(server, "mcp_protocol_error", message, sent=True, answered=True)


def asks_back(server: str, tool: str) -> McpError:
    """A server asks a person or a model first, where there is nobody to ask."""
    message = (
        f'"{server}" asks something before "{tool}" goes on. Try it in a workflow: there people can answer.'
    )
    return failure(server, "mcp_input_required", message, sent=True, answered=True)


def of_person(error: McpError, person: str) -> McpError:
    """The same about an account that is a person's own: only they can mend it."""
    server = error.details["server"]
    message = f'The account of {person} at "{server}" does not work. {person} must connect it on the server\'s page.'
    details = {**error.details, "person": person}
    return McpError(message, code=error.code, retryable=error.retryable, details=details)


def tool_error(server: str, tool: str, text: str) -> McpError:
    """The tool itself says that it failed; its code, if it gives one, says whether trying again helps."""
    found = _structured(text)
    code = str(found.get("code") or "")
    said = str(found.get("message") or text).strip()[:2000]
    retryable = code.upper() in TRY_AGAIN or found.get("retryable") is True
    return failure(
        server,
        "mcp_tool_error",
        said or f'The tool "{tool}" failed without saying why.',
        retryable=retryable,
        tool=tool,
        tool_code=code or None,
        text=text[:4000],
        sent=True,
        answered=True,
    )


def _structured(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        value = value["error"]
    return value if isinstance(value, dict) else {}
