"""Turns exceptions into problem-details (RFC 9457): endpoints raise, only this file formats.

Body: {"status", "code", "message", "details", "retryable"}; `code` is stable, `message` English for a person,
`details` its parameters. A hidden object answers like a missing one.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from runtime.database_outage import is_outage
from runtime.errors import ConcurrencyFull, GraphInvalid, GraphMalformed, NotAllowedNow, PatchbayError

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
DATABASE_AWAY = (
    "The database cannot be reached or written to just now. Send it again in a few seconds; with an"
    " Idempotency-Key, or a webhook-id, what may have been stored all the same is not done twice."
)


class ProblemError(Exception):
    """A request that cannot be done, with its HTTP status."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.retryable = retryable


class Conflict(ProblemError):
    """The object is in a state in which this cannot be done."""

    def __init__(self, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(409, code, message, details)


class Invalid(ProblemError):
    """The request is understood and wrong; `details.fields` says where."""

    def __init__(self, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(422, code, message, details)


def misfit(code: str, found: Sequence[tuple[str, str, Any]], *, whole: str, advice: str) -> Invalid:
    """What does not fit a schema, as `problems_in` finds it; `whole` is what it is called itself."""
    fields = [{"field": field, "message": sentence} for field, sentence, _ in found]
    first = fields[0]["field"] or whole
    return Invalid(code, f'"{first}" {fields[0]["message"]}. {advice}', {"fields": fields})


CSRF_FAILED = "This page was open for too long or came from elsewhere. Reload it and try again."
STATUS_OF: list[tuple[type[PatchbayError], int]] = [
    (GraphMalformed, 422),
    (GraphInvalid, 422),
    (ConcurrencyFull, 429),
    (NotAllowedNow, 409),
    (PatchbayError, 422),
]


def problem(
    status: int, code: str, message: str, details: Mapping[str, Any] | None = None, *, retryable: bool = False
) -> HttpResponse:
    """The response for one problem."""
    body = {
        "status": status,
        "code": code,
        "message": message,
        "details": dict(details or {}),
        "retryable": retryable,
    }
    return JsonResponse(body, status=status, content_type="application/problem+json")


def problem_for(error: Exception) -> HttpResponse:
    """The response for any exception that a view or an endpoint may raise."""
    match error:
        case ProblemError():
            return problem(error.status, error.code, error.message, error.details, retryable=error.retryable)
        case PatchbayError():
            return _refused(error)
        case AuthenticationError():
            return problem(401, "not_signed_in", "Sign in, or send a valid API token as a bearer token.")
        case PermissionDenied():
            return problem(403, "forbidden", "Your role does not allow this. Ask an admin of the workspace.")
        case Http404():
            return problem(404, "not_found", "There is nothing here, or you may not see it.")
        case ValidationError():
            return problem(
                422, "invalid_request", "The request does not fit.", {"fields": _fields(error.errors)}
            )
        case BadRequest() | SuspiciousOperation() | MultiPartParserError():
            return problem_for(unreadable(error))
        case HttpError(__cause__=Exception() as cause):
            # The framework says in its own words that a body could not be read; why is in what it goes back to.
            return problem_for(cause)
        case HttpError(status_code=403):
            return problem(403, "csrf_failed", CSRF_FAILED)
    if is_outage(error):
        return database_unavailable(error)
    logger.exception("request failed", exc_info=error, extra={"action": "http"})
    return problem(
        500, "internal_error", "Something went wrong here. The failure was logged.", retryable=True
    )


def unreadable(error: Exception) -> ProblemError:
    """What is wrong with a request that Django could not read."""
    match error:
        case RequestDataTooBig():
            return ProblemError(413, "too_large", "The body is larger than this address takes.")
        case TooManyFieldsSent():
            most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
            return _bad(f"There are more than {most} fields or query parameters.")
        case TooManyFilesSent():
            return _bad(f"There are more than {settings.DATA_UPLOAD_MAX_NUMBER_FILES} files.")
        case MultiPartParserError():
            return _bad(f"The body does not fit its content type: {error}.")
        case LookupError() | UnicodeError():
            return _bad("The charset that the content type names is none for text.")
    return _bad(str(error) or "The request could not be read.")


def _bad(message: str) -> ProblemError:
    return ProblemError(400, "bad_request", message)


def status_of(error: PatchbayError) -> int:
    """The HTTP status that says it."""
    return next(status for kind, status in STATUS_OF if isinstance(error, kind))


def _refused(error: PatchbayError) -> HttpResponse:
    status = status_of(error)
    response = problem(status, error.code, error.message, error.details, retryable=error.retryable)
    if status == 429:
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def database_unavailable(error: BaseException) -> HttpResponse:
    """Nothing is acknowledged that is not known to be stored: whoever sent it sends it again."""
    logger.warning(
        "the database is away, a request was turned away",
        extra={"action": "http", "error": str(error)[:200]},
    )
    response = problem(503, "database_unavailable", DATABASE_AWAY, retryable=True)
    response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _fields(errors: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Pydantic's list, reduced to where and what."""
    skipped = {"body", "query", "path", "payload", "header"}
    return [
        {
            "field": "/".join(str(part) for part in error["loc"] if part not in skipped),
            "message": str(error["msg"]),
        }
        for error in errors
    ]


def install(api: NinjaAPI) -> None:
    """Make the API answer every exception with a problem."""

    def handle(request: HttpRequest, error: Any) -> HttpResponse:
        return problem_for(error)

    for kind in (
        ProblemError,
        PatchbayError,
        AuthenticationError,
        PermissionDenied,
        Http404,
        ValidationError,
        RequestDataTooBig,
        BadRequest,
        HttpError,
        Exception,
    ):
        api.add_exception_handler(kind, handle)
