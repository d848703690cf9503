"""What bad input gets: an error that names what, where and what to try, and nothing changed."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.support.cluster import Cluster
from tests.support.product import Api, Embedded, a_document, a_node, published

ECHO = a_document(
    [a_node("start", "webhook_trigger"), a_node("end", "reply", {"data": "{{ trigger.body }}"})], "start>end"
)


def draft(api: Api, graph: Any) -> dict[str, Any]:
    result: dict[str, Any] = api("POST", "/workflows", {"name": "Draft", "graph": graph})
    return result


def test_a_wrong_graph_is_saved_as_a_draft_and_refused_at_publish(api: Api) -> None:
    graph = a_document(
        [a_node("start", "webhook_trigger"), a_node("end", "reply", {"text": "{{ steps.nope.x }}"})],
        "start>end",
    )
    workflow = draft(api, graph)
    refused = api("POST", f"/workflows/{workflow['id']}/publish", {}, expect=422)
    checked = api("POST", "/graphs/check", {"graph": graph})
    assert refused["code"] == "invalid_graph"
    assert refused["details"]["problems"] == checked["problems"]
    assert checked["problems"][0]["code"] == "reference_missing"
    assert api("GET", f"/workflows/{workflow['id']}")["live_version"] is None


@pytest.mark.parametrize(
    ("graph", "where"),
    [
        ([], ""),
        ({"schema": 1, "nodes": [{"id": "A!", "type": "reply"}]}, "nodes/0/id"),
        ({"schema": 1, "nodes": [a_node("a", "reply"), a_node("a", "reply")]}, "nodes"),
        ({"schema": 1, "nodes": [a_node(f"n{n}", "reply") for n in range(501)]}, "nodes"),
        ({"schema": 1, "nodes": [a_node("a", "reply", {"__proto__": 1})]}, "nodes/0/config"),
        ({"schema": 1, "surprise": True}, "surprise"),
    ],
)
def test_a_malformed_document_changes_nothing(api: Api, graph: Any, where: str) -> None:
    workflow = draft(api, ECHO)
    body = {"graph": graph, "revision": workflow["revision"]}
    problem = api("PUT", f"/workflows/{workflow['id']}/draft", body, expect=422)
    assert problem["code"] == "malformed_graph"
    assert problem["details"]["path"] == where
    assert api("GET", f"/workflows/{workflow['id']}")["revision"] == workflow["revision"]


def test_an_unknown_node_type_is_a_problem_of_the_draft(api: Api) -> None:
    checked = api("POST", "/graphs/check", {"graph": a_document([a_node("x", "teleport")], "")})
    assert "unknown_node_type" in {problem["code"] for problem in checked["problems"]}


def test_a_deeply_nested_or_hostile_body_is_refused_without_a_server_error(api: Api) -> None:
    deep = "[" * 5000 + "]" * 5000
    for body in (deep, '{"graph": ' + deep + "}", "\xff", "NaN"):
        response = api.http.post(
            "/api/v1/workflows", content=body.encode("latin-1"), headers={"content-type": "application/json"}
        )
        assert 400 <= response.status_code < 500, body[:30]
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] in {"bad_request", "value_too_large"}, body[:30]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"total": 1e400}', "1e400 is larger than any number that can be stored"),
        (b'{"total": -1e999}', "-1e999 is larger"),
        (b'{"total": NaN}', "NaN is no number"),
        (b'{"total": ' + b"9" * 309 + b"}", "… is larger"),
        (b'{"total": ', "line 1 column 11"),
        (b'{"name": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_body_is_refused_with_the_place_and_the_reason_by_the_api_and_by_a_webhook(
    api: Api, body: bytes, told: str
) -> None:
    hook = published(api, "Refuses", ECHO)
    for address in (hook["hook"], f"/api/v1/workflows/{hook['id']}/runs"):
        refused = api.http.post(address, content=body, headers={"content-type": "application/json"})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
        assert told in refused.json()["message"]
    assert api("GET", f"/runs?workflow={hook['id']}")["items"] == []


def test_a_draft_is_exported_whatever_stands_where_servers_and_models_are_named(api: Api) -> None:
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("a", "mcp_tool", {"server": {"kind": "role"}, "model": ["x"]}),
        a_node(
            "b", "llm_agent", {"tools": [{"server": "carrier"}, {"server": ["x"]}, 7], "model": "default"}
        ),
        a_node("c", "llm_agent", {"tools": "carrier"}),
        a_node("d", "mcp_tool", {"server": "orders"}),
    ]
    workflow = draft(api, a_document(nodes, ""))
    exported = api("GET", f"/workflows/{workflow['id']}/export")
    assert exported["requires"] == {"mcp_servers": ["carrier", "orders"], "models": ["default"]}


@pytest.mark.parametrize("field", ["name", "url", "parameters", "auth", "enable", "elicitation", "sampling"])
def test_null_leaves_a_servers_settings_as_they_are(api: Api, field: str) -> None:
    given = {"slug": f"null-{field}", "name": "Null", "transport": "http", "url": "https://mcp.example/mcp"}
    made = api("POST", "/mcp-servers", {**given, "enable": "all"})
    assert api("PATCH", f"/mcp-servers/{made['id']}", {field: None}) == made
    api("DELETE", f"/mcp-servers/{made['id']}", expect=204)


def test_a_stale_save_is_refused(api: Api) -> None:
    workflow = draft(api, ECHO)
    body = {"graph": ECHO, "revision": workflow["revision"]}
    assert api("PUT", f"/workflows/{workflow['id']}/draft", body)["revision"] == workflow["revision"] + 1
    assert api("PUT", f"/workflows/{workflow['id']}/draft", body, expect=409)["code"] == "stale_revision"


def test_webhooks_that_cannot_be_taken(api: Api, product: Embedded) -> None:
    assert api.http.post("/hooks/unknown-token", json={}).status_code == 404
    workflow = published(api, "Echo", ECHO)
    large = api.http.post(workflow["hook"], content=b"x" * 1_100_000, headers={"content-type": "text/plain"})
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    broken = api.http.post(workflow["hook"], content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 400
    assert api.http.get(workflow["hook"]).status_code == 405
    api("POST", f"/workflows/{workflow['id']}/pause")
    paused = api.http.post(workflow["hook"], json={})
    assert (paused.status_code, paused.json()["code"]) == (409, "workflow_paused")
    api("POST", f"/workflows/{workflow['id']}/resume")
    assert api.http.post(workflow["hook"], json={}).status_code == 202


def test_every_answer_of_a_webhook_carries_the_headers_of_a_page(api: Api) -> None:
    hook = published(api, "Headers", ECHO)["hook"]
    page = api.http.get("/sign-in").headers
    for answer in (api.http.post(hook, json={}), api.http.post("/hooks/unknown-token"), api.http.get(hook)):
        for name in (
            "x-content-type-options",
            "referrer-policy",
            "x-frame-options",
            "cross-origin-opener-policy",
        ):
            assert answer.headers[name] == page[name]
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    foreign = api.http.post(hook, json={}, headers={"host": "elsewhere.example"})
    assert foreign.status_code == 400
    assert foreign.headers["content-type"] == "application/problem+json"


def test_a_webhook_takes_json_forms_and_text(api: Api) -> None:
    graph = json.loads(json.dumps(ECHO))
    graph["nodes"][0]["config"] = {"respond": "when_replied"}
    hook = published(api, "Kinds", graph)["hook"]
    assert api.http.post(hook, json={"a": [1, {"b": None}], "nul": "x\x00y"}).json() == {
        "a": [1, {"b": None}],
        "nul": "x\ufffdy",
    }
    assert api.http.post(hook, data={"name": "Mira"}).json() == {"name": "Mira"}
    parts = api.http.build_request("POST", hook, data={"name": "Mira"}, files={"scan": b"..."})
    in_pieces = api.http.post(
        hook, content=iter([parts.read()]), headers={"content-type": parts.headers["content-type"]}
    )
    assert in_pieces.json() == api.http.send(parts).json() == {"name": "Mira"}
    assert api.http.post(hook, content="hello", headers={"content-type": "text/plain"}).json() == {
        "text": "hello"
    }


@pytest.mark.parametrize(
    ("kind", "query", "says"),
    [
        ("multipart/form-data", "", "boundary"),
        ("multipart/form-data; boundary=", "", "boundary"),
        ("multipart/form-data; boundary=\xe9", "", "content type"),
        ("multipart/form-data; boundary=x; charset=hex", "", "charset"),
        ("text/plain", "?" + "&".join(f"p{n}=1" for n in range(3000)), "1000 fields or query parameters"),
    ],
)
def test_a_delivery_that_cannot_be_read_is_refused_each_time_in_a_sentence(
    api: Api, kind: str, query: str, says: str
) -> None:
    hook = published(api, "Unreadable", ECHO)["hook"]
    api.http.post(hook, json={})
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    for _ in range(2):
        refused = api.http.post(
            hook + query, content=body, headers=[(b"content-type", kind.encode("latin-1"))]
        )
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
        assert says in refused.json()["message"]


def test_a_question_with_thousands_of_parameters_is_refused(api: Api) -> None:
    query = "&".join(f"p{n}=1" for n in range(3000))
    assert api("GET", f"/runs?{query}", expect=400)["code"] == "bad_request"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/runs?q=%00"),
        ("GET", "/api/v1/runs?trigger=a%00b"),
        ("GET", "/api/v1/workflows?q=%00"),
        ("POST", "/api/v1/runs/01900000-0000-7000-8000-000000000001/steps/a%00b/settle"),
        ("GET", "/runs?q=%00"),
        ("GET", "/static/a%00b"),
    ],
)
def test_an_address_with_a_character_that_no_database_stores_is_refused(
    cluster: Cluster, method: str, path: str
) -> None:
    refused = cluster.api().http.request(
        method, path, json={"outcome": "failed"} if method == "POST" else None
    )
    assert 400 <= refused.status_code < 500


def test_a_form_with_a_character_that_no_database_stores_is_refused(cluster: Cluster) -> None:
    with httpx2.Client(base_url=cluster.base, trust_env=False) as visitor:
        visitor.get("/sign-in")
        fields = {
            "csrfmiddlewaretoken": visitor.cookies["csrftoken"],
            "email": "a\x00@b.example",
            "password": "x",
        }
        assert visitor.post("/sign-in", data=fields).status_code == 400
        asked = {"grant_type": "refresh_token", "refresh_token": "a\x00", "client_id": "b"}
        assert visitor.post("/oauth/token", data=asked).status_code == 400


def test_an_mcp_server_that_is_not_there_is_told_in_words_and_handled_by_the_error_port(api: Api) -> None:
    body = {
        "slug": "gone",
        "name": "Gone",
        "transport": "http",
        "url": "http://127.0.0.1:9/mcp",
        "enable": "all",
    }
    server = api("POST", "/mcp-servers", body)
    refreshed = api("POST", f"/mcp-servers/{server['id']}/refresh")
    assert refreshed["status"] == "error"
    assert refreshed["error"]["code"] == "mcp_unreachable"
    assert "cannot be reached" in refreshed["error"]["message"]


def test_a_private_address_is_refused_by_the_outbound_door(api: Api) -> None:
    body = {"slug": "metadata", "name": "Metadata", "transport": "http", "url": "http://169.254.169.254/mcp"}
    server = api("POST", "/mcp-servers", body)
    refreshed = api("POST", f"/mcp-servers/{server['id']}/refresh")
    assert refreshed["error"]["code"] == "outbound_blocked"


def test_secrets_are_written_and_never_shown(api: Api) -> None:
    auth = {"kind": "bearer", "token": "canary-7f3a"}
    body = {
        "slug": "sealed",
        "name": "Sealed",
        "transport": "http",
        "url": "http://127.0.0.1:9/mcp",
        "auth": auth,
    }
    server = api("POST", "/mcp-servers", body)
    assert server["auth"] == {"kind": "bearer", "is_set": True}
    assert "canary-7f3a" not in json.dumps(api("GET", "/mcp-servers"))
    assert "canary-7f3a" not in json.dumps(api("GET", "/audit"))


def test_a_second_or_late_answer_is_told_so(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("ask", "human_handoff", {"title": "Now?", "choices": [{"id": "yes"}], "due_in_s": 1.0}),
            a_node("late", "reply", {"text": "nobody"}),
        ],
        "start>ask, ask.timed_out>late",
    )
    workflow = published(api, "Deadline", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    ended = api.run_until(run["id"], "succeeded", "failed")
    assert ended["result"] == {"text": "nobody"}
    item = next(row for row in api("GET", "/inbox?status=expired")["items"] if row["run"] == run["id"])
    refused = api("POST", f"/inbox/{item['id']}/answer", {"choice": "yes"}, expect=409)
    assert refused["code"] == "expired"
    assert api.steps(run["id"])["ask"]["ports"] == ["timed_out"]


def test_an_answer_after_a_cancel_is_told_so(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("ask", "human_handoff", {"title": "Go?", "choices": [{"id": "yes"}]}),
        ],
        "start>ask",
    )
    workflow = published(api, "Cancelled", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    api.run_until(run["id"], "waiting")
    api("POST", f"/runs/{run['id']}/cancel", {"reason": "Changed our mind"})
    ended = api.run_until(run["id"], "cancelled")
    assert ended["error"]["message"] == "Changed our mind"
    item = next(row for row in api("GET", "/inbox?status=cancelled")["items"] if row["run"] == run["id"])
    assert api("POST", f"/inbox/{item['id']}/answer", {"choice": "yes"}, expect=409)["code"] == "cancelled"
    assert api("POST", f"/runs/{run['id']}/cancel", expect=409)["code"] == "already_ended"


def test_a_public_form_shows_the_reply_of_its_run(api: Api, product: Embedded) -> None:
    form = {"public": True, "fields": [{"id": "name", "title": "Name", "kind": "text", "required": True}]}
    graph = a_document(
        [
            a_node("start", "manual_trigger", form),
            a_node("end", "reply", {"text": "Hello {{ trigger.name }}, all is well."}),
        ],
        "start>end",
    )
    page = published(api, "Public form", graph)["hook"]
    with httpx2.Client(base_url=product.base, trust_env=False) as visitor:
        assert visitor.get(page).status_code == 200
        token = {"csrfmiddlewaretoken": visitor.cookies["csrftoken"]}
        assert visitor.post(page, data=token).status_code == 422
        sent = visitor.post(page, data={**token, "name": "Mira"})
    assert sent.status_code == 200
    assert "Hello Mira, all is well." in sent.text


def test_a_public_form_that_is_switched_off_has_no_page_and_the_trigger_beside_it_is_chosen(api: Api) -> None:
    off = {"disabled": True}
    graph = a_document(
        [
            a_node("form", "manual_trigger", {"public": True}, settings=off),
            a_node("start", "manual_trigger"),
            a_node("end", "reply", {"text": "."}),
        ],
        "form>end, start>end",
    )
    workflow = published(api, "Form that is off", graph)
    assert workflow["hook"] == ""
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    assert run["trigger"] == "start"
