"""Refuses bodies that are too large, and characters that no database can look for, before any view."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from builder.http.errors import problem

AsyncView = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}


class LimitMiddleware:
    """413 for a body that says it is larger than the limit; the server's own buffer stops one that lies.

    400 for NUL in path, query or a form's fields: PostgreSQL can neither store nor compare it. In JSON the parser of
    the API replaces it.
    """

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: AsyncView) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        refused = too_large(request) or _with_nul(request)
        return refused or await self.get_response(request)


def too_large(request: HttpRequest) -> HttpResponse | None:
    """The refusal, where the announced length is over the limit or no number."""
    announced = request.headers.get("Content-Length") or "0"
    if not announced.isdecimal():
        return problem(400, "bad_request", "Content-Length is not a number.")
    limit = settings.MAX_WEBHOOK_BYTES if request.path.startswith("/hooks/") else settings.MAX_BODY_BYTES
    if int(announced) > limit:
        return problem(413, "too_large", f"The body has {announced} bytes; this address takes {limit}.")
    return None


def _with_nul(request: HttpRequest) -> HttpResponse | None:
    if "\x00" in request.path or "%00" in request.META["QUERY_STRING"]:
        return problem(400, "bad_request", "The address contains a NUL character (%00).")
    if request.content_type in FORMS and _has_nul_in_fields(request):
        return problem(400, "bad_request", "A field contains a NUL character.")
    return None


def _has_nul_in_fields(request: HttpRequest) -> bool:
    # Read as a whole first: of a form whose parts were read one by one, no view could read the body any more.
    return bool(request.body) and any("\x00" in value for _, row in request.POST.lists() for value in row)
