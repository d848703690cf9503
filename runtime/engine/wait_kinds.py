"""Kinds of wait besides those of the nodes, and what a signal names to be meant for one."""

from __future__ import annotations

import hashlib
from uuid import UUID

SETTLE = "settle"
RETRY = "retry"
PAUSE = "pause"
TURN = "turn"
BUDGET = "budget"
"""An operator's word, the next attempt, the next round of a loop, a rate that has room again, a budget that has."""
AGAIN = (RETRY, TURN, BUDGET)
"""Those after which the step is tried again."""


def wait_key(kind: str, run_id: UUID, path: str, number: int | str) -> str:
    """What a signal names; the path goes in as a digest because it may be long."""
    return f"{kind}:{run_id.hex}:{number}:{hashlib.blake2s(path.encode(), digest_size=12).hexdigest()}"
