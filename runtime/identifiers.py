"""UUIDs of version 7 (RFC 9562): sortable by the millisecond in which they were made."""

import os
import time
import uuid
from datetime import datetime

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id() -> uuid.UUID:
    """A fresh UUIDv7; ids made in the same millisecond are in no particular order."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10), "big")
    high = (random_bits >> 68) & 0xFFF
    low = random_bits & ((1 << 62) - 1)
    return uuid.UUID(int=(milliseconds << 80) | _VERSION_7 | (high << 64) | _VARIANT | low)


def first_id_of(at: datetime) -> uuid.UUID:
    """The smallest id that can have been made at a moment: everything before it is older."""
    milliseconds = max(int(at.timestamp() * 1000), 0)
    return uuid.UUID(int=(milliseconds << 80) | _VERSION_7 | _VARIANT)
