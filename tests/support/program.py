"""A program that signs in by OAuth with the official client; a person answers its question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)

CALLBACK = "http://127.0.0.1:4711/callback"


class Kept:
    """What a program keeps between its calls."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Program:
    """decide   gets the authorization address and gives where the browser is sent at the end"""

    def __init__(self, server: str, decide: Callable[[str], str], **metadata: Any) -> None:
        self.server = server
        self.kept = Kept()
        self.asked: list[dict[str, str]] = []
        self._decide = decide
        self._came_back = ""
        self._metadata = {"client_name": "Test assistant", "redirect_uris": [CALLBACK], **metadata}

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        auth = OAuthClientProvider(
            self.server,
            OAuthClientMetadata.model_validate(self._metadata),
            self.kept,
            redirect_handler=self._redirect,
            callback_handler=self._callback,
        )
        async with (
            httpx2.AsyncClient(auth=auth, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(self.server, http_client=http)) as client,
        ):
            yield client

    async def _redirect(self, url: str) -> None:
        self.asked.append({name: values[0] for name, values in parse_qs(urlsplit(url).query).items()})
        self._came_back = await asyncio.to_thread(self._decide, url)

    async def _callback(self) -> AuthorizationCodeResult:
        given = {name: values[0] for name, values in parse_qs(urlsplit(self._came_back).query).items()}
        if "error" in given:
            raise PermissionError(given["error"])
        return AuthorizationCodeResult(code=given["code"], state=given.get("state"), iss=given.get("iss"))
