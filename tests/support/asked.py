"""Workflows whose tools ask back, and what the inbox shows of it."""

from __future__ import annotations

from typing import Any

from tests.support.asking import Asking
from tests.support.product import Api, a_document, a_node, eventually, published


def register(api: Api, server: Asking, slug: str, **more: Any) -> dict[str, Any]:
    """The server, connected, with every tool allowed."""
    body = {"slug": slug, "name": slug.title(), "transport": "http", "url": server.url, "enable": "all"}
    registered: dict[str, Any] = api("POST", "/mcp-servers", {**body, **more})
    assert api("POST", f"/mcp-servers/{registered['id']}/refresh")["status"] == "ok"
    return registered


def start(api: Api, slug: str, tool: str, **settings: Any) -> str:
    """The id of a run that calls the tool and answers with what the tool gave."""
    call = a_node("call", "mcp_tool", {"server": slug, "tool": tool, "arguments": {}}, settings=settings)
    nodes = [
        a_node("start", "manual_trigger"),
        call,
        a_node("tell", "reply", {"data": "{{ steps.call.data }}"}),
    ]
    workflow = published(api, f"Ask {slug} {tool}", a_document(nodes, "start>call, call>tell"))
    return str(api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"])


def item_of(api: Api, run_id: str, *, after: str = "", status: str = "open") -> dict[str, Any]:
    """What waits in the inbox for a run; `after`: another one than this."""

    def look() -> dict[str, Any] | None:
        rows = api("GET", f"/inbox?status={status}&limit=200")["items"]
        return next((row for row in rows if row["run"] == run_id and row["id"] != after), None)

    return eventually(look, what=f"the inbox item of run {run_id}")


def answer(api: Api, item: dict[str, Any], choice: str = "accept", **answers: Any) -> None:
    api("POST", f"/inbox/{item['id']}/answer", {"choice": choice, "answers": answers})


def ended(api: Api, run_id: str) -> dict[str, Any]:
    return api.run_until(run_id, "succeeded", "failed", "cancelled", "needs_attention")
