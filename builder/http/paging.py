"""Cursor paging: lists answer {"items", "next"}; `next` is opaque and goes back as ?cursor=."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from pydantic import BaseModel

from builder.http.errors import Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_ID_BYTES = 16
_AT_BYTES = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """What a list answers; `next` is null on the last page."""

    items: list[Item]
    next: str | None


def newest_first(
    rows: QuerySet[Row],
    *,
    cursor: str | None,
    limit: int | None,
    show: Callable[[Row], Any],
    moment: str | None = None,
) -> dict[str, Any]:
    """One page of rows whose ids are UUIDv7, newest first, by keyset.

    moment    a field with a time that goes before the id, for a list in another order than that of making

    raises    Invalid (invalid_cursor) for a cursor that was not given out here
    """
    size = min(max(limit or DEFAULT_LIMIT, 1), MAX_LIMIT)
    if cursor:
        rows = rows.filter(_behind(cursor, moment))
    order = [f"-{moment}", "-pk"] if moment else ["-pk"]
    found = list(rows.order_by(*order)[: size + 1])
    more = len(found) > size
    return {
        "items": [show(row) for row in found[:size]],
        "next": _cursor(found[size - 1], moment) if more else None,
    }


def asked_page(request: HttpRequest, rows: QuerySet[Row], *, moment: str | None = None) -> dict[str, Any]:
    """The rows that the address of a page asks for: the first ones if its cursor was not given out here."""
    cursor = request.GET.get("cursor")
    try:
        return newest_first(rows, cursor=cursor, limit=None, show=lambda row: row, moment=moment)
    except Invalid:
        return newest_first(rows, cursor=None, limit=None, show=lambda row: row, moment=moment)


def _cursor(row: Model, moment: str | None) -> str:
    at = _at_bytes(getattr(row, moment)) if moment else b""
    return base64.urlsafe_b64encode(at + row.pk.bytes).decode().rstrip("=")


def _behind(cursor: str, moment: str | None) -> Q:
    try:
        key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at, row_id = key[:-_ID_BYTES], UUID(bytes=key[-_ID_BYTES:])
        if len(at) != (_AT_BYTES if moment else 0):
            raise ValueError
        if moment is None:
            return Q(pk__lt=row_id)
        then = _EPOCH + timedelta(microseconds=int.from_bytes(at))
    except (ValueError, OverflowError, binascii.Error):
        raise Invalid("invalid_cursor", "The cursor was not given out by this list.") from None
    return Q((f"{moment}__lt", then)) | Q((moment, then), pk__lt=row_id)


def _at_bytes(at: datetime) -> bytes:
    return ((at - _EPOCH) // timedelta(microseconds=1)).to_bytes(_AT_BYTES)
