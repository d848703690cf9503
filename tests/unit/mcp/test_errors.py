from __future__ import annotations

import httpx2
import pytest
from mcp import MCPError

from runtime.errors import McpError
from runtime.mcp import errors


@pytest.mark.parametrize(
    ("error", "code", "sent"),
    [
        (FileNotFoundError(), "mcp_unreachable", False),
        (PermissionError(), "mcp_unreachable", False),
        (httpx2.ConnectError("refused"), "mcp_unreachable", False),
        (MCPError(-32000, "Connection closed"), "mcp_unreachable", False),
        (MCPError(-32001, "Timed out"), "mcp_unreachable", False),
        (MCPError(-32000, "x", {"kind": "blocked", "sent": False}), "outbound_blocked", False),
        (
            MCPError(-32000, "x", {"kind": "http", "http_status": 401, "sent": True}),
            "mcp_unauthorized",
            False,
        ),
        (
            MCPError(-32000, "x", {"kind": "http", "http_status": 500, "sent": True}),
            "mcp_protocol_error",
            False,
        ),
    ],
)
def test_a_connection_that_does_not_come_about_has_sent_nothing(
    error: Exception, code: str, sent: bool
) -> None:
    known = errors.connecting("shop", ExceptionGroup("", [ExceptionGroup("", [error])]))

    assert (known.code, known.details["sent"]) == (code, sent)


@pytest.mark.parametrize(
    ("error", "code", "sent", "retryable"),
    [
        (MCPError(-32001, "Timed out"), "mcp_timeout", True, True),
        (MCPError(-32000, "Connection closed"), "mcp_connection_lost", True, True),
        (MCPError(-32602, "No such tool"), "mcp_invalid_arguments", True, False),
        (MCPError(-32603, "Internal"), "mcp_protocol_error", True, False),
        (MCPError(-32700, "Parse"), "mcp_protocol_error", True, False),
        (MCPError(-32000, "x", {"kind": "transport", "sent": False}), "mcp_unreachable", False, True),
        (MCPError(-32000, "x", {"kind": "transport", "sent": True}), "mcp_connection_lost", True, True),
        (MCPError(-32000, "x", {"kind": "session_gone", "sent": False}), "mcp_connection_lost", False, True),
        (MCPError(-32000, "x", {"kind": "too_large", "sent": True}), "mcp_too_large", True, False),
        (httpx2.ReadError("reset"), "mcp_connection_lost", True, True),
        (TimeoutError(), "mcp_timeout", True, True),
        (ZeroDivisionError(), "mcp_protocol_error", True, False),
    ],
)
def test_a_call_that_fails_says_whether_it_may_have_arrived(
    error: Exception, code: str, sent: bool, retryable: bool
) -> None:
    known = errors.calling("shop", error, 5)

    assert (known.code, known.details["sent"], known.retryable) == (code, sent, retryable)
    assert "shop" in known.message


@pytest.mark.parametrize(
    ("text", "code", "message", "retryable"),
    [
        (
            '{"error": {"code": "ORDER_NOT_FOUND", "message": "No order 7."}}',
            "ORDER_NOT_FOUND",
            "No order 7.",
            False,
        ),
        ('{"code": "rate_limited", "message": "Slow down."}', "rate_limited", "Slow down.", True),
        ('{"code": "BUSY", "message": "Later.", "retryable": true}', "BUSY", "Later.", True),
        ('{"code": "BUSY", "message": "Later.", "retryable": "yes"}', "BUSY", "Later.", False),
        ("It is broken", None, "It is broken", False),
        ("[1, 2]", None, "[1, 2]", False),
        ("", None, 'The tool "pay" failed without saying why.', False),
    ],
)
def test_a_failed_tool_is_told_in_its_own_words(
    text: str, code: str | None, message: str, retryable: bool
) -> None:
    known: McpError = errors.tool_error("shop", "pay", text)

    assert (known.code, known.details["tool_code"], known.message) == ("mcp_tool_error", code, message)
    assert known.retryable is retryable
    assert known.details["answered"] is True
