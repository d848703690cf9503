"""The connection doctor: each way not to connect is named at its own step, with what to do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runtime.gateways import McpServerSettings
from runtime.mcp.doctor.examination import examine
from runtime.mcp.doctor.report import Finding, Report
from runtime.outbound import policy
from runtime.outbound.policy import OutboundPolicy
from tests.integration.mcp.conftest import http_settings, stdio_settings
from tests.support.certificates import a_certificate, server_context, trusting
from tests.support.hostile_http import hostile_http
from tests.support.processes import free_port

HERE = OutboundPolicy.parse("127.0.0.1,localhost")
WEB = ["dns", "address", "tcp", "tls", "http", "sign_in", "protocol", "list", "call"]
Settings = Callable[..., McpServerSettings]


def failed(report: Report) -> Finding:
    """The one step that failed; everything after it is skipped."""
    states = [finding.status for finding in report.steps]
    assert not report.ok
    assert states.count("failed") == 1, report
    at = states.index("failed")
    assert set(states[at + 1 :]) <= {"skipped"}
    assert report.steps[at].fix
    return report.steps[at]


def seen(report: Report) -> dict[str, str]:
    return {finding.step: finding.status for finding in report.steps}


@asynccontextmanager
async def answering(status: str, body: bytes = b"", **headers: str) -> AsyncIterator[str]:
    """A server that gives every request the same answer, or none at all (`silent`)."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if status == "silent":
            await reader.read()
        elif status != "hangs_up":
            lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
        assert head
        writer.close()

    async with serving(connected) as port:
        yield f"http://127.0.0.1:{port}/mcp"


@asynccontextmanager
async def serving(
    connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], **options: Any
) -> AsyncIterator[int]:
    port = free_port()
    writers: list[asyncio.StreamWriter] = []

    async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await connected(reader, writer)

    listener = await asyncio.start_server(noted, "127.0.0.1", port, **options)
    try:
        yield port
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()


# --- commands on this machine ------------------------------------------------------------------------------


async def test_a_command_that_works_is_green_to_the_end(orders: McpServerSettings) -> None:
    report = await examine(orders, HERE, tool="get_order", arguments={"order_id": "12345"})

    assert report.ok, report
    assert list(seen(report)) == ["command", "start", "protocol", "list", "call"]
    assert set(seen(report).values()) == {"ok"}


async def test_a_missing_command_is_named() -> None:
    found = failed(await examine(stdio_settings(("no-such-command-anywhere",)), HERE))

    assert found.step == "command"
    assert '"no-such-command-anywhere"' in found.text


async def test_a_command_that_may_not_be_run_is_told_apart(tmp_path: Path) -> None:
    script = tmp_path / "server"
    script.write_text("#!/bin/sh\n")

    found = failed(await examine(stdio_settings((str(script),)), HERE))

    assert (found.step, "may not be run" in found.text) == ("command", True)


async def test_a_command_that_dies_at_once_is_quoted(hostile: Settings) -> None:
    found = failed(await examine(hostile("dies"), HERE))

    assert found.step == "start"
    assert "the licence file is missing" in found.text


async def test_a_silent_command_fails_at_the_protocol(
    hostile: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.mcp.doctor.command.PATIENCE_S", 0.3)

    report = await examine(hostile("mute"), HERE, step_limit_s=0.6)

    assert seen(report)["start"] == "ok"
    assert failed(report).step == "protocol"
    assert "does not answer the first message" in failed(report).text


async def test_a_listing_that_cannot_be_taken_is_its_own_step(hostile: Settings) -> None:
    assert failed(await examine(hostile("crowded"), HERE)).step == "list"


async def test_a_call_that_fails_is_its_own_step(hostile: Settings) -> None:
    report = await examine(hostile(), HERE, tool="plain_failure")

    assert failed(report).step == "call"


# --- behind an address ---------------------------------------------------------------------------------------


async def test_an_address_that_works_is_green_and_without_a_tool_nothing_is_called() -> None:
    async with hostile_http() as server:
        report = await examine(http_settings(server.url), HERE)

    # It lists nothing: the steps up to the list are what this is about.
    assert list(seen(report)) == WEB
    assert [seen(report)[step] for step in WEB[:7]] == ["ok", "ok", "ok", "skipped", "ok", "ok", "ok"]
    assert "2025-06-18" in {finding.step: finding.text for finding in report.steps}["protocol"]


async def test_a_wrong_host_name_fails_at_the_name() -> None:
    found = failed(await examine(http_settings("http://no-such-host.invalid/mcp"), HERE))

    assert (found.step, "no-such-host.invalid" in found.text) == ("dns", True)


async def test_a_private_address_is_refused_before_anything_is_sent() -> None:
    async with hostile_http() as server:
        found = failed(await examine(http_settings(server.url), OutboundPolicy()))

    assert found.step == "address"
    assert f"127.0.0.1:{server.port}" in found.fix


async def test_a_refused_port_is_named() -> None:
    found = failed(await examine(http_settings(f"http://127.0.0.1:{free_port()}/mcp"), HERE))

    assert (found.step, "Nothing listens" in found.text) == ("tcp", True)


@pytest.mark.parametrize(
    ("status", "headers", "step", "says"),
    [
        ("401 x", {}, "sign_in", "none is stored"),
        ("403 x", {}, "sign_in", "does not allow"),
        ("404 x", {}, "http", "no MCP endpoint at this path"),
        ("405 x", {}, "http", "no MCP endpoint at this path"),
        ("301 x", {"location": "https://elsewhere.example/mcp"}, "http", "https://elsewhere.example/mcp"),
        ("429 x", {}, "http", "no more requests"),
        ("502 x", {}, "http", "HTTP 502"),
        ("418 x", {}, "http", "HTTP 418"),
        ("200 x", {"content_type": "text/html; charset=utf-8"}, "http", "web page"),
        ("200 x", {"content_type": "application/json"}, "http", "no message of MCP"),
        ("hangs_up", {}, "http", "broke off"),
    ],
)
async def test_what_the_first_answer_gives_away(
    status: str, headers: dict[str, str], step: str, says: str
) -> None:
    async with answering(status, b"{}", **headers) as url:
        found = failed(await examine(http_settings(url), HERE))

    assert (found.step, says in found.text) == (step, True), found


async def test_a_refused_token_is_told_apart_from_a_missing_one() -> None:
    async with answering("401 x") as url:
        found = failed(await examine(http_settings(url, headers={"Authorization": "Bearer old"}), HERE))

    assert (found.step, "refuses what is stored" in found.text) == ("sign_in", True)
    assert "old" not in found.text + found.fix.replace("old token", "")


async def test_a_name_that_is_forgotten_on_the_way_fails_at_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgotten(host: str, port: int) -> Any:
        raise httpx2.ConnectError(f"the name {host} cannot be resolved")

    monkeypatch.setattr(policy, "addresses_of", forgotten)

    found = failed(await examine(http_settings(f"http://localhost:{free_port()}/mcp"), HERE))

    assert (found.step, "Nothing listens" in found.text) == ("tcp", True), found


async def test_a_server_with_oauth_is_told_so() -> None:
    challenge = 'Bearer resource_metadata="https://x.example/.well-known/oauth-protected-resource"'
    async with answering("401 x", www_authenticate=challenge) as url:
        assert "OAuth" in failed(await examine(http_settings(url), HERE)).fix


async def test_a_silent_address_fails_at_http() -> None:
    async with answering("silent") as url:
        found = failed(await examine(http_settings(url), HERE, step_limit_s=0.5))

    assert (found.step, "no answer within" in found.text) == ("http", True)


# --- certificates ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def behind_tls(certificate: Path) -> AsyncIterator[str]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(connected, ssl=server_context(certificate)) as port:
        yield f"https://localhost:{port}/mcp"


async def test_a_certificate_that_is_signed_by_itself_is_refused(tmp_path: Path) -> None:
    async with behind_tls(a_certificate(tmp_path, "localhost")) as url:
        found = failed(await examine(http_settings(url), HERE))

    assert (found.step, "signed by itself" in found.text) == ("tls", True), found


async def test_a_certificate_for_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = a_certificate(tmp_path, "other.example")
    trusting(monkeypatch, certificate)

    async with behind_tls(certificate) as url:
        found = failed(await examine(http_settings(url), HERE))

    assert (found.step, "for another name" in found.text) == ("tls", True), found


async def test_an_expired_certificate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = a_certificate(tmp_path, "localhost", days=-1)
    trusting(monkeypatch, certificate)

    async with behind_tls(certificate) as url:
        found = failed(await examine(http_settings(url), HERE))

    assert (found.step, "expired" in found.text) == ("tls", True), found


async def test_a_port_without_tls_is_told_so() -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with serving(connected) as port:
        found = failed(await examine(http_settings(f"https://127.0.0.1:{port}/mcp"), HERE))

    assert (found.step, "does not speak TLS" in found.text) == ("tls", True), found
