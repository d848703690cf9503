"""Who is asked: what is known of them while drawing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from builder.accounts.access import Member, member_of
from builder.accounts.actions import add_member
from builder.accounts.command_line import CommandLine
from builder.accounts.models import Membership, User, Workspace
from tests.support.product import a_document, a_node

pytestmark = pytest.mark.django_db


def a_member(workspace: Workspace, name: str, role: str) -> Member:
    email = f"{name}@shop.example"
    add_member(CommandLine(), workspace, email=email, role=role, password="a long password")
    return member_of(Membership.objects.get(user__email=email, workspace=workspace).user, workspace.pk)


@pytest.fixture
def shop() -> Workspace:
    return Workspace.objects.create(slug="shop", name="Shop", timezone="Europe/Berlin")


@pytest.fixture
def admin(shop: Workspace) -> Member:
    return a_member(shop, "admin", "admin")


def a_question(**config: Any) -> dict[str, Any]:
    asked = {"title": "Refund?", "choices": [{"id": "approve"}, {"id": "reject"}], **config}
    return a_document(
        [a_node("start", "manual_trigger"), a_node("ask", "human_handoff", asked)],
        "start>ask",
    )


def told(client: Client, graph: dict[str, Any]) -> list[tuple[str, str, str]]:
    checked = client.post("/api/v1/graphs/check", {"graph": graph}, content_type="application/json").json()
    return [
        (row["field"], row["code"], row["severity"])
        for row in checked["problems"]
        if row["code"] != "free_output"
    ]


def test_whoever_is_asked_is_looked_for_among_the_members(
    shop: Workspace, admin: Member, client: Client
) -> None:
    a_member(shop, "ana", "agent")
    a_member(shop, "gone", "agent")
    User.objects.filter(email="gone@shop.example").update(is_active=False)
    a_member(Workspace.objects.create(slug="elsewhere", name="Elsewhere"), "foreign", "agent")
    client.force_login(admin.user)

    def asked(value: str, kind: str = "person") -> list[tuple[str, str, str]]:
        return told(client, a_question(assign_to={"kind": kind, "value": value}))

    assert asked("Ana@shop.example") == []
    assert asked("gone@shop.example") == [("assign_to/value", "unknown_member", "warning")]
    assert asked("foreign@shop.example") == [("assign_to/value", "unknown_member", "warning")]
    assert asked("agent", "role") == []
    assert asked("chief", "role") == [("assign_to/value", "unknown_role", "error")]
