"""The registry through the API: the doctor, policies of tools, and what is stored of a server."""

from __future__ import annotations

from typing import Any

from tests.support.product import Api, free_port


def registered(api: Api, slug: str, url: str, **more: Any) -> dict[str, Any]:
    server: dict[str, Any] = api(
        "POST", "/mcp-servers", {"slug": slug, "name": slug.title(), "transport": "http", "url": url, **more}
    )
    return server


def test_the_doctor_reports_each_step_of_a_server_that_works(api: Api) -> None:
    server = next(row for row in api("GET", "/mcp-servers")["items"] if row["slug"] == "orders")

    report = api("POST", f"/mcp-servers/{server['id']}/doctor")

    assert report["ok"], report
    assert {"protocol": "ok", "list": "ok"}.items() <= {
        row["step"]: row["status"] for row in report["steps"]
    }.items()


def test_the_doctor_names_the_step_that_fails_and_what_to_do(api: Api) -> None:
    port = free_port()
    server = registered(api, "nowhere", f"http://127.0.0.1:{port}/mcp")

    report = api("POST", f"/mcp-servers/{server['id']}/doctor")

    wrong = next(row for row in report["steps"] if row["status"] == "failed")
    assert (report["ok"], wrong["step"]) == (False, "tcp")
    assert str(port) in wrong["text"]
    assert wrong["fix"]
    entries = api("GET", "/audit")["items"]
    assert any(row["verb"] == "mcp_server.examine" for row in entries), entries[:3]
    api("DELETE", f"/mcp-servers/{server['id']}")


def test_reading_a_document_registers_nothing(api: Api) -> None:
    before = api("GET", "/mcp-servers")["items"]
    document = '{"mcpServers": {"notes": {"url": "http://127.0.0.1:9/mcp"}, "sh": {"command": "sh"}}}'

    found = api("POST", "/mcp-servers/import", {"document": document}, expect=200)["proposals"]

    assert [(row["name"], row["transport"], row["can_be_added"]) for row in found] == [
        ("notes", "http", True),
        ("sh", "stdio", False),
    ]
    assert api("GET", "/mcp-servers")["items"] == before
    assert api("POST", "/mcp-servers/import", {"document": "{"}, expect=422)["code"] == "invalid_document"


def test_an_inspection_shows_what_was_said_both_ways(api: Api) -> None:
    server = next(row for row in api("GET", "/mcp-servers")["items"] if row["slug"] == "orders")
    body = {"method": "tools/call", "name": "get_order", "arguments": {"order_id": "12345"}}

    found = api("POST", f"/mcp-servers/{server['id']}/inspect", body, expect=200)

    assert (found["error"], found["result"]["structuredContent"]["order_id"]) == (None, "12345")
    assert {row["direction"] for row in found["messages"]} == {"sent", "received"}
    assert any('"tools/call"' in row["text"] for row in found["messages"])
    times = [row["at_ms"] for row in found["messages"]]
    assert times == sorted(times)


def test_a_refused_request_is_shown_with_its_messages(api: Api) -> None:
    server = next(row for row in api("GET", "/mcp-servers")["items"] if row["slug"] == "orders")
    body = {"method": "resources/read", "uri": "nothing://here"}

    found = api("POST", f"/mcp-servers/{server['id']}/inspect", body, expect=200)

    assert found["result"] is None
    assert found["error"]["code"].startswith("mcp_")
    assert any('"error"' in row["text"] for row in found["messages"])
