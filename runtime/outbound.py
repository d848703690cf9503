"""The one outbound door: every URL that the product calls goes through a client made here.

The address is judged when the socket is opened, so neither spelling, DNS tricks nor redirects lead to a
private host. Replies are capped and never compressed, proxies of the environment are ignored, and no redirect
is followed by the client itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore2
import httpx2

MAX_REPLY_BYTES = 8 * 1024 * 1024
CONNECT_TIMEOUT_S = 10.0
ADDRESSES_TRIED = 4
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Wrap = Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport]

# Ranges that `is_global` takes for public (some only on older Pythons) and that lead to the machine itself,
# to its neighbours, or to a cloud's metadata.
_REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "198.18.0.0/15",
        "fec0::/10",
        "64:ff9b:1::/48",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Blocked(httpx2.ConnectError):
    """The address is one that the product may not reach; nothing was sent."""


class ReplyTooLarge(httpx2.StreamError):
    """The reply is larger than the cap."""


class ReplyCompressed(httpx2.RemoteProtocolError):
    """The reply is compressed although that was refused: its real size cannot be bounded."""


class _Refused(httpcore2.ConnectError):
    """The policy's answer, as the connection pool passes it on."""


@dataclass(frozen=True)
class OutboundPolicy:
    """Which private hosts may be reached all the same: by name (with or without port) or by network."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> OutboundPolicy:
        """From `host`, `host:port`, `[v6]:port` and CIDR entries, separated by commas."""
        hosts, networks = set(), []
        for entry in (part.strip().lower() for part in text.split(",")):
            if not entry:
                continue
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                hosts.add(entry.replace("[", "").replace("]", ""))
        return cls(frozenset(hosts), tuple(networks))

    def allows(self, host: str, port: int, addresses: Iterable[Address]) -> bool:
        """Whether every address of a host may be reached; one bad address refuses the host."""
        name = host.strip("[]").lower().rstrip(".")
        if name in self.hosts or f"{name}:{port}" in self.hosts:
            return True
        found = list(addresses)
        return bool(found) and all(self._allows_address(address) for address in found)

    def _allows_address(self, address: Address) -> bool:
        inner = _unwrapped(address)
        if any(inner in network or address in network for network in self.networks):
            return True
        refused = inner.is_multicast or inner.is_reserved or any(inner in network for network in _REFUSED)
        return inner.is_global and not refused


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside a mapped, 6to4, NAT64 or compatible IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return inner
    if address in _NAT64 or int(address) >> 32 == 0:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


class _JudgingBackend(httpcore2.AsyncNetworkBackend):
    """Opens sockets only to addresses that the policy allows; the name itself stays for TLS and Host."""

    def __init__(self, policy: OutboundPolicy) -> None:
        self._policy = policy
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the pool's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await _resolved(host, port)
        if not self._policy.allows(host, port, addresses):
            raise _Refused(f"{host} leads to a private address")
        failure: Exception | None = None
        for address in addresses[:ADDRESSES_TRIED]:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  the pool's own signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise _Refused("sockets of this machine are not reachable")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _resolved(host: str, port: int) -> list[Address]:
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"the name {host} cannot be resolved") from error
    return list(dict.fromkeys(ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in infos))


class _CappedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: Any, cap_bytes: int) -> None:
        self._inner = inner
        self._cap_bytes = cap_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        async for chunk in self._inner:
            total += len(chunk)
            if total > self._cap_bytes:
                raise ReplyTooLarge(f"the reply is larger than {self._cap_bytes} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class OutboundTransport(httpx2.AsyncBaseTransport):
    """What every outgoing request passes.

    raises   Blocked, ReplyTooLarge, ReplyCompressed, or httpx2's own transport errors
    """

    def __init__(self, policy: OutboundPolicy, *, cap_bytes: int = MAX_REPLY_BYTES) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False)
        # The pool has no public setting for its backend; tests/unit/test_outbound.py holds us to it.
        self._inner._pool._network_backend = _JudgingBackend(policy)
        self._cap_bytes = cap_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.scheme not in {"http", "https"}:
            raise httpx2.UnsupportedProtocol(f"{request.url.scheme}: is not possible")
        request.headers["accept-encoding"] = "identity"
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.ConnectError as error:
            if isinstance(error.__cause__, _Refused):
                raise Blocked(str(error)) from error
            raise
        if (problem := self._problem(response)) is not None:
            await response.aclose()
            raise problem
        response.stream = _CappedStream(response.stream, self._cap_bytes)
        return response

    def _problem(self, response: httpx2.Response) -> Exception | None:
        """What the headers alone give away."""
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            return ReplyCompressed("the reply is compressed")
        announced = response.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._cap_bytes:
            return ReplyTooLarge(f"the reply is larger than {self._cap_bytes} bytes")
        return None

    async def aclose(self) -> None:
        await self._inner.aclose()


@cache
def _tls() -> ssl.SSLContext:
    """One context for all clients: making it costs 20 ms each time."""
    return httpx2.create_ssl_context(trust_env=False)


def never_sent(error: BaseException | None) -> bool:
    """Whether a request that failed like this certainly never reached the server."""
    kinds = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    return isinstance(error, (*kinds, httpx2.InvalidURL))


def outbound_client(
    policy: OutboundPolicy,
    *,
    read_timeout_s: float,
    headers: Mapping[str, str] | None = None,
    keeps_cookies: bool = False,
    wrap: Wrap | None = None,
    cap_bytes: int = MAX_REPLY_BYTES,
) -> httpx2.AsyncClient:
    """A client to keep: connections are pooled in it. Close it with `aclose()`.

    keeps_cookies   only for a client that serves one credential
    wrap            puts a protocol's own transport around the door's
    """
    door = OutboundTransport(policy, cap_bytes=cap_bytes)
    return httpx2.AsyncClient(
        cookies=None if keeps_cookies else CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        transport=wrap(door) if wrap else door,
        timeout=httpx2.Timeout(CONNECT_TIMEOUT_S, read=read_timeout_s),
        headers=dict(headers or {}),
        follow_redirects=False,
        trust_env=False,
    )
