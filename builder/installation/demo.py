"""The demo workspace: people, servers, a model and seven workflows of a web shop, and a few runs made by running them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction

from builder.accounts.access import Member, member_of
from builder.accounts.matrix import Role
from builder.accounts.models import Membership, User, Workspace
from builder.audit.models import AuditEntry
from builder.inbox.actions import answer_item
from builder.inbox.models import InboxItem
from builder.llm_connections.actions import create_connection
from builder.llm_connections.models import ModelConnection
from builder.mcp_servers.actions import register_server
from builder.mcp_servers.errands import refresh_server
from builder.mcp_servers.gateway import settings_of
from builder.mcp_servers.models import McpServer
from builder.mcp_servers.templates import command_templates
from builder.triggers.starting import start_by_person
from builder.workflows.actions import import_workflow, publish_workflow
from builder.workflows.models import Workflow
from runtime.engine.spending import set_timezone
from runtime.engine.waiting import ended
from runtime.models import Run, RunStatus

SLUG = "demo"
PASSWORD = "patchbay-demo"  # noqa: S105  printed at the start: the demo is for looking around on one's own machine
PEOPLE = (
    (Role.ADMIN, "Alex Admin"),
    (Role.BUILDER, "Bo Builder"),
    (Role.OPERATOR, "Oda Operator"),
    (Role.AGENT, "Ana Agent"),
    (Role.VIEWER, "Vic Viewer"),
)
WORKFLOWS = (
    "order-status",
    "delayed-parcel",
    "delayed-parcel-agent",
    "lead-qualification",
    "ask-the-shop",
    "customer-parcels",
    "urgent-tickets",
)
RUN_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Addresses:
    """Where the demo's own servers listen now."""

    model_url: str
    crm_url: str
    carrier_url: str


def email_of(role: str) -> str:
    return f"{role}@demo.example"


def demo_member(role: str = Role.ADMIN) -> Member:
    user = User.objects.get(email=email_of(role))
    return member_of(user, Workspace.objects.get(slug=SLUG).pk)


@dataclass(frozen=True)
class Seeded:
    """What was made: in a new workspace everything, in one of an earlier release what it did not have yet."""

    is_fresh: bool
    servers: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        return bool(self.servers or self.workflows)


def seed_rows(addresses: Addresses) -> Seeded:
    """Make the workspace with everything that needs no worker, or what is new since an earlier release made it.

    The addresses of the demo's servers are brought up to date in any case. What people changed or removed stays so.
    """
    workspace = Workspace.objects.filter(slug=SLUG).first()
    if workspace is None:
        return _make_workspace(addresses)
    ModelConnection.objects.filter(is_demo=True).update(base_url=addresses.model_url)
    for slug, url in {"crm": addresses.crm_url, "carrier": addresses.carrier_url}.items():
        for server in McpServer.objects.filter(is_demo=True, slug=slug).exclude(url=url):
            server.url, server.revision = url, server.revision + 1
            server.save(update_fields=["url", "revision"])
    _move_data()
    return _add_what_is_new(workspace, addresses)


def _make_workspace(addresses: Addresses) -> Seeded:
    with transaction.atomic():
        workspace = Workspace.objects.create(slug=SLUG, name="Northwind Outdoor", timezone="Europe/Berlin")
        set_timezone(workspace.pk, workspace.timezone)
        for role, name in PEOPLE:
            user = User.objects.filter(email=email_of(role)).first()
            user = user or User.objects.create_user(email_of(role), PASSWORD, name=name)
            Membership.objects.create(user=user, workspace=workspace, role=role)
        by = demo_member()
        create_connection(
            by,
            slug="demo-model",
            name="Demo model (rule-based, offline)",
            preset="other",
            base_url=addresses.model_url,
            models=["demo-rules"],
            is_demo=True,
        )
        servers = _servers(addresses)
        _register(by, servers)
        for slug in WORKFLOWS:
            import_workflow(by, _document(slug))
    return Seeded(True, tuple(servers), WORKFLOWS)


def _servers(addresses: Addresses) -> dict[str, tuple[str, dict[str, Any]]]:
    """Slug -> name, and where it is."""
    return {
        "orders": ("Orders and parcels", {"transport": "stdio", "template": "demo-orders"}),
        "crm": ("Contacts and tickets", {"transport": "http", "url": addresses.crm_url}),
        "carrier": ("Carrier", {"transport": "http", "url": addresses.carrier_url}),
        "payments": ("Payments", {"transport": "stdio", "template": "demo-payments"}),
        "messages": ("Messages to customers", {"transport": "stdio", "template": "demo-messages"}),
    }


def _register(by: Member, servers: Mapping[str, tuple[str, dict[str, Any]]]) -> None:
    for slug, (name, where) in servers.items():
        register_server(by, slug=slug, name=name, enable="all", is_demo=True, **where)


def _document(slug: str) -> dict[str, Any]:
    path = settings.BASE_DIR / "examples" / "workflows" / f"{slug}.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _add_what_is_new(workspace: Workspace, addresses: Addresses) -> Seeded:
    if not _is_ours(workspace):
        return Seeded(False)
    by = demo_member()
    offered = command_templates()
    servers = {
        slug: (name, where)
        for slug, (name, where) in _servers(addresses).items()
        if _is_new(workspace, slug) and where.get("template", "demo-orders") in offered
    }
    with transaction.atomic():
        _register(by, servers)
        there = set(
            McpServer.objects.filter(workspace=workspace, is_demo=True).values_list("slug", flat=True)
        )
        known = set(Workflow.objects.filter(workspace=workspace).values_list("slug", flat=True))
        documents = {slug: _document(slug) for slug in WORKFLOWS if slug not in known}
        workflows = [slug for slug, row in documents.items() if set(row["requires"]["mcp_servers"]) <= there]
        for slug in workflows:
            import_workflow(by, documents[slug])
    return Seeded(False, tuple(servers), tuple(workflows))


def _is_ours(workspace: Workspace) -> bool:
    """Not one that only has the demo's name, or whose demo admin is gone."""
    user = User.objects.filter(email=email_of(Role.ADMIN), is_active=True).first()
    is_admin = Membership.objects.filter(user=user, workspace=workspace, role=Role.ADMIN).exists()
    return is_admin and McpServer.objects.filter(workspace=workspace, is_demo=True).exists()


def _is_new(workspace: Workspace, slug: str) -> bool:
    """Whether the workspace never had such a server: one that was removed is not wanted back."""
    had = AuditEntry.objects.filter(
        workspace_id=workspace.pk, verb="mcp_server.register", object_name=slug
    ).exists()
    return not had and not McpServer.objects.filter(workspace=workspace, slug=slug).exists()


def _move_data() -> None:
    """Commands had their files in the data directory itself, where they reach nothing any more."""
    for server in McpServer.objects.filter(is_demo=True, transport="stdio"):
        for old in settings.DATA_DIR.glob(f"demo-{server.slug}.sqlite3*"):
            own_dir = Path(settings_of(server).own_dir)
            own_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            old.rename(own_dir / old.name.removeprefix("demo-"))


def with_left_undone(made: Seeded) -> Seeded:
    """The same, with what was made before when no worker ran: servers never read, workflows nobody touched or published."""
    workspace = Workspace.objects.get(slug=SLUG)
    if not _is_ours(workspace):
        return made
    servers = McpServer.objects.filter(workspace=workspace, is_demo=True, listed_at=None)
    workflows = Workflow.objects.filter(
        workspace=workspace, slug__in=WORKFLOWS, live_version=None, archived_at=None, revision=1
    )
    undone = tuple(workflows.values_list("slug", flat=True))
    has_runs = Run.objects.filter(workspace_id=workspace.pk).exists()
    is_fresh = made.is_fresh or (len(undone) == len(WORKFLOWS) and not has_runs)
    return Seeded(is_fresh, tuple(servers.values_list("slug", flat=True)), undone)


def seed_by_running(seeded: Seeded) -> list[str]:
    """Read the tools of what was made, now or before, publish its workflows and, in a new workspace, make a few runs.

    returns   what did not work
    """
    seeded = with_left_undone(seeded)
    if not seeded.is_any:
        return []
    by = demo_member()
    troubles = []
    for server in McpServer.objects.filter(workspace=by.workspace, slug__in=seeded.servers, listed_at=None):
        listed = async_to_sync(refresh_server)(server)
        if listed.error:
            troubles.append(f"{server.name}: {listed.error['message']}")
    if troubles:
        return troubles
    for workflow in Workflow.objects.filter(
        workspace=by.workspace, slug__in=seeded.workflows, live_version=None
    ):
        publish_workflow(by, workflow)
    if seeded.is_fresh:
        _make_runs(by)
    return []


def _make_runs(by: Member) -> None:
    """A history to look at: answered questions, approved refunds, a lead; and one item that waits."""
    _run(by, "order-status", {"message": "Hi, what is the status of my order #12345?"})
    _run(by, "order-status", {"message": "Where is my parcel? Order 12348"})
    _run(by, "order-status", {"message": "Do you have an opening in your store team?"})
    _run(
        by,
        "lead-qualification",
        _lead(
            "Rosa Klein",
            "rosa@initech.example",
            "Initech",
            "We are 120 people and would like a demo and a quote.",
        ),
    )
    _run(
        by,
        "lead-qualification",
        _lead("Sam Oduya", "sam@globex.example", "Globex", "Any news about our offer?"),
    )
    _approve(_run(by, "delayed-parcel", {"message": "Order #12352 never came. Please refund me."}))
    complaint = {"message": "The mug of order #12346 never came. I want my money back."}
    _approve(_run(by, "delayed-parcel-agent", complaint, trigger="form"))
    _run(by, "lead-qualification", _lead("Kim Park", "kim@example.net", "", "Is there a price list?"))


def _lead(name: str, email: str, company: str, message: str) -> dict[str, str]:
    return {"name": name, "email": email, "company": company, "message": message}


def _run(by: Member, slug: str, given: dict[str, str], *, trigger: str | None = None) -> Run:
    """Start a run and wait until it ends or waits for a person.

    trigger   the form that is filled in; without it `given` is the body of the workflow's only webhook
    """
    workflow = Workflow.objects.select_related("workspace", "live_version__graph").get(
        workspace=by.workspace, slug=slug
    )
    values = {"body": given} if trigger is None else given
    run = start_by_person(by, workflow, input=values, trigger=trigger, draft=False)
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while time.monotonic() < deadline:
        run.refresh_from_db()
        if ended(run.pk) or run.status == RunStatus.WAITING:
            break
        time.sleep(0.05)
    return run


def _approve(run: Run) -> None:
    """Give the first answer of what the run waits for, if it waits for a person."""
    item = InboxItem.objects.filter(run_id=run.pk, status=InboxItem.Status.OPEN).first()
    if item is not None:
        answer_item(
            demo_member(Role.AGENT), item, choice=item.choices[0]["id"], answers={}, comment="Goodwill."
        )
