"""What ends by itself in the sign-in of programs, and the limit on registrations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.utils import timezone

from builder.accounts.access import member_of
from builder.accounts.models import Membership, User, Workspace
from builder.audit.models import AuditEntry
from builder.oauth_server import grants
from builder.oauth_server.clients import REGISTRATIONS_PER_HOUR
from builder.oauth_server.models import Client, Token

pytestmark = pytest.mark.django_db

RESOURCE = "https://patchbay.example/mcp"
REDIRECT = {"redirect_uris": ["https://assistant.example/back"]}


@pytest.fixture
def membership() -> Membership:
    person = User.objects.create_user("builder@shop.example", "a long password")
    workspace = Workspace.objects.create(slug="shop", name="Shop")
    return Membership.objects.create(user=person, workspace=workspace, role="builder")


@pytest.fixture
def tokens(membership: Membership) -> Any:
    client = Client.objects.create(client_id="assistant", kind="registered", name="Assistant")
    member = member_of(membership.user, membership.workspace_id)
    code = grants.give_grant(member, client, scopes=["mcp:read"], resource=RESOURCE, request={})
    row = grants.code_with(code)
    assert row is not None
    return grants.exchange(row, row.grant.scopes)


def test_an_access_token_ends_after_an_hour_and_a_grant_with_its_refresh_token(tokens: Any) -> None:
    assert grants.access_with(tokens.access_token, RESOURCE) is not None
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert grants.access_with(tokens.access_token, RESOURCE) is None
        assert grants.live_grants().count() == 1
    with time_machine.travel(timezone.now() + Token.LIFE[Token.Kind.REFRESH] + timedelta(minutes=1)):
        assert grants.live_grants().count() == 0


def test_a_token_is_good_for_its_own_resource_only(tokens: Any) -> None:
    assert grants.access_with(tokens.access_token, "https://other.example/mcp") is None


def test_a_person_who_is_shut_out_takes_the_programs_along(tokens: Any, membership: Membership) -> None:
    User.objects.filter(pk=membership.user_id).update(is_active=False)
    assert grants.access_with(tokens.access_token, RESOURCE) is None


def test_what_a_reused_token_ends_is_in_the_audit_log(tokens: Any) -> None:
    row = grants.token_with(tokens.refresh_token, Token.Kind.REFRESH)
    assert row is not None
    grants.exchange(row, ["mcp:read"])
    with pytest.raises(grants.Reused):
        grants.exchange(row, ["mcp:read"])
    entry = AuditEntry.objects.get(verb="program.disconnect")
    assert (entry.actor, entry.via) == ("builder@shop.example", "program Assistant")
    assert entry.details == {"why": "a refresh token came twice"}


def test_no_token_is_stored_as_it_is(tokens: Any) -> None:
    stored = set(Token.objects.values_list("hash", flat=True))
    assert not {tokens.access_token, tokens.refresh_token} & stored


def test_one_address_registers_only_so_many_programs(client: Browser) -> None:
    def register() -> int:
        return client.post("/oauth/register", REDIRECT, content_type="application/json").status_code

    answers = [register() for _ in range(REGISTRATIONS_PER_HOUR + 1)]
    assert set(answers[:-1]) == {201}
    assert answers[-1] == 429


def test_a_program_that_nobody_allowed_anything_is_forgotten(client: Browser, tokens: Any) -> None:
    client.post("/oauth/register", REDIRECT, content_type="application/json")
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        client.post("/oauth/register", REDIRECT, content_type="application/json")
        assert Client.objects.count() == 2
        assert Client.objects.filter(client_id="assistant").exists()


def test_a_secret_is_kept_encrypted_and_asked_for(client: Browser) -> None:
    told = client.post("/oauth/register", REDIRECT, content_type="application/json").json()
    row = Client.objects.get(client_id=told["client_id"])
    assert told["client_secret"] not in row.sealed_secret + str(row.details)
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": told["client_id"]}
    assert client.post("/oauth/token", form).json()["error"] == "invalid_client"
    right = client.post("/oauth/token", {**form, "client_secret": told["client_secret"]})
    assert right.json()["error"] == "invalid_grant"


def test_the_server_describes_itself(client: Browser) -> None:
    found = client.get("/.well-known/mcp/server.json").json()
    assert found["remotes"] == [{"type": "streamable-http", "url": "http://testserver/mcp"}]
    assert found["name"] == "testserver/patchbay"


def test_the_page_of_the_endpoint_has_settings_for_every_program(
    client: Browser, membership: Membership
) -> None:
    client.force_login(membership.user)
    page = client.get("/settings/mcp").content.decode()
    for program in ("Claude Code", "VS Code", "Cursor", "ChatGPT", "MCP inspector"):
        assert f"Settings for {program}, sign in through the browser" in page
    assert "Settings for Cursor, with an api token" in page


def test_this_installation_describes_itself_to_other_servers_when_it_is_public(
    client: Browser, settings: Any
) -> None:
    assert client.get("/mcp-servers/oauth/client.json").status_code == 404
    settings.PUBLIC_URL = "https://patchbay.example"
    document = client.get("/mcp-servers/oauth/client.json").json()
    assert document["client_id"] == "https://patchbay.example/mcp-servers/oauth/client.json"
    assert document["redirect_uris"] == ["https://patchbay.example/mcp-servers/oauth/callback"]
