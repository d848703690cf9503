"""Lists at pages go on with "Older …" as long as there is more, whatever the address asks besides."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client

from builder.accounts.actions import add_member
from builder.accounts.command_line import CommandLine
from builder.accounts.models import User, Workspace
from builder.audit.models import AuditEntry
from builder.inbox.models import InboxItem
from builder.workflows.models import Workflow
from runtime.identifiers import new_id

pytestmark = pytest.mark.django_db
MANY = 120
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def shop() -> Workspace:
    workspace = Workspace.objects.create(slug="shop", name="Shop")
    add_member(CommandLine(), workspace, email="admin@shop.example", role="admin", password="a long password")
    return workspace


@pytest.fixture
def admin(client: Client, shop: Workspace) -> Client:
    client.force_login(User.objects.get(email="admin@shop.example"))
    return client


def rows_of(client: Client, address: str, row: str) -> list[str]:
    """What `row` finds on each of the pages, from the first to the last."""
    path, found = address.split("?")[0], []
    for _ in range(20):
        shown = client.get(address).content.decode()
        found += re.findall(row, shown)
        older = re.search(r'id="older-[a-z]+" href="([^"]+)"', shown)
        if older is None:
            return found
        address = path + unescape(older[1])
    pytest.fail("the list has no end")


def workflows(shop: Workspace, name: str, *, ago_s: int) -> None:
    """Edited three at a time in the same moment."""
    Workflow.objects.bulk_create(
        Workflow(
            workspace=shop,
            slug=f"{name}-{number}",
            name=f"{name} {number:03}",
            updated_at=NOW - timedelta(seconds=ago_s + number // 3),
        )
        for number in range(MANY)
    )


def test_every_workflow_is_listed_once_last_edited_first(admin: Client, shop: Workspace) -> None:
    workflows(shop, "old", ago_s=1000)
    workflows(shop, "new", ago_s=0)
    names = rows_of(admin, "/workflows", r'<span class="title block">([^<]+)</span>')

    assert len(names) == len(set(names)) == 2 * MANY
    edited = dict(Workflow.objects.values_list("name", "updated_at"))
    assert [edited[name] for name in names] == sorted(edited.values(), reverse=True)


def test_older_workflows_are_those_that_were_searched_for(admin: Client, shop: Workspace) -> None:
    workflows(shop, "tea & cake", ago_s=0)
    workflows(shop, "else", ago_s=0)
    names = rows_of(admin, "/workflows?q=tea+%26+cake", r'<span class="title block">([^<]+)</span>')

    assert len(set(names)) == MANY
    assert all(name.startswith("tea &amp; cake") for name in names)


def test_the_inbox_shows_what_is_overdue_first_and_goes_on_among_what_is_done(
    admin: Client, shop: Workspace
) -> None:
    workflow = Workflow.objects.create(workspace=shop, slug="asks", name="Asks")
    InboxItem.objects.bulk_create(
        InboxItem(
            workspace=shop,
            workflow=workflow,
            run_id=new_id(),
            wait_key=f"{status}-{number}",
            title=f"{status} {number}",
            status=status,
            created_at=NOW - timedelta(seconds=MANY - number // 2),
            remind_at=NOW - timedelta(days=1) if number % 2 else None,
        )
        for number in range(MANY)
        for status in ("open", "answered")
    )
    title = r'<span class="title block">((?:open|answered) \d+)</span>'

    waiting = [int(name.split()[1]) for name in rows_of(admin, "/inbox", title)]
    assert waiting == [*range(MANY - 1, 0, -2), *range(MANY - 2, -1, -2)]
    done = rows_of(admin, "/inbox?show=done", title)
    assert len(set(done)) == MANY
    assert all(name.startswith("answered") for name in done)


def test_the_audit_log_is_shown_to_its_beginning(admin: Client, shop: Workspace) -> None:
    AuditEntry.objects.bulk_create(
        AuditEntry(
            workspace_id=shop.pk, actor="x", verb="test", object_kind="x", object_name=f"entry {number}"
        )
        for number in range(MANY)
    )

    assert len(set(rows_of(admin, "/settings/audit", r"test (entry \d+)<"))) == MANY


@pytest.mark.parametrize("address", ["/workflows", "/inbox", "/settings/audit", "/runs"])
@pytest.mark.parametrize("cursor", ["nonsense", "AAAA", "_" * 32, "_" * 22])
def test_a_cursor_that_was_not_given_out_shows_the_beginning(
    admin: Client, address: str, cursor: str
) -> None:
    assert admin.get(address, {"cursor": cursor}).status_code == 200
