"""How long to wait before the next attempt."""

from datetime import timedelta

from runtime.errors import PatchbayError
from runtime.graph.schema import Retry

MAX_DELAY_S = 3600.0
DEFAULT_ATTEMPTS = 3
FIRST_DELAY_S = 1.0
FACTOR = 2.0


def attempts_allowed(retry: Retry | None, effect: str) -> int:
    """What the author chose; else three where a repeat is harmless, and one where it is not."""
    if retry is not None:
        return retry.attempts
    return 1 if effect == "once" else DEFAULT_ATTEMPTS


def delay_before(attempt: int, retry: Retry | None, error: PatchbayError) -> timedelta:
    """The pause before attempt number `attempt` (2 is the first repeat): 1 s, 2 s, 4 s by default.

    A provider, or a tool's rate, that says how long to wait (`retry_after_s`) is obeyed, up to an hour.
    """
    first = retry.first_delay_s if retry else FIRST_DELAY_S
    factor = retry.factor if retry else FACTOR
    delay = min(first * factor ** max(attempt - 2, 0), MAX_DELAY_S)
    asked = error.details.get("retry_after_s")
    if isinstance(asked, (int, float)):
        delay = max(delay, float(min(asked, MAX_DELAY_S)))
    return timedelta(seconds=delay)
