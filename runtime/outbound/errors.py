"""What an outgoing request fails with, besides httpx's own errors."""

from __future__ import annotations

import httpx2


class Blocked(httpx2.ConnectError):
    """The address is one that the product may not reach; nothing was sent."""


class ReplyTooLarge(httpx2.StreamError):
    """The reply is larger than the cap."""

    def __init__(self, cap_bytes: int) -> None:
        super().__init__(f"the reply is larger than {cap_bytes} bytes")


class ReplyCompressed(httpx2.RemoteProtocolError):
    """The reply is compressed although that was refused: its real size cannot be bounded."""


def never_sent(error: BaseException | None) -> bool:
    """Whether a request that failed like this certainly never reached the server."""
    kinds = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    return isinstance(error, (*kinds, httpx2.InvalidURL))
