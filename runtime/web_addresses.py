"""Addresses that strangers name and people are to open."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_safe_address(text: str) -> bool:
    """Whether it is one over which people may be sent: encrypted, unless it stays on their own machine."""
    if not is_web_address(text):
        return False
    parts = urlsplit(text)
    return parts.scheme == "https" or parts.hostname in LOOPBACK


def is_web_address(text: str) -> bool:
    """Whether a browser opens it as a page whose host is plain to see: http(s), without a name before the host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    has_odd = any(sign.isspace() or not sign.isprintable() for sign in text)
    return (
        parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc and not has_odd
    )
