"""Every route is declared in the matrix, every role gets what the matrix says, a foreign id is a missing one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from builder.accounts.actions import add_member
from builder.accounts.command_line import CommandLine
from builder.accounts.matrix import (
    MCP_PROMPTS,
    MCP_RESOURCES,
    MCP_TOOLS,
    MCP_WORKFLOW_TOOL,
    MOUNTED,
    PUBLIC,
    ROUTES,
    SIGNED_IN,
    SOCKETS,
    Role,
    may,
)
from builder.accounts.models import Membership, User, Workspace
from builder.accounts.tokens import create_token
from builder.mcp_endpoint.endpoint import PATH
from builder.mcp_endpoint.own_tools import OWN_TOOLS
from builder.mcp_endpoint.resources import TEMPLATES
from builder.mcp_endpoint.server import PROMPT
from builder.sockets import socket_urls
from builder.triggers.hooks import ROUTE as WEBHOOKS
from builder.workflows.models import Workflow
from tests.support.workspaces import shop_with_every_role

pytestmark = pytest.mark.django_db


def routes() -> list[str]:
    """Every address that the resolver knows."""

    def walk(patterns: Any, prefix: str) -> list[str]:
        found = []
        for entry in patterns:
            route = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                found += walk(entry.url_patterns, route)
            elif isinstance(entry, URLPattern):
                found.append(route)
        return found

    # The API's own root answers 404 to everybody.
    return sorted(set(walk(get_resolver().url_patterns, "")) - {"api/v1/"})


def test_every_route_and_socket_is_declared_and_nothing_else() -> None:
    assert sorted(ROUTES) == routes()
    assert sorted(SOCKETS) == sorted(str(entry.pattern) for entry in socket_urls)


def test_everything_that_the_mcp_endpoint_offers_is_declared_and_nothing_else() -> None:
    assert list(MOUNTED) == [PATH.lstrip("/"), WEBHOOKS]
    assert list(MCP_TOOLS) == list(OWN_TOOLS)
    assert list(MCP_RESOURCES) == [template for template, *_ in TEMPLATES]
    assert list(MCP_PROMPTS) == [PROMPT]
    verbs = {MCP_WORKFLOW_TOOL, *MCP_TOOLS.values(), *MCP_RESOURCES.values(), *MCP_PROMPTS.values()}
    assert all(may(Role.ADMIN, verb) for verb in verbs)


@pytest.fixture
def shop() -> Workspace:
    return shop_with_every_role()


@pytest.fixture
def outsider() -> Workspace:
    workspace = Workspace.objects.create(slug="elsewhere", name="Elsewhere")
    add_member(
        CommandLine(), workspace, email="outsider@else.example", role="admin", password="a long password"
    )
    return workspace


def token_of(email: str) -> str:
    membership = Membership.objects.get(user__email=email)
    return create_token(membership, name="test", role=membership.role, by=CommandLine())[1]


def address(route: str) -> str:
    """A route with ids that do not exist."""
    parts = []
    for part in route.split("/"):
        if part.startswith("<uuid"):
            part = str(uuid4())
        elif part.startswith("<int"):
            part = "1"
        elif part.startswith("<"):
            part = "missing"
        parts.append(part)
    return "/" + "/".join(parts)


API_CELLS = [
    (route, method, verb)
    for route, methods in ROUTES.items()
    for method, verb in methods.items()
    if route.startswith("api/") and verb != PUBLIC
]


@pytest.mark.parametrize(("route", "method", "verb"), API_CELLS)
def test_an_anonymous_call_is_refused(client: Client, route: str, method: str, verb: str) -> None:
    response = client.generic(method, address(route), "{}", content_type="application/json")
    assert response.status_code == 401
    assert response.json()["code"] == "not_signed_in"


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_what_the_matrix_says(client: Client, shop: Workspace, role: str) -> None:
    headers = {"Authorization": f"Bearer {token_of(f'{role}@shop.example')}"}
    for route, method, verb in API_CELLS:
        if "<" in route or verb == SIGNED_IN:
            continue
        response = client.generic(
            method, address(route), "{}", content_type="application/json", headers=headers
        )
        is_refused = response.status_code == 403
        # A body that does not fit is told before the role where the body is read first; it is never accepted.
        if response.status_code == 422 and not may(role, verb):
            continue
        assert is_refused is not may(role, verb), f"{role} {method} /{route}: {response.status_code}"


def test_a_foreign_id_answers_like_a_missing_one(
    client: Client, shop: Workspace, outsider: Workspace
) -> None:
    workflow = Workflow.objects.create(workspace=shop, slug="secret", name="Secret")
    headers = {"Authorization": f"Bearer {token_of('outsider@else.example')}"}
    foreign = client.get(f"/api/v1/workflows/{workflow.pk}", headers=headers)
    missing = client.get(f"/api/v1/workflows/{uuid4()}", headers=headers)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content


def test_a_token_never_reaches_further_than_its_owner(client: Client, shop: Workspace) -> None:
    membership = Membership.objects.get(user__email="viewer@shop.example")
    _, plain = create_token(membership, name="too much", role="admin", by=CommandLine())
    response = client.post(
        "/api/v1/workflows",
        {"name": "x"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {plain}"},
    )
    assert response.status_code == 403


def test_a_person_who_was_removed_is_refused_at_once(client: Client, shop: Workspace) -> None:
    plain = token_of("builder@shop.example")
    headers = {"Authorization": f"Bearer {plain}"}
    assert client.get("/api/v1/workflows", headers=headers).status_code == 200
    User.objects.filter(email="builder@shop.example").update(is_active=False)
    assert client.get("/api/v1/workflows", headers=headers).status_code == 401


def test_pages_send_a_visitor_to_the_sign_in_and_back(client: Client, shop: Workspace) -> None:
    response = client.get("/runs?status=failed")
    assert response.status_code == 302
    assert response["Location"] == "/sign-in?next=%2Fruns%3Fstatus%3Dfailed"
    form = {"email": "viewer@shop.example", "password": "a long password", "next": "/runs?status=failed"}
    signed_in = client.post("/sign-in", form)
    assert signed_in["Location"] == "/runs?status=failed"
    assert client.get("/inbox").status_code == 403
    elsewhere = client.post("/sign-in", {**form, "next": "https://evil.example/"})
    assert elsewhere["Location"] == "/"


def test_guessing_a_password_is_stopped_after_twenty_tries(client: Client, shop: Workspace) -> None:
    form = {"email": "admin@shop.example", "password": "wrong"}
    answers = [client.post("/sign-in", form) for _ in range(21)]
    assert {answer.status_code for answer in answers} == {422}
    right = client.post("/sign-in", {**form, "password": "a long password"})
    assert right.status_code == 422
    assert "Too many tries" in right.content.decode()


def test_a_change_by_cookie_needs_the_csrf_token(shop: Workspace) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(email="admin@shop.example"))
    response = client.post("/api/v1/workflows", {"name": "x"}, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")


def test_every_middleware_works_without_a_thread_per_request() -> None:
    from django.conf import settings
    from django.utils.module_loading import import_string

    for path in settings.MIDDLEWARE:
        assert getattr(import_string(path), "async_capable", False), path


def test_every_page_carries_the_security_headers(client: Client, shop: Workspace) -> None:
    for path in ("/sign-in", "/healthz", "/api/v1/workflows", "/nothing-here"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "same-origin"
