"""Every outgoing request, carried by aiohttp: a fourth of the work that httpx's own transport makes of one.

The address is judged when the socket is opened, so neither spelling, DNS tricks nor redirects lead to a
private host. Replies are capped and never compressed, proxies of the environment are ignored, and no redirect
is followed by the client itself.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import lru_cache

import aiohttp
import httpx2
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from runtime.outbound import certificates
from runtime.outbound.errors import Blocked, ReplyCompressed, ReplyTooLarge
from runtime.outbound.policy import OutboundPolicy, allowed_addresses, judge

HEADER_LINE_BYTES = 64 * 1024
NUMBERS_REMEMBERED = 1000
_ADDED_BY_AIOHTTP = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class OutboundTransport(httpx2.AsyncBaseTransport):
    """Keeps its connections; as many at once as are asked for.

    raises   Blocked, ReplyTooLarge, ReplyCompressed, or httpx2's own transport errors
    """

    def __init__(self, policy: OutboundPolicy, *, cap_bytes: int) -> None:
        self._policy = policy
        self._cap_bytes = cap_bytes
        self._session: aiohttp.ClientSession | None = None
        self._allowed_numbers: set[tuple[str, int]] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = _address(request.url)
        # What aiohttp will connect to, as it reads the address.
        self._judge_number(url.raw_host or "", url.port or 0)
        request.headers["accept-encoding"] = "identity"
        limits = request.extensions.get("timeout", {})
        with _failures(request):
            reply = await self._opened().request(
                request.method,
                url,
                headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=_time_limits(limits.get("connect"), limits.get("read")),
            )
        if (problem := self._problem(reply)) is not None:
            reply.close()
            raise problem
        return httpx2.Response(
            reply.status, headers=list(reply.raw_headers), stream=_Body(reply, self._cap_bytes, request)
        )

    def _opened(self) -> aiohttp.ClientSession:
        """Made by the first request: a session belongs to the loop that it is made on."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_JudgingResolver(self._policy),
                use_dns_cache=False,
                limit=0,
                ssl=certificates.context(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=_ADDED_BY_AIOHTTP,
                max_line_size=HEADER_LINE_BYTES,
                max_field_size=HEADER_LINE_BYTES,
            )
        return self._session

    def _judge_number(self, host: str, port: int) -> None:
        """An address that is written as a number is looked up nowhere, so the resolver never sees it; raises Blocked."""
        if (host, port) in self._allowed_numbers or (":" not in host and not host.replace(".", "").isdigit()):
            return
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise Blocked(f"{host} is no usual way to write an address") from None
        judge(self._policy, host, port, [address])
        if len(self._allowed_numbers) >= NUMBERS_REMEMBERED:
            self._allowed_numbers.clear()
        self._allowed_numbers.add((host, port))

    def _problem(self, reply: aiohttp.ClientResponse) -> Exception | None:
        """What the headers alone give away."""
        if reply.headers.get("content-encoding", "identity").lower() != "identity":
            return ReplyCompressed("the reply is compressed")
        announced = reply.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._cap_bytes:
            return ReplyTooLarge(self._cap_bytes)
        return None

    async def aclose(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


class _JudgingResolver(AbstractResolver):
    """Gives a name's addresses only when the policy allows every one of them."""

    def __init__(self, policy: OutboundPolicy) -> None:
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await allowed_addresses(self._policy, host, port)
        ]

    async def close(self) -> None:
        """Holds nothing."""


class _Body(httpx2.AsyncByteStream):
    def __init__(self, reply: aiohttp.ClientResponse, cap_bytes: int, request: httpx2.Request) -> None:
        self._reply = reply
        self._cap_bytes = cap_bytes
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        with _failures(self._request):
            async for chunk in self._reply.content.iter_any():
                total += len(chunk)
                if total > self._cap_bytes:
                    raise ReplyTooLarge(self._cap_bytes)
                yield chunk

    async def aclose(self) -> None:
        self._reply.close()


@lru_cache(maxsize=64)
def _time_limits(connect_s: float | None, read_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=connect_s, sock_connect=connect_s, sock_read=read_s)


def _address(url: httpx2.URL) -> URL:
    if url.scheme not in {"http", "https"}:
        raise httpx2.UnsupportedProtocol(f"{url.scheme}: is not possible")
    # httpx has made a header of a name and a password already.
    return URL(str(url.copy_with(userinfo=b"") if url.userinfo else url), encoded=True)


@contextmanager
def _failures(request: httpx2.Request) -> Iterator[None]:
    """aiohttp's errors as httpx's, which say whether the request may have been sent."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx2.ConnectTimeout("no connection within the time limit", request=request) from error
    except aiohttp.ServerTimeoutError as error:
        raise httpx2.ReadTimeout("no answer within the time limit", request=request) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx2.ConnectError(str(error), request=request) from error
    except aiohttp.ServerDisconnectedError as error:
        raise httpx2.RemoteProtocolError("the server hung up without an answer", request=request) from error
    except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError) as error:
        raise httpx2.RemoteProtocolError(str(error), request=request) from error
    except aiohttp.InvalidURL as error:
        raise httpx2.UnsupportedProtocol(str(error), request=request) from error
    except ValueError as error:
        # A header that cannot be written; nothing was sent.
        raise httpx2.LocalProtocolError(str(error), request=request) from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx2.ReadError(str(error), request=request) from error
