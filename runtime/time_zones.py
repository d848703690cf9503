"""Which time zones there are."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import available_timezones


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name, such as Europe/Berlin."""
    return name in _zones()


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
