"""Cursor paging: lists answer {"items", "next"}; `next` is opaque and goes back as ?cursor=."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from pydantic import BaseModel

from builder.http.errors import Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """What a list answers; `next` is null on the last page."""

    items: list[Item]
    next: str | None


def newest_first(
    rows: QuerySet[Row], *, cursor: str | None, limit: int | None, show: Callable[[Row], Any]
) -> dict[str, Any]:
    """One page of rows whose ids are UUIDv7, newest first, by keyset.

    raises    Invalid (invalid_cursor) for a cursor that was not given out here
    """
    size = min(max(limit or DEFAULT_LIMIT, 1), MAX_LIMIT)
    if cursor:
        rows = rows.filter(pk__lt=_decode(cursor))
    found = list(rows.order_by("-pk")[: size + 1])
    more = len(found) > size
    return {
        "items": [show(row) for row in found[:size]],
        "next": _encode(found[size - 1].pk) if more else None,
    }


def _encode(row_id: UUID) -> str:
    return base64.urlsafe_b64encode(row_id.bytes).decode().rstrip("=")


def _decode(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise Invalid("invalid_cursor", "The cursor was not given out by this list.") from None
