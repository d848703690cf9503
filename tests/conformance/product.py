"""Serves the product with one more door: calls of /mcp without a token get the one from MCP_TOKEN.

The suite cannot send headers of its own. Run as `python -m tests.conformance.product`; only for the suite.
"""

from __future__ import annotations

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "builder.settings")
django.setup()

from django.core.management import call_command

import builder.asgi


class WithToken:
    def __init__(self, inner: Any, token: str) -> None:
        self._inner = inner
        self._header = (b"authorization", f"Bearer {token}".encode())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_endpoint = scope["type"] == "http" and scope["path"] == "/mcp"
        if is_endpoint and not any(name == b"authorization" for name, _ in scope["headers"]):
            scope = {**scope, "headers": [*scope["headers"], self._header]}
        await self._inner(scope, receive, send)


if __name__ == "__main__":
    builder.asgi.application = WithToken(builder.asgi.application, os.environ["MCP_TOKEN"])
    call_command("serve")
