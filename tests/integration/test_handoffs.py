"""Who is asked: what is known of them while drawing, who sees an item when, and whose answer counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from builder.accounts.access import Member, member_of
from builder.accounts.actions import add_member
from builder.accounts.command_line import CommandLine
from builder.accounts.models import Membership, User, Workspace
from builder.http.models import IdempotencyKey
from builder.inbox.gateway import Inbox
from builder.inbox.models import InboxItem
from builder.workflows.models import Workflow
from runtime.engine import clock
from runtime.gateways import HandoffRequest
from tests.support.product import Embedded, a_document, a_node, eventually, published
from tests.support.workspaces import own_workspace

SOON, LONG_AGO = timedelta(hours=1), timedelta(hours=-1)


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


@pytest.mark.django_db
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
    assert asked("operator", "role") == [("assign_to/value", "unknown_role", "error")]


# --- reminders -------------------------------------------------------------------------------------------


@pytest.fixture
def ana(shop: Workspace) -> Client:
    return signed_in(a_member(shop, "ana", "agent"))


@pytest.fixture
def bo(shop: Workspace) -> Client:
    return signed_in(a_member(shop, "bo", "builder"))


def signed_in(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def an_item(shop: Workspace, title: str = "Refund?", remind_in: timedelta | None = SOON, **data: Any) -> UUID:
    """An item for Ana, and from its reminder on for builders.

    remind_in   from now; None for never
    """
    workflow, _ = Workflow.objects.get_or_create(workspace=shop, slug="refunds", name="Refunds")
    remind_at = (clock.now() + remind_in).isoformat() if remind_in is not None else None
    shown = {
        "title": title,
        "choices": [{"id": "yes"}, {"id": "no"}],
        "assign_to": {"kind": "person", "value": "ana@shop.example"},
        "escalate_to": {"kind": "role", "value": "builder"},
        "remind_at": remind_at,
    }
    request = HandoffRequest(
        run_id=uuid4(),
        workspace_id=shop.pk,
        workflow_id=workflow.pk,
        started_by="bo@shop.example",
        path="ask",
        wait_key=f"handoff:{uuid4()}",
        due_at=None,
        data={**shown, **data},
    )
    Inbox().open_handoff(request)
    return InboxItem.objects.get(wait_key=request.wait_key).pk


def seen(client: Client, query: str = "") -> list[str]:
    return [row["title"] for row in client.get(f"/api/v1/inbox{query}").json()["items"]]


def pass_reminder(item_id: UUID) -> None:
    InboxItem.objects.filter(pk=item_id).update(remind_at=clock.now() + LONG_AGO)


def answer(client: Client, item_id: UUID, choice: str = "yes") -> tuple[int, str]:
    response = client.post(
        f"/api/v1/inbox/{item_id}/answer", {"choice": choice}, content_type="application/json"
    )
    body = response.json()
    return response.status_code, body.get("code") or body["status"]


@pytest.mark.django_db
def test_an_item_escalates_with_its_reminder_everywhere(shop: Workspace, ana: Client, bo: Client) -> None:
    item_id = an_item(shop)

    assert (seen(ana), seen(bo)) == (["Refund?"], [])
    assert bo.get("/inbox/count").content == b""
    assert bo.get(f"/inbox/{item_id}").status_code == 404
    assert bo.get(f"/api/v1/inbox/{item_id}").status_code == 404
    assert answer(bo, item_id) == (404, "not_found")
    assert "Refund?" not in bo.get("/inbox").content.decode()
    assert "Refund?" not in bo.get("/").content.decode()

    pass_reminder(item_id)

    assert (seen(ana), seen(bo)) == (["Refund?"], ["Refund?"])
    assert bo.get("/inbox/count").content == b"1"
    assert bo.get(f"/inbox/{item_id}").status_code == 200
    assert "Refund?" in bo.get("/inbox").content.decode()
    assert "Refund?" in bo.get("/").content.decode()
    assert answer(bo, item_id) == (200, "answered")
    assert answer(ana, item_id, "no") == (409, "already_answered")
    assert (seen(bo, "?status=answered"), seen(ana, "?status=answered")) == (["Refund?"], ["Refund?"])


@pytest.mark.django_db
def test_the_page_of_an_item_tells_who_answered_what_and_when_however_often_it_is_loaded(
    shop: Workspace, ana: Client
) -> None:
    item_id = an_item(shop, choices=[{"id": "yes", "title": "Refund it"}])
    sent = ana.post(f"/inbox/{item_id}", {"choice": "yes", "comment": "Long-standing customer"})
    assert sent.status_code == 302

    for _ in range(2):
        page = ana.get(f"/inbox/{item_id}").content.decode()
        assert all(words in page for words in ("ana answered", "Refund it", "Long-standing customer"))
        answered_at: datetime = InboxItem.objects.get(pk=item_id).closed_at
        told = answered_at.astimezone(ZoneInfo(shop.timezone)).strftime("%-d %b %Y, %H:%M")
        assert f'<time datetime="{answered_at.isoformat()}">{told}</time>' in page


@pytest.mark.django_db
def test_an_answer_that_is_sent_again_is_answered_with_todays_item(shop: Workspace, ana: Client) -> None:
    item_id = an_item(shop)
    send = partial(
        ana.post,
        f"/api/v1/inbox/{item_id}/answer",
        {"choice": "yes"},
        content_type="application/json",
        headers={"Idempotency-Key": "once"},
    )
    first = send().json()
    # What an earlier release remembered of the first one lacks what items have got since.
    assert IdempotencyKey.objects.update(answer={"id": str(item_id)}) == 1

    assert send().json() == first


@pytest.mark.django_db
def test_the_head_of_an_items_page_is_asked_for_by_itself(shop: Workspace, ana: Client) -> None:
    item_id = an_item(shop)
    part = ana.get(f"/inbox/{item_id}", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "Waiting for an answer" in part.content.decode()
    pass_reminder(item_id)
    part = ana.get(f"/inbox/{item_id}", headers={"HX-Request": "true"})
    assert "reminder since 1 hour ago" in part.content.decode()


@pytest.mark.django_db
def test_an_item_that_was_answered_in_time_never_escalates(shop: Workspace, ana: Client, bo: Client) -> None:
    item_id = an_item(shop)
    assert answer(ana, item_id) == (200, "answered")
    closed_at: datetime = InboxItem.objects.get(pk=item_id).closed_at
    InboxItem.objects.filter(pk=item_id).update(
        closed_at=closed_at - timedelta(days=1), remind_at=closed_at - timedelta(hours=1)
    )

    assert (seen(ana, "?status=all"), seen(bo, "?status=all")) == (["Refund?"], [])
    assert answer(bo, item_id) == (404, "not_found")
    assert ana.get(f"/api/v1/inbox/{item_id}").json()["is_overdue"] is False


@pytest.mark.django_db
def test_an_item_that_is_cancelled_or_expires_in_time_never_escalates(shop: Workspace, bo: Client) -> None:
    for close in (Inbox().close_handoff, Inbox().expire_handoff):
        item_id = an_item(shop)
        close(InboxItem.objects.get(pk=item_id).wait_key)
        later = InboxItem.objects.get(pk=item_id).closed_at + timedelta(microseconds=1000)
        InboxItem.objects.filter(pk=item_id).update(remind_at=later)

    assert seen(bo, "?status=all") == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "escalate_to",
    [{"kind": "person", "value": "Bo@shop.example"}, {"kind": "starter"}, {"kind": "anyone"}],
    ids=["person", "starter", "anyone"],
)
def test_whoever_it_escalates_to_sees_it(shop: Workspace, bo: Client, escalate_to: dict[str, str]) -> None:
    item_id = an_item(shop, escalate_to=escalate_to)
    assert seen(bo) == []
    pass_reminder(item_id)
    assert seen(bo) == ["Refund?"]


@pytest.mark.django_db
def test_a_reminder_alone_lets_nobody_else_see_it(shop: Workspace, bo: Client) -> None:
    an_item(shop, remind_in=LONG_AGO, escalate_to=None)
    assert seen(bo) == []


@pytest.mark.django_db
def test_overdue_items_are_marked_and_come_first(shop: Workspace, ana: Client) -> None:
    late = an_item(shop, "Late", LONG_AGO)
    an_item(shop, "Timely", SOON)
    an_item(shop, "Patient", None)

    for page in (ana.get("/inbox").content.decode(), ana.get("/").content.decode()):
        assert page.index("Late") < page.index("Patient") < page.index("Timely")
        assert page.count("Reminder") == 1
    assert "Reminder" in ana.get(f"/inbox/{late}").content.decode()

    told = {row["title"]: row for row in ana.get("/api/v1/inbox").json()["items"]}
    assert {title: row["is_overdue"] for title, row in told.items()} == {
        "Late": True,
        "Timely": False,
        "Patient": False,
    }
    assert datetime.fromisoformat(told["Late"]["remind_at"]) < clock.now()
    assert told["Patient"]["remind_at"] is None
    assert told["Late"]["escalate_to"] == {"kind": "role", "value": "builder"}

    assert answer(ana, late) == (200, "answered")
    assert "Reminder" not in ana.get(f"/inbox/{late}").content.decode()
    assert "Reminder" not in ana.get("/inbox?show=done").content.decode()


def test_a_run_goes_on_with_the_answer_of_whom_it_escalated_to(product: Embedded) -> None:
    people = own_workspace(product, "agent", "builder")
    emails = {row["role"]: row["email"] for row in people["admin"]("GET", "/members")["items"]}
    graph = a_question(
        assign_to={"kind": "person", "value": emails["agent"]},
        remind_in_s="{{ 1 / 2 }}",
        due_in_s=3600,
        escalate_to={"kind": "person", "value": emails["builder"]},
    )
    graph["nodes"].append(a_node("end", "reply", {"text": "{{ steps.ask.answered_by }}"}))
    graph["edges"].append({"source": "ask", "port": "approve", "target": "end"})
    workflow = published(people["admin"], "Escalates", graph)
    run = people["admin"]("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})

    [item] = eventually(lambda: people["builder"]("GET", "/inbox")["items"], what="the escalation")
    people["builder"]("POST", f"/inbox/{item['id']}/answer", {"choice": "approve"})

    assert people["admin"].run_until(run["id"], "succeeded", "failed")["result"] == {
        "text": emails["builder"]
    }
    late = people["agent"]("POST", f"/inbox/{item['id']}/answer", {"choice": "reject"}, expect=409)
    assert late["code"] == "already_answered"
