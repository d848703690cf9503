"""While one workflow calls servers that misbehave, the runs of another are as quick as ever."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.processes import server
from tests.support.product import Api, a_document, a_node, published

WAYS = (
    "silence",
    "a byte at a time",
    "ten megabytes",
    "no end",
    "a hundred thousand levels",
    "numbers beyond measure",
    "a crowd",
    "requests that nobody asked for",
    "a thousand changes",
    "what only this transport can do",
)
RUNS_OF_EACH = 4
MEASURED, TIMEOUT_S = 40, 3.0
FLOOR_S = 0.5
"""Twice of next to nothing is next to nothing: beneath this nobody waits."""


def a_hostile_workflow(api: Api, port: int, number: int, way: str) -> dict[str, Any]:
    slug = f"hostile-{number}"
    url = f"http://127.0.0.1:{port}/{quote(way)}/call"
    body = {"slug": slug, "name": f"Hostile: {way}", "transport": "http", "url": url, "enable": "all"}
    made = api("POST", "/mcp-servers", body)
    assert api("POST", f"/mcp-servers/{made['id']}/refresh", {})["status"] == "ok", way
    api("PATCH", f"/mcp-servers/{made['id']}/tools/echo", {"effect": "none"})
    call = a_node("call", "mcp_tool", {"server": slug, "tool": "echo", "arguments": {}})
    settings = {"timeout_s": TIMEOUT_S, "retry": {"attempts": 1}}
    graph = a_document([a_node("start", "manual_trigger"), {**call, "settings": settings}], "start>call")
    return published(api, f"Calls {slug}", graph)


def a_good_workflow(api: Api) -> dict[str, Any]:
    call = {"server": "orders", "tool": "get_order", "arguments": {"order_id": "12345"}}
    nodes = [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node("call", "mcp_tool", call),
        a_node("answer", "reply", {"text": "{{ steps.call.status }}"}),
    ]
    return published(api, "Beside hostile ones", a_document(nodes, "start>call, call>answer"))


def p95(api: Api, hook: str) -> float:
    times = []
    for _ in range(MEASURED):
        began = time.perf_counter()
        answer = api.http.post(hook, json={})
        times.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
    return sorted(times)[int(MEASURED * 0.95) - 1]


@pytest.mark.timeout(170)
def test_runs_beside_hostile_servers_take_no_longer(api: Api, record_property: pytest.RecordProperty) -> None:
    with server("tests.support.misbehaving_http") as port:
        hostile = [a_hostile_workflow(api, port, number, way) for number, way in enumerate(WAYS)]
        hook = a_good_workflow(api)["hook"]
        p95(api, hook)
        alone = min(p95(api, hook) for _ in range(2))
        with ThreadPoolExecutor(4) as pool:
            started = list(
                pool.map(
                    lambda workflow: api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"],
                    hostile * RUNS_OF_EACH,
                )
            )
            beside = p95(api, hook)
        ended = [api.run_until(run, "failed", "succeeded", within_s=60) for run in started]

    causes = {(run["error"] or {}).get("code") for run in ended}
    record_property("p95 beside hostile servers", f"{beside * 1000:.0f} ms (alone {alone * 1000:.0f} ms)")
    assert causes <= {
        None,
        "mcp_timeout",
        "mcp_too_large",
        "mcp_protocol_error",
        "mcp_connection_lost",
        "mcp_unreachable",
    }
    assert "mcp_timeout" in causes
    assert beside <= max(2 * alone, FLOOR_S)
