"""Workflows that call the effects server, and many of their runs at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.product import Api, a_document, a_node

TOOLS_OF_SIX_STEPS = ("put", "put", "send", "put", "look", "send")


def calling(
    tools: Iterable[str] = TOOLS_OF_SIX_STEPS, *, server: str = "effects", **settings: Any
) -> dict[str, Any]:
    """Webhook, then these tools in a row; the body's `ms` says how long each call takes."""
    nodes = [a_node("start", "webhook_trigger")]
    for number, tool in enumerate(tools):
        label = f"{{{{ trigger.body.name }}}}/{number}"
        arguments = {"label": label, "ms": "{{ trigger.body.ms }}"}
        config = {"server": server, "tool": tool, "arguments": arguments}
        nodes.append(a_node(f"call_{number}", "mcp_tool", config))
    ids = [node["id"] for node in nodes]
    graph = a_document(nodes, ", ".join(f"{a}>{b}" for a, b in itertools.pairwise(ids)))
    graph["settings"] = settings
    return graph


def start_many(api: Api, workflow: dict[str, Any], bodies: Iterable[dict[str, Any]]) -> list[str]:
    """Their runs' ids, in order."""

    def start(body: dict[str, Any]) -> str:
        return str(api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"body": body}})["id"])

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(start, bodies))
