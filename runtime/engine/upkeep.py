"""What every host does beside the runs, a little at a time: counts, spending, budgets with room again, partitions ahead,
errands that are long over."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import DatabaseError

from runtime.engine import errands, held_runs, partitions, run_counts, spending
from runtime.errors import LeaseLost

logger = logging.getLogger(__name__)
ROUND_EVERY_S = 2.0
BUDGETS_EVERY_S = 15.0
PARTITIONS_EVERY_S = 3600.0
ERRANDS_EVERY_S = 600.0


async def keep_up(in_database: Callable[..., Awaitable[Any]]) -> None:
    """Round after round until it is cancelled; hosts do not go in step."""
    tasks: list[tuple[float, Callable[[], Any]]] = [
        (ROUND_EVERY_S, run_counts.fold),
        (ROUND_EVERY_S, spending.fold),
        (BUDGETS_EVERY_S, held_runs.release_all),
        (PARTITIONS_EVERY_S, partitions.keep_ahead),
        (ERRANDS_EVERY_S, errands.forget_old),
    ]
    due = [0.0] * len(tasks)
    while True:
        await asyncio.sleep(ROUND_EVERY_S * random.uniform(0.7, 1.3))  # noqa: S311
        for number, (every_s, task) in enumerate(tasks):
            if time.monotonic() >= due[number]:
                await _do(in_database, task)
                due[number] = time.monotonic() + every_s


async def _do(in_database: Callable[..., Awaitable[Any]], task: Callable[[], Any]) -> None:
    """Full batches follow each other at once; a failure is left to the next round."""
    try:
        while await in_database(task) in (run_counts.BATCH, spending.BATCH, errands.BATCH):
            pass
    except (DatabaseError, LeaseLost) as error:
        logger.warning("a round failed", extra={"action": "upkeep", "error": str(error)[:200]})
    except Exception:
        logger.exception("a round failed", extra={"action": "upkeep"})
