"""The one outbound door: every URL that the product calls goes through a client made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from runtime.outbound.policy import OutboundPolicy

MAX_REPLY_BYTES = 8 * 1024 * 1024
CONNECT_TIMEOUT_S = 10.0
Wrap = Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport]


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
    cap_bytes       of each reply
    wrap            puts a protocol's own transport around the door's
    """
    # With its library it takes 0.2 s to load, which a start does not wait for.
    from runtime.outbound.transport import OutboundTransport

    door = OutboundTransport(policy, cap_bytes=cap_bytes)
    return httpx2.AsyncClient(
        cookies=None if keeps_cookies else CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        transport=wrap(door) if wrap else door,
        timeout=httpx2.Timeout(CONNECT_TIMEOUT_S, read=read_timeout_s),
        headers=dict(headers or {}),
        follow_redirects=False,
        trust_env=False,
    )
