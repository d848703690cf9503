"""Hands a request of Django's to a handler of the SDK and its answer back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]
ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
}
"""Programs in browsers ask here as well. No cookie counts at these addresses, so any page may."""


async def answered(request: HttpRequest, handle: Handler) -> HttpResponse:
    """The handler's answer, open to pages of other origins."""
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=ANY_ORIGIN)
    response = await handled(request, handle)
    for name, value in ANY_ORIGIN.items():
        response[name] = value
    return response


async def handled(request: HttpRequest, handle: Handler) -> HttpResponse:
    body = request.body

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "query_string": request.META.get("QUERY_STRING", "").encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
    }
    response = await handle(Request(scope, receive))
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return HttpResponse(bytes(response.body), status=response.status_code, headers=headers)
