"""The addresses that programs meet when they sign in, as seen from outside."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest

RESOURCE_PATH = "/mcp"
RESOURCE_METADATA_PATH = f"/.well-known/oauth-protected-resource{RESOURCE_PATH}"
DOCUMENTATION_PATH = "/settings/mcp"


def origin_of(request: HttpRequest) -> str:
    """Scheme and host of this installation; it is the issuer of its tokens."""
    return settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def origin_of_scope(scope: MutableMapping[str, Any], headers: Mapping[str, str]) -> str:
    """The same, for a request that passes by Django."""
    return settings.PUBLIC_URL or f"{scope.get('scheme', 'http')}://{headers.get('host', '')}"


def resource_of(origin: str) -> str:
    """The audience of every token: the MCP endpoint."""
    return origin + RESOURCE_PATH
