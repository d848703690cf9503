"""Programs sign in to /mcp by OAuth, with the official client, over HTTP, and a person answers the consent page."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from mcp.shared.auth import OAuthToken

from tests.support.person import Person
from tests.support.product import Api, Embedded, manage
from tests.support.program import CALLBACK, Program

METADATA = "/.well-known/oauth-authorization-server"


@pytest.fixture
def person(product: Embedded) -> Iterator[Person]:
    with Person(product.base) as person:
        yield person


@pytest.fixture
def http(product: Embedded) -> Iterator[httpx2.Client]:
    """Somebody without a session."""
    with httpx2.Client(base_url=product.base, trust_env=False, timeout=30) as client:
        yield client


class Raw:
    """The exchanges of a sign-in one by one, for what the official client would never do."""

    def __init__(self, http: httpx2.Client, person: Person, client_id: str) -> None:
        self.http, self.person, self.client_id = http, person, client_id
        self.resource = f"{person.base}/mcp"
        self.verifier = secrets.token_urlsafe(48)

    def link(self, **changes: str) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "state": "as it was",
            "code_challenge": urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            "resource": self.resource,
            **changes,
        }
        return f"/oauth/authorize?{urlencode({name: value for name, value in asked.items() if value})}"

    def code(self, **changes: str) -> str:
        return given(self.person.decide(self.link(**changes)))["code"]

    def exchange(self, code: str, **changes: str) -> httpx2.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self._token({**form, "code_verifier": self.verifier, **changes})

    def refresh(self, refresh_token: str, **changes: str) -> httpx2.Response:
        return self._token({"grant_type": "refresh_token", "refresh_token": refresh_token, **changes})

    def _token(self, form: dict[str, str]) -> httpx2.Response:
        return self.http.post("/oauth/token", data={"client_id": self.client_id, **form})

    def tokens(self, **changes: str) -> dict[str, Any]:
        found: dict[str, Any] = self.exchange(self.code(**changes)).json()
        return found

    def ask(self, token: str, method: str = "tools/list", **params: Any) -> httpx2.Response:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
        }
        return self.http.post("/mcp", json=message, headers=headers)


@pytest.fixture(scope="module")
def registered(product: Embedded) -> str:
    """The id of a program that keeps no secret; once, for registrations are limited."""
    with httpx2.Client(base_url=product.base, trust_env=False) as http:
        found: str = register(http, client_name="Raw assistant").json()["client_id"]
        return found


def register(http: httpx2.Client, **metadata: Any) -> httpx2.Response:
    body = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", **metadata}
    return http.post("/oauth/register", json=body)


@pytest.fixture
def raw(http: httpx2.Client, person: Person, registered: str) -> Raw:
    return Raw(http, person, registered)


def given(location: str) -> dict[str, str]:
    assert location.startswith(CALLBACK), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


# --- the whole way ----------------------------------------------------------------------------------------


async def test_the_official_client_signs_in_lists_and_calls(product: Embedded, person: Person) -> None:
    program = Program(f"{product.base}/mcp", person.decide)
    async with program.connected() as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("order_status", {"order_id": "12345"})
    assert {"order_status", "list_runs"} <= tools
    assert not answer.is_error, answer
    assert program.asked[0]["resource"] == f"{product.base}/mcp"
    assert program.asked[0]["scope"] == "mcp:read mcp:run mcp:inbox"
    page = person.http.get("/settings/programs").text
    assert "Test assistant" in page
    audit = Api(product.base, product.token())("GET", "/audit")["items"]
    assert ("program.connect", "builder@demo.example") in {(row["verb"], row["actor"]) for row in audit}


async def test_a_program_with_too_small_a_scope_asks_the_person_again(
    product: Embedded, person: Person, raw: Raw
) -> None:
    tokens = raw.tokens(scope="mcp:read")
    refused = raw.ask(tokens["access_token"], "tools/call", name="order_status", arguments={})
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert 'scope="mcp:read mcp:run"' in refused.headers["www-authenticate"]

    program = Program(f"{product.base}/mcp", person.decide)
    program.kept.tokens = OAuthToken.model_validate(tokens)
    async with program.connected() as client:
        assert not (await client.call_tool("order_status", {"order_id": "12345"})).is_error
    assert program.asked[0]["scope"] == "mcp:read mcp:run"


async def test_a_person_who_declines_is_heard(product: Embedded, person: Person) -> None:
    program = Program(f"{product.base}/mcp", lambda url: person.decide(url, "deny"))
    with pytest.raises(BaseExceptionGroup) as caught:
        async with program.connected():
            pass
    assert caught.group_contains(PermissionError, match="access_denied")


# --- who gets in ------------------------------------------------------------------------------------------


def test_without_a_token_the_way_to_sign_in_is_told(product: Embedded, http: httpx2.Client) -> None:
    refused = http.post("/mcp", json={})
    assert refused.status_code == 401
    where = re.search(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
    assert where is not None
    resource = http.get(where[1]).json()
    assert resource["resource"] == f"{product.base}/mcp"
    assert resource["authorization_servers"] == [product.base]
    server = http.get(METADATA).json()
    assert server["issuer"] == product.base
    assert server["code_challenge_methods_supported"] == ["S256"]
    assert server["client_id_metadata_document_supported"] is True


def test_a_token_reaches_as_far_as_its_scopes_and_the_role_of_the_moment(
    product: Embedded, raw: Raw, api: Api
) -> None:
    token = raw.tokens(scope="mcp:read")["access_token"]
    assert raw.ask(token, "tools/call", name="list_runs", arguments={}).status_code == 200
    assert raw.ask(token, "tools/call", name="list_inbox", arguments={}).status_code == 403
    full = raw.tokens()["access_token"]
    member = next(row for row in api("GET", "/members")["items"] if row["email"] == "builder@demo.example")
    api("PATCH", f"/members/{member['id']}", {"role": "viewer"})
    try:
        listed = raw.ask(full).text
        assert '"name":"run_workflow"' not in listed
        assert '"name":"list_runs"' in listed
        assert "FORBIDDEN" in raw.ask(full, "tools/call", name="run_workflow", arguments={}).text
    finally:
        api("PATCH", f"/members/{member['id']}", {"role": "builder"})


def test_a_member_who_is_removed_takes_the_programs_along(
    product: Embedded, http: httpx2.Client, registered: str
) -> None:
    manage(
        "add_member",
        "agent@demo.example",
        "--workspace",
        manage_workspace(product),
        "--role",
        "agent",
        env=product.env,
    )
    with Person(product.base, "agent") as person:
        raw = Raw(http, person, registered)
        code = given(person.decide(raw.link(), workspace="branch"))["code"]
        tokens = raw.exchange(code).json()
        assert raw.ask(tokens["access_token"]).status_code == 200
        admin = Api(product.base, manage(*BRANCH_TOKEN, env=product.env))
        member = next(
            row for row in admin("GET", "/members")["items"] if row["email"] == "agent@demo.example"
        )
        admin("DELETE", f"/members/{member['id']}", expect=204)
        assert raw.ask(tokens["access_token"]).status_code == 401
        assert raw.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


BRANCH_TOKEN = ("create_token", "--user", "admin@demo.example", "--workspace", "branch", "--role", "admin")


def manage_workspace(product: Embedded) -> str:
    """A second workspace of the demo's admin."""
    manage("create_workspace", "branch", env=product.env)
    manage("add_member", "admin@demo.example", "--workspace", "branch", "--role", "admin", env=product.env)
    return "branch"


def test_an_admin_disconnects_a_program_of_a_member(product: Embedded, raw: Raw) -> None:
    tokens = raw.tokens()
    with Person(product.base, "viewer") as viewer, Person(product.base, "admin") as admin:
        page = admin.http.get("/settings/programs").text
        assert "Programs of other members" in page
        grant = re.findall(r"/settings/programs/([0-9a-f-]{36})/disconnect", page)[0]
        path = f"/settings/programs/{grant}/disconnect"
        assert viewer.post(path, page="/settings/programs").status_code == 404
        for found in re.findall(r"/settings/programs/([0-9a-f-]{36})/disconnect", page):
            admin.post(f"/settings/programs/{found}/disconnect", page="/settings/programs")
    assert raw.ask(tokens["access_token"]).status_code == 401


# --- codes and tokens -------------------------------------------------------------------------------------


def test_a_refresh_token_is_used_once_and_a_second_use_ends_the_grant(raw: Raw) -> None:
    first = raw.tokens()
    second = raw.refresh(first["refresh_token"]).json()
    assert raw.ask(second["access_token"]).status_code == 200
    assert raw.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert raw.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert raw.ask(second["access_token"]).status_code == 401


def test_a_code_is_used_once_and_a_second_use_ends_the_grant(raw: Raw) -> None:
    code = raw.code()
    tokens = raw.exchange(code).json()
    assert raw.exchange(code).json()["error"] == "invalid_grant"
    assert raw.ask(tokens["access_token"]).status_code == 401


def test_a_code_is_worth_nothing_without_its_verifier(raw: Raw) -> None:
    refused = raw.exchange(raw.code(), code_verifier="x" * 64)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_a_program_gives_its_tokens_back(raw: Raw) -> None:
    tokens = raw.tokens()
    form = {"token": tokens["refresh_token"], "client_id": raw.client_id, "client_secret": ""}
    assert raw.http.post("/oauth/revoke", data=form).status_code == 200
    assert raw.ask(tokens["access_token"]).status_code == 401


def test_a_refresh_may_ask_for_less(raw: Raw) -> None:
    tokens = raw.refresh(raw.tokens()["refresh_token"], scope="mcp:read").json()
    assert tokens["scope"] == "mcp:read"
    refused = raw.refresh(tokens["refresh_token"], scope="mcp:read everything")
    assert refused.json()["error"] == "invalid_scope"


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "everything"}, "invalid_scope"),
    ],
)
def test_what_a_program_asks_wrongly_is_told_to_it(raw: Raw, changes: dict[str, str], error: str) -> None:
    told = given(raw.person.asked(raw.link(**changes)))
    assert told["error"] == error
    assert told["state"] == "as it was"
    assert told["iss"] == raw.person.base


@pytest.mark.parametrize(
    "changes",
    [{"redirect_uri": "http://127.0.0.1:4711/elsewhere"}, {"client_id": "nobody"}],
)
def test_nobody_is_sent_to_an_address_that_was_not_registered(raw: Raw, changes: dict[str, str]) -> None:
    shown = raw.person.http.get(raw.link(**changes))
    assert shown.status_code == 400
    assert "cannot be connected" in shown.text


def test_on_the_own_machine_the_port_may_change(raw: Raw) -> None:
    there = CALLBACK.replace("4711", "5822")
    assert raw.person.decide(raw.link(redirect_uri=there)).startswith(there)


@pytest.mark.parametrize(
    "address",
    [
        "http://other.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://ok.example/#x",
        "https://a@ok.example/",
    ],
)
def test_perilous_redirect_addresses_cannot_be_registered(raw: Raw, address: str) -> None:
    refused = register(raw.http, redirect_uris=[address])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")


def test_a_changed_request_does_not_reach_the_consent_page(raw: Raw) -> None:
    consent = raw.person.asked(raw.link())
    assert raw.person.http.get(consent[:-3] + "xyz").status_code == 400


def test_a_visitor_signs_in_first(raw: Raw) -> None:
    sent = raw.http.get(raw.link())
    assert sent.status_code == 302
    assert sent.headers["location"].startswith("/sign-in?next=%2Foauth%2Fauthorize")


def test_a_token_for_another_name_of_this_server_is_refused(product: Embedded, raw: Raw) -> None:
    token = raw.tokens()["access_token"]
    elsewhere = product.base.replace("127.0.0.1", "localhost")
    refused = httpx2.post(
        f"{elsewhere}/mcp", json={}, headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )
    assert refused.status_code == 401


# --- programs with a document -----------------------------------------------------------------------------


@pytest.fixture
def document() -> Iterator[dict[str, Any]]:
    """A program's document on a server of its own: its address is under "client_id"; "reads" counts."""
    served: dict[str, Any] = {"client_name": "Documented assistant", "redirect_uris": [CALLBACK]}
    reads: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reads.append(self.path)
            body = json.dumps(served).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served["client_id"] = f"http://127.0.0.1:{server.server_port}/assistant.json"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield {"served": served, "reads": reads}
        server.shutdown()
        thread.join()


def test_a_program_is_known_by_its_document(raw: Raw, document: dict[str, Any]) -> None:
    raw.client_id = document["served"]["client_id"]
    page = raw.person.http.get(raw.person.asked(raw.link())).text
    assert "Documented assistant" in page
    assert urlsplit(raw.client_id).netloc in page
    assert raw.ask(raw.tokens()["access_token"]).status_code == 200
    assert len(document["reads"]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "https://somebody.example/else.json"},
        {"redirect_uris": []},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"client_name": "x" * 100_000},
    ],
)
def test_a_document_that_does_not_fit_is_refused(
    raw: Raw, document: dict[str, Any], changes: dict[str, Any]
) -> None:
    raw.client_id = document["served"]["client_id"]
    document["served"].update(changes)
    shown = raw.person.http.get(raw.link())
    assert shown.status_code == 400
    assert "cannot be connected" in shown.text
