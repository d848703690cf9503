"""Workflows that were archived: listed apart, read, brought back under their own name, and started by nothing meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from builder.accounts.access import Member, member_of
from builder.accounts.command_line import CommandLine
from builder.accounts.matrix import Role, may
from builder.accounts.models import Membership, Workspace
from builder.accounts.tokens import create_token
from builder.audit.models import AuditEntry
from builder.mcp_endpoint.offered import offered_tools
from builder.triggers.starting import start_live
from builder.workflows import actions
from builder.workflows.models import Workflow
from runtime.engine import clock, process, schedules
from runtime.errors import GraphInvalid
from runtime.models import Run, Schedule
from tests.support.product import a_document, a_node
from tests.support.workspaces import shop_with_every_role

pytestmark = pytest.mark.django_db
END = a_node("end", "reply", {"text": "Hi"})
HOURLY = a_document([a_node("start", "schedule_trigger", {"every_s": 3600}), END], "start>end")
TOOL = a_document(
    [a_node("start", "tool_trigger", {"name": "greet", "description": "Greets."}), END], "start>end"
)
Call = Callable[..., Any]


@pytest.fixture
def shop() -> Workspace:
    return shop_with_every_role()


@pytest.fixture
def admin(shop: Workspace) -> Member:
    return member_of(Membership.objects.get(user__email="admin@shop.example").user, shop.pk)


@pytest.fixture
def call(client: Client, shop: Workspace) -> Call:
    """Asks the API with a role's token."""

    def ask(method: str, path: str, body: Any = None, *, role: str = "builder") -> Any:
        membership = Membership.objects.get(user__email=f"{role}@shop.example")
        _, plain = create_token(membership, name="test", role=role, by=CommandLine())
        headers = {"Authorization": f"Bearer {plain}"}
        sent = {"data": body, "content_type": "application/json"} if body is not None else {}
        return getattr(client, method)(f"/api/v1/workflows{path}", headers=headers, **sent)

    return ask


def publish(by: Member, name: str, graph: dict[str, Any]) -> Workflow:
    workflow = actions.create_workflow(by, name=name, graph=graph)
    actions.publish_workflow(by, workflow)
    workflow.refresh_from_db()
    return workflow


def archived(by: Member, name: str, graph: dict[str, Any]) -> Workflow:
    workflow = publish(by, name, graph)
    actions.archive_workflow(by, workflow)
    return workflow


def slugs(answer: Any) -> list[str]:
    return [row["slug"] for row in answer.json()["items"]]


def test_an_archived_workflow_is_listed_apart_and_can_be_read(call: Call, admin: Member) -> None:
    publish(admin, "In use", HOURLY)
    workflow = archived(admin, "Old", HOURLY)

    assert slugs(call("get", "")) == ["in-use"]
    assert slugs(call("get", "?archived=true")) == ["old"]
    assert call("get", f"/{workflow.pk}").status_code == 404
    for path in ("?archived=true", "/versions", "/versions/1", "/export"):
        assert call("get", f"/{workflow.pk}{path}", role="viewer").status_code == 200
    assert call("get", f"/{workflow.pk}?archived=true").json()["archived_at"] is not None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", "", {"name": "New"}),
        ("put", "/draft", {"graph": HOURLY, "revision": 1}),
        ("post", "/publish", {}),
        ("post", "/versions/1/publish", {}),
        ("post", "/runs", {"draft": True}),
        ("post", "/resume", {}),
        ("post", "/pause", {}),
    ],
)
def test_an_archived_workflow_is_neither_changed_nor_started(
    call: Call, admin: Member, method: str, path: str, body: Any
) -> None:
    workflow = archived(admin, "Old", HOURLY)
    answer = call(method, f"/{workflow.pk}{path}", body, role="admin")

    assert (answer.status_code, answer.json()["code"]) == (409, "archived")


@pytest.mark.parametrize(
    ("action", "body"), [("retry", None), ("replay", {}), ("replay", {"version": "draft"})]
)
def test_no_run_of_an_archived_workflow_is_tried_or_run_again(
    admin: Member, client: Client, action: str, body: dict[str, Any] | None
) -> None:
    workflow = publish(admin, "Old", HOURLY)
    run = start_live(workflow, "start", {}, started_by="schedule")
    assert run is not None
    Run.objects.filter(pk=run.pk).update(status="failed", ended_at=clock.now(), due_at=None)
    actions.archive_workflow(admin, workflow)
    client.force_login(admin.user)

    answer = client.post(f"/api/v1/runs/{run.pk}/{action}", body or {}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (409, "archived")
    assert Run.objects.count() == 1


@pytest.mark.parametrize("role", list(Role))
def test_who_may_edit_restores(call: Call, admin: Member, role: str) -> None:
    workflow = archived(admin, "Old", HOURLY)
    answer = call("post", f"/{workflow.pk}/restore", role=role)

    assert answer.status_code == (200 if may(role, "workflow.edit") else 403)
    workflow.refresh_from_db()
    assert (workflow.archived_at is None) == may(role, "workflow.edit")


def test_a_restore_leaves_the_workflow_paused_and_one_entry_in_the_audit_log(
    call: Call, admin: Member
) -> None:
    workflow = archived(admin, "Old", HOURLY)
    restored = call("post", f"/{workflow.pk}/restore").json()
    call("post", f"/{workflow.pk}/restore")

    assert (restored["slug"], restored["paused"], restored["archived_at"]) == ("old", True, None)
    assert AuditEntry.objects.filter(verb="workflow.restore").count() == 1
    Schedule.objects.update(due_at=clock.now() - timedelta(seconds=2))
    schedules.fire_due(process.gateways())
    assert Run.objects.count() == 0
    call("post", f"/{workflow.pk}/resume", role="operator")
    schedules.fire_due(process.gateways())
    assert Run.objects.count() == 1


def test_what_was_never_published_comes_back_without_a_pause(admin: Member) -> None:
    workflow = actions.create_workflow(admin, name="Draft", graph=HOURLY)
    actions.archive_workflow(admin, workflow)

    assert not actions.restore_workflow(admin, workflow).is_paused


def test_an_archived_workflow_keeps_its_slug(admin: Member) -> None:
    first = archived(admin, "Greets", HOURLY)
    second = publish(admin, "Greets", HOURLY)
    restored = actions.restore_workflow(admin, first)

    assert (restored.slug, second.slug) == ("greets", "greets-2")


def test_a_restored_tool_is_offered_again_from_the_resume_on(admin: Member, shop: Workspace) -> None:
    workflow = actions.restore_workflow(admin, archived(admin, "Greets", TOOL))
    assert not offered_tools(shop).exists()

    actions.resume_workflow(admin, workflow)
    assert [tool.workflow_id for tool in offered_tools(shop)] == [workflow.pk]


def test_a_tool_whose_name_was_taken_meanwhile_is_told_at_the_resume(admin: Member, shop: Workspace) -> None:
    workflow = archived(admin, "Greets", TOOL)
    other = publish(admin, "Greets too", TOOL)
    workflow = actions.restore_workflow(admin, workflow)

    with pytest.raises(GraphInvalid, match="Greets too"):
        actions.resume_workflow(admin, workflow)
    workflow.refresh_from_db()
    assert workflow.is_paused
    assert [tool.workflow_id for tool in offered_tools(shop)] == [other.pk]


def test_the_page_says_how_a_resume_was_refused(client: Client, admin: Member) -> None:
    client.force_login(admin.user)
    workflow = archived(admin, "Greets", TOOL)
    publish(admin, "Greets too", TOOL)

    refused = client.post(f"/workflows/{workflow.pk}/resume", follow=True).content.decode()
    assert "“Greets” is archived. Restore it first." in refused
    client.post(f"/workflows/{workflow.pk}/restore")
    told = client.post(f"/workflows/{workflow.pk}/resume", follow=True).content.decode()
    assert "Greets too" in told
    assert "Choose another name" in told
