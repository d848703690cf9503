"""The outbound door: which addresses it opens, and what it refuses in a reply."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runtime.outbound.client import outbound_client
from runtime.outbound.errors import Blocked, ReplyCompressed, ReplyTooLarge, never_sent
from runtime.outbound.policy import OutboundPolicy
from tests.support.certificates import a_certificate, server_context, trusting
from tests.support.processes import free_port

Connected = Callable[[Any, Any], Awaitable[None]]

PRIVATE = [
    "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "2002:7f00:1::", "fc00::1", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::101:101", "2002:101:101::"]


def allows(policy: OutboundPolicy, host: str, *addresses: str, port: int = 443) -> bool:
    return policy.allows(host, port, [ipaddress.ip_address(address) for address in addresses])


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_of_machines_and_networks_are_refused(address: str) -> None:
    assert not allows(OutboundPolicy(), "somewhere.example", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert allows(OutboundPolicy(), "somewhere.example", address)


def test_one_private_address_refuses_the_whole_name() -> None:
    assert not allows(OutboundPolicy(), "somewhere.example", "1.1.1.1", "127.0.0.1")


def test_a_name_without_an_address_is_refused() -> None:
    assert not allows(OutboundPolicy(), "somewhere.example")


def test_an_allowed_name_may_lead_anywhere_and_another_name_may_not() -> None:
    policy = OutboundPolicy.parse("llm.internal")

    assert allows(policy, "LLM.internal.", "10.0.0.7")
    assert not allows(policy, "other.internal", "10.0.0.7")


def test_an_allowed_port_allows_no_other_port() -> None:
    policy = OutboundPolicy.parse("llm.internal:8080, [::1]:9000")

    assert allows(policy, "llm.internal", "10.0.0.7", port=8080)
    assert not allows(policy, "llm.internal", "10.0.0.7", port=22)
    assert allows(policy, "[::1]", "::1", port=9000)
    assert not allows(policy, "[::1]", "::1", port=9001)


def test_an_allowed_network_allows_its_addresses_in_every_spelling() -> None:
    policy = OutboundPolicy.parse("10.1.0.0/16")

    assert allows(policy, "x", "10.1.2.3")
    assert allows(policy, "x", "::ffff:10.1.2.3")
    assert not allows(policy, "x", "10.2.0.1")


def test_an_empty_list_allows_nothing_private() -> None:
    assert not allows(OutboundPolicy.parse(" , "), "localhost", "127.0.0.1")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0", "[::1]", "[::ffff:7f00:1]"]
)
async def test_no_spelling_of_this_machine_gets_a_connection(host: str) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        listener.settimeout(0.05)
        async with outbound_client(OutboundPolicy(), read_timeout_s=5) as client:
            with pytest.raises(Blocked):
                await client.get(f"http://{host}:{listener.getsockname()[1]}/")
        with pytest.raises(TimeoutError):
            listener.accept()


async def test_a_name_is_judged_by_what_it_resolves_to_at_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rebound(*arguments: Any, **options: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)

    async with outbound_client(OutboundPolicy(), read_timeout_s=5) as client:
        with pytest.raises(Blocked):
            await client.get("http://harmless.example/")


async def test_an_address_that_is_written_as_a_number_is_judged_as_one(web: Web) -> None:
    port = httpx2.URL(web.url).port
    async with outbound_client(OutboundPolicy.parse(f"127.0.0.1:{port}"), read_timeout_s=5) as client:
        assert (await client.get(web.url)).status_code == 200
        with pytest.raises(Blocked):
            await client.get(f"http://127.0.0.1:{free_port()}/")
        with pytest.raises(Blocked):
            await client.get(f"http://2130706433:{port}/")


async def test_the_environment_cannot_send_calls_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, web: Web
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async with outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client:
        assert (await client.get(web.url)).status_code == 200


class Web:
    """A page on a raw socket."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.head = b"HTTP/1.1 200 OK\r\n"
        self.body = b"hello"
        self.asked = b""

    async def connected(self, reader: Any, writer: Any) -> None:
        self.asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(self.head + b"connection: close\r\n\r\n" + self.body)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


@pytest.fixture
async def web() -> Any:
    page = Web(free_port())
    listener = await asyncio.start_server(page.connected, "127.0.0.1", int(page.url.split(":")[2][:-1]))
    async with listener:
        yield page


@asynccontextmanager
async def serving(connected: Connected, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a raw socket, whose connections are closed once they were served."""
    tasks: set[asyncio.Task[Any] | None] = set()

    async def served(reader: Any, writer: Any) -> None:
        tasks.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError):  # the caller has hung up
            await connected(reader, writer)
        writer.close()

    async with await asyncio.start_server(served, "127.0.0.1", 0, backlog=200, ssl=tls) as listener:
        port = listener.sockets[0].getsockname()[1]
        yield f"https://localhost:{port}/" if tls else f"http://127.0.0.1:{port}/"
        await asyncio.wait_for(asyncio.gather(*filter(None, tasks)), 5)


async def fetched(web: Web) -> httpx2.Response:
    async with outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client:
        return await client.get(web.url)


async def test_a_password_in_the_address_is_sent_as_a_header(web: Web) -> None:
    async with outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client:
        await client.get(web.url.replace("http://", "http://mira:secret@"))

    assert b"authorization: basic bwlyytpzzwnyzxq=" in web.asked.lower()


async def test_headers_come_and_go_as_they_are(web: Web) -> None:
    web.head += b"x-twice: one\r\nx-twice: two\r\nx-bytes: caf\xe9\r\n"

    async with outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client:
        response = await client.get(web.url, headers={"X-Name": "Mira"})

    assert response.headers.get_list("x-twice") == ["one", "two"]
    assert (b"x-bytes", b"caf\xe9") in response.headers.raw
    assert b"x-name: mira" in web.asked.lower()
    assert web.asked.lower().count(b"host:") == 1
    assert not any(name in web.asked.lower() for name in (b"aiohttp", b"content-type"))


async def test_a_header_that_cannot_be_written_sends_nothing(web: Web) -> None:
    async with outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client:
        with pytest.raises(httpx2.LocalProtocolError):
            await client.get(web.url, headers={"X-Name": "Mira\r\nX-Other: 1"})
        with pytest.raises(httpx2.LocalProtocolError):
            await client.get(web.url, headers=[(b"x-name", b"caf\xe9")])

    assert web.asked == b""


@pytest.mark.parametrize(("name", "days"), [("localhost", 10), ("other.example", 10), ("localhost", -1)])
async def test_only_a_valid_certificate_of_that_name_is_believed(
    name: str, days: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connected(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
        await writer.drain()

    certificate = a_certificate(tmp_path, name, days=days)
    trusting(monkeypatch, certificate)
    async with (
        serving(connected, server_context(certificate)) as url,
        outbound_client(OutboundPolicy.parse("localhost"), read_timeout_s=5) as client,
    ):
        if (name, days) == ("localhost", 10):
            assert (await client.get(url)).text == "hello"
        else:
            with pytest.raises(httpx2.ConnectError) as failure:
                await client.post(url, json={})
            assert never_sent(failure.value)


async def test_more_calls_go_on_at_once_than_a_pool_would_hold() -> None:
    everybody_is_here, count = asyncio.Event(), 0

    async def connected(reader: Any, writer: Any) -> None:
        nonlocal count
        await reader.readuntil(b"\r\n\r\n")
        count += 1
        if count == 150:
            everybody_is_here.set()
        await everybody_is_here.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with (
        serving(connected) as url,
        outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=20) as client,
    ):
        answers = await asyncio.gather(*(client.get(url) for _ in range(150)))

    assert {answer.status_code for answer in answers} == {200}


async def test_a_connection_is_used_again_and_a_dead_one_is_not() -> None:
    connections = 0

    async def connected(reader: Any, writer: Any) -> None:
        """Answers twice, then hangs up."""
        nonlocal connections
        connections += 1
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        writer.close()
        await writer.wait_closed()
        gone.set()

    gone = asyncio.Event()
    async with (
        serving(connected) as url,
        outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client,
    ):
        assert (await client.post(url)).text == (await client.post(url)).text == "hi"
        await asyncio.wait_for(gone.wait(), 5)
        assert (await client.post(url)).text == "hi"

    assert connections == 2


async def test_what_was_sent_is_not_sent_again_when_the_server_hangs_up() -> None:
    asked = 0

    async def connected(reader: Any, writer: Any) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1

    async with (
        serving(connected) as url,
        outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client,
    ):
        with pytest.raises(httpx2.RemoteProtocolError) as failure:
            await client.post(url, json={})

    assert asked == 1
    assert not never_sent(failure.value)


async def test_a_server_that_is_silent_is_given_up_on_within_the_limit() -> None:
    async def connected(reader: Any, writer: Any) -> None:
        await reader.read()  # until the caller hangs up

    async with (
        serving(connected) as url,
        outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=0.2) as client,
    ):
        with pytest.raises(httpx2.ReadTimeout):
            await client.get(url)


async def test_where_nothing_listens_nothing_was_sent() -> None:
    async with outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client:
        with pytest.raises(httpx2.ConnectError) as failure:
            await client.post(f"http://127.0.0.1:{free_port()}/", json={})

    assert never_sent(failure.value)


@pytest.mark.parametrize(
    "reply",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nhi",
    ],
)
async def test_a_reply_that_is_no_http_is_an_error_of_the_server(reply: bytes) -> None:
    async def connected(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        with contextlib.suppress(ConnectionError):
            await writer.drain()

    async with (
        serving(connected) as url,
        outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client,
    ):
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(url)


async def test_a_redirect_is_given_back_and_not_followed(web: Web) -> None:
    web.head = b"HTTP/1.1 302 Found\r\nlocation: http://elsewhere.example/\r\n"

    response = await fetched(web)

    assert response.status_code == 302


async def test_a_compressed_reply_is_refused_and_was_not_asked_for(web: Web) -> None:
    web.head, web.body = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n", gzip.compress(b"0" * 1000)

    with pytest.raises(ReplyCompressed):
        await fetched(web)
    assert b"accept-encoding: identity" in web.asked.lower()


async def test_a_reply_over_the_cap_is_cut_off(web: Web) -> None:
    web.body = b"0" * (9 * 1024 * 1024)

    with pytest.raises(ReplyTooLarge):
        await fetched(web)


async def test_an_announced_size_over_the_cap_is_refused_before_it_comes(web: Web) -> None:
    web.head += b"content-length: 90000000\r\n"

    with pytest.raises(ReplyTooLarge):
        await fetched(web)


async def test_cookies_are_not_kept_between_calls(web: Web) -> None:
    web.head += b"set-cookie: session=abc\r\n"

    async with outbound_client(OutboundPolicy.parse("127.0.0.1"), read_timeout_s=5) as client:
        await client.get(web.url)
        await client.get(web.url)

    assert b"cookie" not in web.asked.lower()


@pytest.mark.parametrize("url", ["ftp://1.1.1.1/", "file:///etc/passwd"])
async def test_only_http_leads_out(url: str) -> None:
    async with outbound_client(OutboundPolicy(), read_timeout_s=5) as client:
        with pytest.raises(httpx2.UnsupportedProtocol):
            await client.get(url)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Blocked(""), True),
        (httpx2.ConnectError(""), True),
        (httpx2.ConnectTimeout(""), True),
        (httpx2.PoolTimeout(""), True),
        (httpx2.ReadTimeout(""), False),
        (httpx2.ReadError(""), False),
        (httpx2.RemoteProtocolError(""), False),
        (None, False),
    ],
)
def test_only_failures_before_the_request_count_as_never_sent(
    error: BaseException | None, expected: bool
) -> None:
    assert never_sent(error) is expected
