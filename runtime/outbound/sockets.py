"""A bare connection, to find out how far one gets."""

from __future__ import annotations

import ssl

import httpcore2

from runtime.outbound import certificates
from runtime.outbound.policy import OutboundPolicy, allowed_addresses


async def open_socket(
    policy: OutboundPolicy, host: str, port: int, *, timeout_s: float
) -> httpcore2.AsyncNetworkStream:
    """raises   Blocked, httpx2.ConnectError for a name that leads nowhere, or httpcore2's ConnectError and ConnectTimeout"""
    failure: Exception | None = None
    for address in await allowed_addresses(policy, host, port):
        try:
            return await httpcore2.AnyIOBackend().connect_tcp(str(address), port, timeout_s)
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            failure = error
    raise failure or httpcore2.ConnectError(f"{host} has no address")


async def secure_socket(stream: httpcore2.AsyncNetworkStream, host: str, *, timeout_s: float) -> None:
    """Shake hands over a bare connection, as every request would; raises ssl.SSLError with the reason."""
    try:
        secured = await stream.start_tls(certificates.context(), host, timeout_s)
    except httpcore2.ConnectError as error:
        raise (error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error) from error
    await secured.aclose()
