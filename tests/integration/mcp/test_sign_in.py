"""How an admin writes the sign-in of a server: one header or several, kept, changed and refused."""

from __future__ import annotations

from typing import Any

import pytest

from builder.accounts.models import Workspace
from builder.http.errors import Invalid
from builder.mcp_servers.gateway import settings_of
from builder.mcp_servers.models import McpServer
from builder.mcp_servers.sign_in import set_sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> McpServer:
    workspace = Workspace.objects.create(slug="headers", name="Headers")
    return McpServer(workspace=workspace, slug="crm", name="CRM", transport="http", url="https://crm.example")


def headers(**values: str) -> dict[str, Any]:
    return {
        "kind": "header",
        "headers": [{"name": name.replace("_", "-"), "value": value} for name, value in values.items()],
    }


def test_several_headers_go_with_each_request(server: McpServer) -> None:
    set_sign_in(server, headers(X_Key="one", X_Team="two"))
    assert settings_of(server).headers == {"X-Key": "one", "X-Team": "two"}
    assert "one" not in server.sealed_auth


def test_the_form_of_one_header_still_works(server: McpServer) -> None:
    set_sign_in(server, {"kind": "header", "header": "X-Key", "value": "one"})
    assert settings_of(server).headers == {"X-Key": "one"}


def test_an_empty_value_is_kept_and_a_header_that_is_left_out_is_gone(server: McpServer) -> None:
    set_sign_in(server, headers(X_Key="one", X_Team="two", X_Old="three"))
    set_sign_in(server, headers(X_Team="", X_Key="new"))
    assert settings_of(server).headers == {"X-Team": "two", "X-Key": "new"}


@pytest.mark.parametrize(
    "given",
    [
        headers(X_Key=""),
        headers(Host="x"),
        headers(Mcp_Name="x"),
        headers(X_Key="a\nb"),
        {"kind": "header", "headers": [{"name": "X Key", "value": "x"}]},
        {"kind": "header", "headers": [{"name": "X-A", "value": "1"}, {"name": "x-a", "value": "2"}]},
        {"kind": "magic"},
    ],
)
def test_what_cannot_be_sent_is_refused(server: McpServer, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        set_sign_in(server, given)
