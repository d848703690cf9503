from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.gateways import McpServerSettings
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy
from tests.support.processes import ROOT


@pytest.fixture
async def pool() -> AsyncIterator[McpPool]:
    pool = McpPool(OutboundPolicy.parse("127.0.0.1"))
    yield pool
    await pool.close()


@pytest.fixture
def hostile() -> Callable[..., McpServerSettings]:
    """Settings of the rule-breaking stdio server."""

    def settings(start: str = "normal", **changed: Any) -> McpServerSettings:
        command = (sys.executable, "-m", "tests.support.hostile_mcp", start)
        return stdio_settings(command, **changed)

    return settings


@pytest.fixture
def orders(tmp_path: Path) -> McpServerSettings:
    command = (sys.executable, "-m", "examples.orders_server", "--data", str(tmp_path / "orders.sqlite3"))
    return stdio_settings(command)


def stdio_settings(command: tuple[str, ...], **changed: Any) -> McpServerSettings:
    values: dict[str, Any] = {"id": "1", "workspace_id": "w", "slug": "shop", "cwd": str(ROOT)}
    return McpServerSettings(transport="stdio", command=command, **{**values, **changed})


def http_settings(url: str, **changed: Any) -> McpServerSettings:
    values: dict[str, Any] = {"id": "2", "workspace_id": "w", "slug": "crm"}
    return McpServerSettings(transport="http", url=url, **{**values, **changed})
