"""`Idempotency-Key` (or `webhook-id`): same key, same answer; same key with another body is refused."""

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from builder.http.errors import Conflict, Invalid
from builder.http.models import IdempotencyKey
from runtime.engine.retention import delete_in_batches

KEPT_FOR = timedelta(days=30)


def key_of(request: HttpRequest, names: Iterable[str] = ("Idempotency-Key", "webhook-id")) -> str:
    """The key that the caller sent in the first of these headers, or an empty text."""
    name, key = next(((name, value) for name in names if (value := request.headers.get(name))), ("", ""))
    if len(key) > 200:
        raise Invalid("invalid_request", f"{name} is longer than 200 characters.")
    return key


def body_digest(body: Any) -> str:
    return hashlib.sha256(
        json.dumps(body, sort_keys=True, separators=(",", ":"), default=str).encode()
    ).hexdigest()


def once(
    scope: UUID, route: str, key: str, digest: str, act: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """Do `act` once for this key and remember what it answered.

    scope     what the key is unique in: a workspace or a trigger
    returns   the answer, and whether it was made now
    raises    Conflict (idempotency_mismatch) when the key came with another body before
    """
    if not key:
        with transaction.atomic():
            return act(), True
    with transaction.atomic():
        row, is_new = IdempotencyKey.objects.select_for_update().get_or_create(
            scope=scope, route=route, key=key, defaults={"digest": digest, "answer": {}}
        )
        if is_new:
            row.answer = act()
            row.save(update_fields=["answer"])
            return row.answer, True
    if row.digest != digest:
        raise Conflict(
            "idempotency_mismatch", "This key came with another body before; use a new key for a new request."
        )
    return row.answer, False


def forget_old(batch: int) -> int:
    """Remove keys past their time, so many in a transaction; returns how many."""
    old = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    return delete_in_batches(old, batch)
