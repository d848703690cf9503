"""A demo that an earlier release made gets what is new, once, and keeps what people made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from builder.accounts.models import Membership, Workspace
from builder.audit.models import AuditEntry
from builder.installation import demo
from builder.installation.demo import WORKFLOWS, Addresses, Seeded, seed_rows, with_left_undone
from builder.mcp_servers.actions import change_server, remove_server
from builder.mcp_servers.models import McpServer
from builder.mcp_servers.templates import command_templates
from builder.workflows.models import Workflow
from tests.support.processes import ROOT

pytestmark = pytest.mark.django_db

ADDRESSES = Addresses("http://127.0.0.1:1/v1", "http://127.0.0.1:2/mcp", "http://127.0.0.1:3/mcp")
NEW_SERVERS, AGENT = ("carrier", "payments", "messages"), "delayed-parcel-agent"


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Its data directory."""
    settings.DATA_DIR = tmp_path
    settings.STDIO_TEMPLATES = str(ROOT / "examples" / "stdio-templates.toml")
    command_templates.cache_clear()
    yield tmp_path
    command_templates.cache_clear()


@pytest.fixture
def earlier() -> None:
    """As a release left it that had two servers and no agent."""
    assert seed_rows(ADDRESSES).is_fresh
    McpServer.objects.filter(slug__in=NEW_SERVERS).delete()
    AuditEntry.objects.filter(verb="mcp_server.register", object_name__in=NEW_SERVERS).delete()
    Workflow.objects.filter(slug=AGENT).delete()


@pytest.mark.usefixtures("earlier")
def test_what_is_new_is_added_once() -> None:
    assert seed_rows(ADDRESSES) == Seeded(False, NEW_SERVERS, (AGENT,))
    assert set(McpServer.objects.values_list("slug", flat=True)) == {"orders", "crm", *NEW_SERVERS}
    assert McpServer.objects.get(slug="carrier").url == ADDRESSES.carrier_url
    assert seed_rows(ADDRESSES) == Seeded(False)


@pytest.mark.usefixtures("earlier")
def test_what_people_changed_renamed_or_removed_stays_so() -> None:
    by = demo.demo_member()
    change_server(by, McpServer.objects.get(slug="orders"), {"name": "Our orders"})
    order_status = Workflow.objects.get(slug="order-status")
    order_status.name = "Our status"
    order_status.save()
    seed_rows(ADDRESSES)
    remove_server(by, McpServer.objects.get(slug="payments"))

    assert seed_rows(ADDRESSES) == Seeded(False)
    assert not McpServer.objects.filter(slug="payments").exists()
    assert McpServer.objects.get(slug="orders").name == "Our orders"
    assert Workflow.objects.get(slug="order-status").name == "Our status"


@pytest.mark.usefixtures("earlier")
def test_a_server_of_ones_own_under_the_name_is_left_alone_and_the_agent_is_not_added() -> None:
    McpServer.objects.create(
        workspace=Workspace.objects.get(),
        slug="payments",
        name="Ours",
        transport="http",
        url="https://x.example",
    )
    assert seed_rows(ADDRESSES) == Seeded(False, ("carrier", "messages"))
    assert McpServer.objects.get(slug="payments").name == "Ours"


@pytest.mark.usefixtures("earlier")
def test_nothing_is_added_where_the_demo_admin_is_gone_or_the_workspace_is_none_of_the_demo() -> None:
    Membership.objects.filter(user__email="admin@demo.example").update(role="builder")
    assert seed_rows(ADDRESSES) == Seeded(False)
    Membership.objects.filter(user__email="admin@demo.example").update(role="admin")
    McpServer.objects.update(is_demo=False)
    assert seed_rows(ADDRESSES) == Seeded(False)


@pytest.mark.usefixtures("earlier")
def test_the_files_of_commands_move_to_where_they_can_reach_them(installation: Path) -> None:
    (installation / "demo-orders.sqlite3").write_text("orders")
    (installation / "demo-crm.sqlite3").write_text("crm")
    seed_rows(ADDRESSES)
    orders = McpServer.objects.get(slug="orders")
    assert (installation / "servers" / str(orders.pk) / "orders.sqlite3").read_text() == "orders"
    assert not (installation / "demo-orders.sqlite3").exists()
    assert (installation / "demo-crm.sqlite3").exists()


def test_what_was_made_without_a_worker_is_finished_later() -> None:
    made = seed_rows(ADDRESSES)
    again = with_left_undone(seed_rows(ADDRESSES))
    assert (again.is_fresh, set(again.servers), set(again.workflows)) == (
        True,
        set(made.servers),
        set(WORKFLOWS),
    )

    Workflow.objects.filter(slug="order-status").update(revision=2)
    Workflow.objects.filter(slug="ask-the-shop").update(archived_at=timezone.now())
    McpServer.objects.filter(slug="crm").update(listed_at=timezone.now())
    later = with_left_undone(Seeded(False))
    assert set(later.workflows) == set(WORKFLOWS) - {"order-status", "ask-the-shop"}
    assert set(later.servers) == set(made.servers) - {"crm"}
