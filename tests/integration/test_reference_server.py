"""A server that nobody here wrote: the public reference server, over stdio, Streamable HTTP and the old HTTP+SSE."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.product import ROOT, Api, Process, a_document, a_node, eventually, free_port, published

SERVER = ROOT / "frontend/node_modules/@modelcontextprotocol/server-everything/dist/index.js"


PATHS = {"streamableHttp": "/mcp", "sse": "/sse"}


@pytest.fixture(scope="module")
def url_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Starts the server with one of its HTTP transports and gives the address."""
    node = shutil.which("node")
    assert node is not None
    started: list[Process] = []

    def url(kind: str) -> str:
        port, folder = free_port(), tmp_path_factory.mktemp(kind)
        process = Process([node, str(SERVER), kind], env={"PORT": str(port)}, log=folder / "server.log")
        started.append(process)

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(listens, what="the reference server")
        return f"http://127.0.0.1:{port}{PATHS[kind]}"

    yield url
    for process in started:
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


@pytest.mark.parametrize("kind", ["stdio", "streamableHttp", "sse"])
def test_the_reference_server_is_registered_listed_and_called(
    api: Api, url_of: Callable[[str], str], kind: str
) -> None:
    slug = f"everything-{kind.lower()}"
    transport = "stdio" if kind == "stdio" else "http"
    target = {"template": "everything"} if kind == "stdio" else {"url": url_of(kind)}
    server = api(
        "POST",
        "/mcp-servers",
        {"slug": slug, "name": slug, "transport": transport, "enable": "all", **target},
    )
    refreshed = api("POST", f"/mcp-servers/{server['id']}/refresh")
    assert refreshed["status"] == "ok", refreshed
    if kind == "sse":
        report = api("POST", f"/mcp-servers/{server['id']}/doctor")
        texts = {row["step"]: row["text"] for row in report["steps"]}
        assert (report["ok"], "old HTTP+SSE" in texts["protocol"]) == (True, True), report
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
