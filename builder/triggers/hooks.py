"""POST /hooks/<token>: verify, commit, then answer; mounted beside Django, whose middleware serves people with sessions.

A caller here has no session and no page, only a secret address, and waits for every millisecond.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any
from uuid import UUID

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as AnyDatabaseError
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from builder.accounts.matrix import MOUNTED
from builder.http.database import in_database
from builder.http.encryption import SecretUnreadable
from builder.http.errors import Conflict, ProblemError, problem_for, unreadable
from builder.http.idempotency import body_digest, key_of
from builder.http.json_body import parsed
from builder.http.limits import too_large
from builder.triggers.addresses import Memory, address_for
from builder.triggers.models import Address, Delivery
from builder.triggers.starting import paused, run_at, trigger_of_live_version
from builder.triggers.webhook_auth import refuse_unless_genuine
from builder.triggers.webhook_keys import kind_of, secrets_of
from runtime.database_outage import is_outage
from runtime.engine import process
from runtime.engine.commands import begin_run, start_run
from runtime.engine.live import Subscription, answer_topic
from runtime.engine.new_runs import Begun
from runtime.engine.waiting import answer_within
from runtime.errors import PatchbayError
from runtime.graph.schema import Node
from runtime.identifiers import new_id
from runtime.models import Run
from runtime.settings_revisions import SettingsChanged

logger = logging.getLogger(__name__)

HOLD_S = 30.0
ROUTE = "hooks/<str:token>"
METHODS = MOUNTED[ROUTE]
KEPT_HEADERS = {
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "idempotency-key",
    "accept-language",
}
_PATH = re.compile(r"/hooks/([^/]+)")
_memory = Memory()

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Accepted:
    """A run, and whether its reply is waited for; begun: by a host that inserts it, or not."""

    run_id: UUID
    holds: bool
    begun: Begun | None = None


class WebhookEndpoint:
    """Answers the addresses of webhooks and hands everything else on."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._finish = [
            middleware(_unused).process_response
            for middleware in (XFrameOptionsMiddleware, CSPMiddleware, SecurityMiddleware)
        ]
        self._headers: dict[bool, dict[str, str]] = {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        found = _PATH.fullmatch(scope["path"])
        if found is None:
            await self._inner(scope, receive, send)
            return
        request, response = await _answered(scope, receive, found[1])
        for name, value in self._of_every_reply(request).items():
            response.headers.setdefault(name, value)
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.items()]
        headers.append((b"content-length", str(len(response.content)).encode()))
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": response.content})

    def _of_every_reply(self, request: HttpRequest) -> dict[str, str]:
        """The headers that the middleware gives to each page; those of a reply without a page are always the same."""
        is_secure = request.is_secure()
        if is_secure not in self._headers:
            empty = HttpResponse()
            del empty.headers["Content-Type"]
            for finish in self._finish:
                finish(request, empty)
            self._headers[is_secure] = dict(empty.items())
        return self._headers[is_secure]


def _unused(request: HttpRequest) -> HttpResponse:
    raise AssertionError("only what these do to a response is wanted")


async def _answered(
    scope: MutableMapping[str, Any], receive: Receive, token: str
) -> tuple[HttpRequest, HttpResponse]:
    body = BytesIO()
    request: HttpRequest = ASGIRequest(scope, body)
    try:
        request.get_host()
        if request.method not in METHODS:
            raise ProblemError(405, "method_not_allowed", f"{request.method} is not possible here.")
        if refused := too_large(request):
            return request, refused
        body.write(await _body_of(receive))
        body.seek(0)
        return request, await _webhook(request, token)
    except DisallowedHost:
        return request, problem_for(
            ProblemError(400, "wrong_host", "This host is not served here. See ALLOWED_HOSTS.")
        )
    except Exception as error:
        return request, problem_for(error)


async def _body_of(receive: Receive) -> bytes:
    """The whole body; raises as soon as it is too large, whatever was announced."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(400, "bad_request", "The body ended too early.")
        body += message.get("body", b"")
        if len(body) > settings.MAX_WEBHOOK_BYTES:
            limit = settings.MAX_WEBHOOK_BYTES
            raise ProblemError(413, "too_large", f"The body is larger than {limit} bytes.")
        more = bool(message.get("more_body"))
    return bytes(body)


async def _webhook(request: HttpRequest, token: str) -> HttpResponse:
    """202 {"run_id"} once the run is committed; with `when_replied` up to 30 s of waiting for the reply."""
    run_id = new_id()
    accept_after_all = partial(in_database, _accept_after_all, token, request, run_id)
    process.listen_for_hosts(in_database)
    async with process.live_updates().subscribe(answer_topic(run_id)) as news:
        accepted = await in_database(_accept, token, request, run_id)
        # A run that was just committed cannot have replied yet.
        looks_first = accepted.run_id != run_id
        if accepted.begun is not None and (own := await own_instead(accepted.begun, news, accept_after_all)):
            accepted, looks_first = own, True
        started = str(accepted.run_id)
        if not accepted.holds:
            return JsonResponse({"run_id": started}, status=202)
        has_replied, result = await answer_within(
            news, accepted.run_id, timeout_s=HOLD_S, look_first=looks_first, in_database=in_database
        )
    if not has_replied:
        return JsonResponse({"run_id": started}, status=202)
    return JsonResponse(result, safe=False, headers={"X-Run-Id": started})


async def own_instead(
    begun: Begun, news: Subscription, accept_after_all: Callable[[], Awaitable[Accepted]]
) -> Accepted | None:
    """The run as this process has inserted it, since the host had not; None where that had.

    While the host may still do it nobody can be told that the database took nothing.
    """
    while not await begun.is_inserted(news, in_database):
        try:
            return await accept_after_all()
        except AnyDatabaseError as error:
            if not (is_outage(error) and begun.may_come):
                raise
    return None


def _accept_after_all(token: str, request: HttpRequest, run_id: UUID) -> Accepted:
    """What was to be begun by a host, which may have inserted it meanwhile, before what refuses the request now was so."""
    try:
        return _accept(token, request, run_id, begins=False)
    except (IntegrityError, ProblemError, PatchbayError, Http404):
        if Run.objects.filter(pk=run_id).exists():
            return Accepted(run_id, holds=True)
        raise


def _accept(token: str, request: HttpRequest, run_id: UUID, *, begins: bool = True) -> Accepted:
    """Verify, read, and commit the run before anything is answered, or have that done by a host which begins it."""
    remembered = _memory.recall(token)
    if remembered is not None:
        try:
            return _accept_at(
                remembered.address, request, run_id, settings=remembered.settings, begins=begins
            )
        except (SettingsChanged, ProblemError, PatchbayError, Http404):
            # Also what refuses the request may be what was so before.
            _memory.forget(token)
    known = address_for("hook", token)
    if known is None or not known.address.is_live:
        raise Http404
    accepted = _accept_at(known.address, request, run_id)
    _memory.keep(token, known)
    return accepted


def _accept_at(
    address: Address,
    request: HttpRequest,
    run_id: UUID,
    settings: int | None = None,
    *,
    begins: bool = False,
) -> Accepted:
    """The same delivery id gives the same run.

    settings  the revision under which the address was read, if that was some time ago
    begins    a host may begin and insert the run, if its reply is waited for

    raises    SettingsChanged
    """
    node = trigger_of_live_version(address.workflow, address.node)
    kind = kind_of(node.config)
    if kind != "address":
        secrets = _secrets_of(address, node, kind)
        refuse_unless_genuine(node.config["auth"], secrets, request.headers, request.body)
    given, key = _input(request, node), _delivery_id(request, kind)
    holds = node.config.get("respond") == "when_replied"
    digest = body_digest(given["body"]) if key else ""
    if address.workflow.is_paused:
        if key and Delivery.objects.filter(address=address, key=key).exists():
            return Accepted(_delivered(address, key, digest), holds)
        raise paused()
    run = run_at(address.workflow, node.id, given, started_by="webhook", run_id=run_id)
    if not key:
        if begins and holds and settings is not None and (begun := begin_run(run, settings=settings)):
            return Accepted(run_id, holds, begun)
        return Accepted(start_run(run, settings=settings).pk, holds)
    try:
        with transaction.atomic():
            Delivery.objects.create(address=address, key=key, digest=digest, run_id=run_id)
            return Accepted(start_run(run, settings=settings).pk, holds)
    except IntegrityError as error:
        if settings is not None:
            # Nothing was inserted, so that nothing has shown whether the revision stands.
            raise SettingsChanged(settings) from error
        return Accepted(_delivered(address, key, digest), holds)


def _secrets_of(address: Address, node: Node, kind: str) -> list[str]:
    try:
        return secrets_of(address.workflow, node.id, kind)
    except SecretUnreadable as error:
        logger.exception(
            "a webhook cannot be told from a forgery", extra={"action": "webhook", "node": node.id}
        )
        # The sender may be genuine: it should try again, once somebody has given the webhook a secret.
        raise ProblemError(
            503,
            "webhook_secret_unreadable",
            "The secret of this webhook cannot be read here. Give it a new one, or publish its workflow again.",
            retryable=True,
        ) from error


def _delivery_id(request: HttpRequest, kind: str) -> str:
    """Of a signed delivery only the id that is part of what was signed, so that none can be sent again as another."""
    if kind == "standard_webhooks":
        return key_of(request, ["webhook-id"])
    return key_of(request)


def _delivered(address: Address, key: str, digest: str) -> UUID:
    delivery = Delivery.objects.get(address=address, key=key)
    if delivery.digest != digest:
        raise Conflict("idempotency_mismatch", "This delivery id came with another body before.")
    return delivery.run_id


def _input(request: HttpRequest, node: Node) -> dict[str, Any]:
    """What `trigger` shows: body, headers, query, method; never the header that carries the trigger's secret."""
    kept = KEPT_HEADERS - {str((node.config.get("auth") or {}).get("name", "")).lower()}
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() in kept}
    try:
        query = {name: str(value) for name, value in request.GET.items()}
        body = _body(request)
    except (LookupError, UnicodeError) as error:
        # Only here they are about the request; what Django itself cannot read says so by its type.
        raise unreadable(error) from error
    return {"body": body, "headers": headers, "query": query, "method": request.method}


def _body(request: HttpRequest) -> Any:
    """JSON, a form's fields, or {"text"}; the content type says which."""
    kind = request.content_type or ""
    raw = request.body
    if kind == "application/x-www-form-urlencoded":
        return _fields(request.POST)
    if kind == "multipart/form-data":
        return _parts(request)
    if kind == "application/json" or kind.endswith("+json"):
        return parsed(raw) if raw.strip() else {}
    charset = (request.content_params or {}).get("charset", "utf-8")
    return {"text": raw.decode(charset, "replace")} if raw else {}


def _fields(given: QueryDict) -> dict[str, Any]:
    """A text for each name, a list of them for one that comes several times."""
    return {name: values[0] if len(values) == 1 else values for name, values in given.lists()}


def _parts(request: HttpRequest) -> dict[str, Any]:
    """The fields of a multipart body, by its real length.

    Not from `request.POST`: one that could not be read is empty there when it is asked for a second time.
    """
    about = {**request.META, "CONTENT_LENGTH": str(len(request.body))}
    fields, _ = request.parse_file_upload(about, BytesIO(request.body))
    return _fields(fields)
