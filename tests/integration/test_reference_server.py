"""A server that nobody here wrote: the public reference server, over stdio and over Streamable HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.product import ROOT, Api, Process, a_document, a_node, eventually, free_port, published

SERVER = ROOT / "frontend/node_modules/@modelcontextprotocol/server-everything/dist/index.js"


@pytest.fixture(scope="module")
def http_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    node = shutil.which("node")
    assert node is not None
    port = free_port()
    folder: Path = tmp_path_factory.mktemp("everything")
    process = Process(
        [node, str(SERVER), "streamableHttp"], env={"PORT": str(port)}, log=folder / "server.log"
    )

    def answers() -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{port}/mcp", timeout=1, trust_env=False).status_code > 0
        except httpx2.HTTPError:
            return False

    eventually(answers, what="the reference server")
    yield f"http://127.0.0.1:{port}/mcp"
    process.kill()


def call_from_a_workflow(api: Api, slug: str) -> dict[str, Any]:
    arguments = {"message": "{{ trigger.?text.orValue('hello') }}"}
    graph = a_document(
        [
            a_node("start", "manual_trigger", {"fields": [{"id": "text", "kind": "text"}]}),
            a_node("echo", "mcp_tool", {"server": slug, "tool": "echo", "arguments": arguments}),
            a_node("end", "reply", {"text": "{{ steps.echo.text }}"}),
        ],
        "start>echo, echo>end",
    )
    workflow = published(api, f"Echo over {slug}", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"text": "good morning"}, "wait_s": 30})
    return api.run_until(run["id"], "succeeded", "failed")


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_reference_server_is_registered_listed_and_called(
    api: Api, http_url: str, transport: str
) -> None:
    slug = f"everything-{transport}"
    target = {"template": "everything"} if transport == "stdio" else {"url": http_url}
    server = api(
        "POST",
        "/mcp-servers",
        {"slug": slug, "name": slug, "transport": transport, "enable": "all", **target},
    )
    refreshed = api("POST", f"/mcp-servers/{server['id']}/refresh")
    assert refreshed["status"] == "ok", refreshed
    tools = {tool["name"]: tool for tool in api("GET", f"/mcp-servers/{server['id']}/tools")["items"]}
    assert refreshed["tools"] == len(tools) >= 8
    assert tools["echo"]["input_schema"]["required"] == ["message"]

    called = api(
        "POST", f"/mcp-servers/{server['id']}/tools/echo/call", {"arguments": {"message": "hi"}}, expect=200
    )
    assert "hi" in called["text"]
    run = call_from_a_workflow(api, slug)
    assert run["status"] == "succeeded", run["error"]
    assert "good morning" in run["result"]["text"]
