"""How servers are: checks come due once, two failures in a row are shown, use is counted, and who depends on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from builder.accounts.models import Workspace
from builder.mcp_servers import health
from builder.mcp_servers.gateway import RegisteredServers
from builder.mcp_servers.models import McpServer, McpUse
from builder.mcp_servers.queries import dependents_of
from builder.workflows.models import Workflow
from runtime.engine.server_care import one_round
from runtime.errors import McpError
from runtime.gateways import Caller, McpServerSettings, ServerUse
from runtime.mcp.pool import McpPool
from tests.integration.mcp.conftest import http_settings
from tests.support.pliable_mcp import a_tool, pliable_mcp
from tests.support.product import a_document, a_node, free_port

ERROR = {"code": "mcp_unreachable", "message": "No.", "retryable": True, "details": {}}


@pytest.fixture
def server(db: None) -> McpServer:
    workspace = Workspace.objects.create(slug="health", name="Health")
    return McpServer.objects.create(
        workspace=workspace,
        slug="crm",
        name="CRM",
        transport="http",
        url="http://127.0.0.1:9/mcp",
        status="ok",
        next_check_at=timezone.now() - timedelta(seconds=1),
    )


def test_a_check_that_is_due_is_given_to_one_host_only(server: McpServer) -> None:
    first, second = RegisteredServers().tend({}), RegisteredServers().tend({})

    assert [settings.slug for settings in first] == ["crm"]
    assert second == []
    server.refresh_from_db()
    assert server.next_check_at is not None
    assert server.next_check_at > timezone.now() + timedelta(seconds=200)


def test_a_command_is_never_started_for_a_check(server: McpServer) -> None:
    server.transport = "stdio"
    assert health.next_check(server, timezone.now()) is None


def test_the_second_failure_in_a_row_is_shown_and_a_success_clears_it(server: McpServer) -> None:
    for shown in ("ok", "error"):
        health.note_check(str(server.pk), ERROR, 5.0)
        server.refresh_from_db()
        assert server.status == shown
    assert server.error == ERROR
    assert server.next_check_at is not None
    assert server.next_check_at < timezone.now() + timedelta(seconds=100)

    health.note_check(str(server.pk), None, 12.0)

    server.refresh_from_db()
    assert (server.status, server.error, server.latency_ms) == ("ok", None, 12.0)


def test_use_adds_up_over_hosts_and_is_told_as_rates(server: McpServer) -> None:
    RegisteredServers().tend({str(server.pk): ServerUse(calls=3, failures=1, total_ms=90)})
    RegisteredServers().tend({str(server.pk): ServerUse(calls=1, failures=0, total_ms=10)})
    old = timezone.now() - timedelta(hours=30)
    McpUse.objects.create(server=server, hour=old, calls=100, failures=100, total_ms=1)

    server.refresh_from_db()
    found = health.health_of(server)

    assert (found.calls, found.failed_percent, found.average_ms) == (4, 25.0, 25.0)
    assert found.last_used_at is not None


def test_workflows_that_use_it_are_found_in_drafts_too(server: McpServer) -> None:
    call = a_node("call", "mcp_tool", {"server": "crm", "tool": "find_contact", "arguments": {}})
    other = a_node("call", "mcp_tool", {"server": "orders", "tool": "get_order", "arguments": {}})
    for name, node in (("uses", call), ("does-not", other)):
        Workflow.objects.create(
            workspace=server.workspace, slug=name, name=name, draft=a_document([node], "")
        )

    assert [(row.slug, row.is_live, row.tools) for row in dependents_of(server)] == [
        ("uses", False, ["find_contact"])
    ]


class FakeServers:
    def __init__(self, due: list[McpServerSettings], *, may_list: bool = True) -> None:
        self.due = due
        self.may_list = may_list
        self.listed: dict[str, Any] = {}
        self.uses: dict[str, ServerUse] = {}
        self.checked: dict[str, Any] = {}

    def tend(self, uses: dict[str, ServerUse]) -> list[McpServerSettings]:
        self.uses = uses
        return self.due

    def claim_listing(self, server_id: str) -> bool:
        return self.may_list

    def note_listing(self, server_id: str, listing: Any) -> None:
        self.listed[server_id] = listing

    def note_check(self, server_id: str, error: Any, duration_ms: float) -> None:
        self.checked[server_id] = error


def around(pool: McpPool, servers: FakeServers) -> Any:
    async def at_once(function: Any, *args: Any) -> Any:
        return function(*args)

    return SimpleNamespace(mcp=pool, gateways=SimpleNamespace(mcp_servers=servers), in_database=at_once)


async def test_a_round_of_a_host_reports_use_and_checks_what_is_due(pool: McpPool) -> None:
    with pliable_mcp() as server:
        server.tools = [a_tool("look")]
        settings = http_settings(server.url)
        await pool.call_tool(settings, "look", {}, timeout_s=5)
        gone = http_settings(f"http://127.0.0.1:{free_port()}/mcp", id="gone")
        servers = FakeServers([settings, gone])

        await one_round(around(pool, servers))

    assert [(use.calls, use.failures) for use in servers.uses.values()] == [(1, 0)]
    assert servers.checked["2"] is None
    assert servers.checked["gone"]["code"] == "mcp_unreachable"
    assert pool.take_usage() == {}


async def test_a_list_that_a_server_says_has_changed_is_read_over_the_same_connection(
    pool: McpPool, hostile: Callable[..., McpServerSettings]
) -> None:
    servers = FakeServers([])
    first = await pool.call_tool(hostile(), "echo", {}, timeout_s=10)
    await pool.call_tool(hostile(), "announces", {}, timeout_s=10)

    await one_round(around(pool, servers))

    assert [tool["name"] for tool in servers.listed["1"]["tools"]] == ["tool_0"]
    again = await pool.call_tool(hostile(), "echo", {}, timeout_s=10)
    assert again.data["pid"] == first.data["pid"]
    await one_round(around(pool, after := FakeServers([])))
    assert after.listed == {}


async def test_what_changed_within_a_minute_is_read_when_that_is_over(
    pool: McpPool, hostile: Callable[..., McpServerSettings]
) -> None:
    await pool.call_tool(hostile(), "announces", {}, timeout_s=10)

    await one_round(around(pool, early := FakeServers([], may_list=False)))
    await one_round(around(pool, later := FakeServers([])))

    assert early.listed == {}
    assert "1" in later.listed


def test_lists_are_read_again_once_a_minute_by_all_hosts_together(server: McpServer) -> None:
    first, second = RegisteredServers(), RegisteredServers()

    assert first.claim_listing(str(server.pk))
    assert not second.claim_listing(str(server.pk))
    McpServer.objects.update(told_at=timezone.now() - timedelta(seconds=61))
    assert second.claim_listing(str(server.pk))


def test_a_definition_that_changed_by_itself_is_blocked(server: McpServer) -> None:
    def listing(description: str) -> dict[str, Any]:
        tool = {
            "name": "find",
            "title": None,
            "description": description,
            "input_schema": {"type": "object"},
            "output_schema": None,
            "annotations": {"readOnlyHint": True},
        }
        about = {"protocol_version": "2025-06-18", "server_name": "x", "server_version": "1"}
        offers = {"tools": [tool], "resources": [], "prompts": []}
        return {**about, "instructions": "", "wire": "streamable", **offers}

    registry = RegisteredServers()
    registry.note_listing(str(server.pk), listing("Finds."))
    registry.tool_for_call(str(server.workspace_id), "crm", "find", Caller("any"))
    registry.note_listing(str(server.pk), listing("Finds, and tells others."))

    with pytest.raises(McpError) as caught:
        registry.tool_for_call(str(server.workspace_id), "crm", "find", Caller("any"))
    assert caught.value.code == "mcp_tool_changed"
