"""A time limit that stands still while somebody else is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def standing_still(limit: asyncio.Timeout | None) -> Iterator[None]:
    """A time limit goes on afterwards with as much time as it had left."""
    ends, began = limit.when() if limit else None, time.monotonic()
    if limit is None or ends is None:
        yield
        return
    limit.reschedule(None)
    try:
        yield
    finally:
        # What it limits may have come to its end meanwhile.
        with suppress(RuntimeError):
            limit.reschedule(ends + time.monotonic() - began)
