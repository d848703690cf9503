"""The connection doctor: how far a connection gets, step by step, and what to mend where it ends.

It opens a connection of its own, so that a pooled one, or a rest after failures, does not hide anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.gateways import McpServerSettings
from runtime.mcp.connection import Connection
from runtime.mcp.doctor.command import CommandChecks
from runtime.mcp.doctor.protocol import ProtocolChecks
from runtime.mcp.doctor.report import STEP_LIMIT_S, Report, carry_out
from runtime.mcp.doctor.web import WebChecks
from runtime.mcp.oauth_transport import Accounts
from runtime.outbound.policy import OutboundPolicy


async def examine(
    settings: McpServerSettings,
    policy: OutboundPolicy,
    *,
    accounts: Accounts | None = None,
    tool: str = "",
    arguments: Mapping[str, Any] | None = None,
    step_limit_s: float = STEP_LIMIT_S,
) -> Report:
    """Try everything up to a call; each step is ok, failed or skipped.

    tool   one that only reads, to be called at the end; none where there is no such tool
    """
    connection = Connection(settings, policy, accounts=accounts)
    protocol = ProtocolChecks(connection, tool, arguments or {})
    if settings.transport == "stdio":
        checks = [*CommandChecks(settings, connection, protocol).all(), *protocol.all()]
    else:
        checks = [*WebChecks(settings, policy).all(), *protocol.all()]
    try:
        return await carry_out(checks, step_limit_s=step_limit_s)
    finally:
        await protocol.close()
