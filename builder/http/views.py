"""Health, and what a visitor sees when a request cannot be served."""

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from builder.http.errors import CSRF_FAILED, DATABASE_AWAY, database_unavailable, problem
from builder.http.readiness import readiness
from runtime.database_outage import is_outage


def wants_problem(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/hooks/"))


def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, a host is fresh and due work moves; 503 with the reason otherwise."""
    report = await readiness()
    return JsonResponse(report, status=200 if report["status"] == "ok" else 503)


MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#4f46e5" stroke-width="2.4" '
    'stroke-linecap="round"><circle cx="5" cy="6" r="2.6"/><circle cx="19" cy="18" r="2.6"/>'
    '<path d="M7.8 6H13a4 4 0 0 1 0 8h-2a2 2 0 0 0 0 4h5"/></svg>'
)


def favicon(request: HttpRequest) -> HttpResponse:
    return HttpResponse(MARK, content_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if wants_problem(request):
        return problem(403, "csrf_failed", CSRF_FAILED)
    return render(
        request, "errors/error.html", {"title": "Please try again", "message": CSRF_FAILED}, status=403
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    message = "There is nothing here, or you may not see it."
    if wants_problem(request):
        return problem(404, "not_found", message)
    return render(request, "errors/error.html", {"title": "Not found", "message": message}, status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    message = "Your role in this workspace does not allow this. Ask an admin of the workspace."
    if wants_problem(request):
        return problem(403, "forbidden", message)
    return render(request, "errors/error.html", {"title": "Not allowed", "message": message}, status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    error = sys.exc_info()[1]
    if error is not None and is_outage(error):
        return _database_away(request, error)
    message = "Something went wrong here. The failure was logged; nothing you saved is lost."
    if wants_problem(request):
        return problem(500, "internal_error", message, retryable=True)
    return render(
        request, "errors/error.html", {"title": "Something went wrong", "message": message}, status=500
    )


def _database_away(request: HttpRequest, error: BaseException) -> HttpResponse:
    unavailable = database_unavailable(error)
    if wants_problem(request):
        return unavailable
    about = {"title": "Please try again in a moment", "message": DATABASE_AWAY}
    page = render(request, "errors/error.html", about, status=503)
    page["Retry-After"] = unavailable["Retry-After"]
    return page
