"""Waiting for a run's answer or an errand's result: subscribe first, then commit, then wait for news or a poll."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async

from runtime.engine.live import Subscription
from runtime.models import Errand, Run

POLL_S = 0.25

Found = TypeVar("Found")


async def _in_request_thread(function: Callable[[], Any]) -> Any:
    return await sync_to_async(function)()


async def until(
    subscription: Subscription,
    look: Callable[[], Found | None],
    *,
    timeout_s: float,
    look_first: bool = True,
    in_database: Callable[[Callable[[], Any]], Awaitable[Any]] = _in_request_thread,
) -> Found | None:
    """What `look` finds, asked after each piece of news and at least every 250 ms; None when time is up.

    look_first    false where there cannot be anything before the first news
    in_database   how `look` is called
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        found: Found | None = await in_database(look) if look_first else None
        if found is not None:
            return found
        look_first = True
        remaining = deadline - loop.time()
        if remaining <= 0:
            return None
        await subscription.wait(min(POLL_S, remaining))


def ended(run_id: UUID) -> Run | None:
    run = Run.objects.filter(pk=run_id).first()
    return run if run is not None and run.has_ended else None


def errand_done(errand_id: UUID) -> Errand | None:
    errand = Errand.objects.filter(pk=errand_id).first()
    done = errand is not None and errand.status in {Errand.Status.DONE, Errand.Status.FAILED}
    return errand if done else None
