"""Reading the document by which a program describes itself; its address is the program's id.

https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import httpx2

from runtime.errors import PatchbayError
from runtime.outbound.client import outbound_client
from runtime.outbound.policy import OutboundPolicy
from runtime.web_addresses import LOOPBACK

MAX_BYTES = 64 * 1024
TIMEOUT_S = 8.0


class DocumentUnreadable(PatchbayError):
    """The document cannot be had, or is none."""

    code = "client_document_unreadable"


def is_document_address(client_id: str) -> bool:
    """Whether a client id is the address of a document: https with a path; http only on this machine."""
    parts = urlsplit(client_id)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    has_more = bool(parts.fragment or parts.username or parts.query)
    return is_safe and bool(parts.hostname) and parts.path not in {"", "/"} and not has_more


async def read_client_document(policy: OutboundPolicy, url: str) -> dict[str, Any]:
    """The document; raises DocumentUnreadable. Redirects are not followed: the address is the identity."""
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            outbound_client(policy, read_timeout_s=TIMEOUT_S, cap_bytes=MAX_BYTES) as http,
        ):
            response = await http.get(url, headers={"accept": "application/json"})
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, TimeoutError) as error:
        raise DocumentUnreadable(f"{url} cannot be read: {str(error) or type(error).__name__}") from error
    if response.status_code != 200:
        raise DocumentUnreadable(f"{url} answers with HTTP {response.status_code}.")
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise DocumentUnreadable(f"{url} is no JSON.") from error
    if not isinstance(document, dict) or document.get("client_id") != url:
        raise DocumentUnreadable(f"{url} does not name itself as its client_id.")
    return document
