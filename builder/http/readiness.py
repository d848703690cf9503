"""Whether the installation is ready, answered within a bound: a database that stands still answers nobody, not even with an error."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, connection

from runtime.database_outage import is_unmigrated
from runtime.engine.health import health
from runtime.migration_state import missing_migrations

WITHIN_S = 5.0
UNMIGRATED = "The database is not migrated to this release yet. Run `manage.py migrate`."

_thread = ThreadPoolExecutor(1, thread_name_prefix="readyz")
_lock = threading.Lock()
_asked: Future[dict[str, Any]] | None = None


async def readiness() -> dict[str, Any]:
    """What `health` says, or "down" with the reason; whoever asks while it is being asked gets the same answer."""
    asked = asyncio.wrap_future(_ask())
    done, _ = await asyncio.wait({asked}, timeout=WITHIN_S)
    return asked.result() if done else _down(f"The database has not answered within {WITHIN_S:g} s.")


def _ask() -> Future[dict[str, Any]]:
    global _asked
    with _lock:
        if _asked is None or _asked.done():
            _asked = _thread.submit(_report)
        return _asked


def _report() -> dict[str, Any]:
    try:
        if missing_migrations():
            return _down(UNMIGRATED)
        return health()
    except DatabaseError as error:
        if is_unmigrated(error):
            return _down(UNMIGRATED)
        return _down("The database does not answer.")
    finally:
        connection.close()


def _down(reason: str) -> dict[str, Any]:
    return {"status": "down", "reason": reason}
