"""The door in front of every view: an undeclared route does not exist, and nobody gets past it unknown."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from builder.accounts.matrix import PUBLIC, ROUTES, verb_of
from builder.accounts.tokens import token_for
from builder.http.errors import problem

AsyncView = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class WorkspaceMiddleware:
    """Reads a bearer token, and asks the matrix whether the route needs a caller.

    Which object and which workspace the caller may touch is decided in `access.py`.
    """

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: AsyncView) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        header = request.headers.get("Authorization", "")
        if header.startswith("Bearer ") and request.path.startswith("/api/"):
            token = await sync_to_async(token_for)(header.removeprefix("Bearer ").strip())
            if token is None:
                return problem(401, "not_signed_in", "The API token is unknown or was revoked.")
            request.api_token = token  # type: ignore[attr-defined]
        return await self.get_response(request)

    async def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        match = request.resolver_match
        route = match.route if match else ""
        is_api = route.startswith("api/")
        verb = verb_of(route, request.method or "GET")
        if verb is None:
            if route in ROUTES:
                return problem(405, "method_not_allowed", f"{request.method} is not possible here.")
            return problem(404, "not_found", "There is nothing here, or you may not see it.")
        if verb == PUBLIC or hasattr(request, "api_token"):
            return None
        user = await request.auser()
        if user.is_authenticated and user.is_active:
            return None
        if is_api:
            return problem(401, "not_signed_in", "Sign in, or send a valid API token as a bearer token.")
        query = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?{query}")
