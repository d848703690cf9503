"""Waiting for a run's answer or an errand's result: subscribe first, then commit, then wait for news or a poll."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import Error as AnyDatabaseError

from runtime.database_outage import is_outage
from runtime.engine.live import Subscription
from runtime.engine.rows import answer_of
from runtime.models import Errand, Run

POLL_S = 0.25

_is_ending = False


def stop_waiting() -> None:
    """This process is about to end: who waits in it is told of the run at once. May be called while a signal is handled."""
    global _is_ending
    _is_ending = True


def time_left(deadline: float) -> float:
    """Seconds until a time of the event loop, never below 0; none once the process is about to end."""
    return 0.0 if _is_ending else max(deadline - asyncio.get_running_loop().time(), 0.0)


Found = TypeVar("Found")
InDatabase: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]


async def _in_request_thread(function: Callable[[], Any]) -> Any:
    return await sync_to_async(function)()


@contextmanager
def _outage_suppressed() -> Iterator[None]:
    try:
        yield
    except AnyDatabaseError as error:
        if not is_outage(error):
            raise


async def until(
    subscription: Subscription,
    look: Callable[[], Found | None],
    *,
    timeout_s: float,
    hear: Callable[[Mapping[str, Any]], Found | None] | None = None,
    look_first: bool = True,
    in_database: InDatabase = _in_request_thread,
) -> Found | None:
    """What `look` finds, asked after each piece of news and at least every 250 ms; None when time is up.

    What is waited for is stored already: a database that is away meanwhile finds nothing, and is asked again.

    hear          reads it from the news itself, where it was brought along
    look_first    false where there cannot be anything before the first news
    in_database   how `look` is called
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        if look_first:
            with _outage_suppressed():
                found: Found | None = await in_database(look)
                if found is not None:
                    return found
        look_first = True
        remaining = time_left(deadline)
        if remaining == 0:
            return None
        has_news = await subscription.wait(min(POLL_S, remaining))
        if has_news and hear is not None and subscription.told is not None:
            heard = hear(subscription.told)
            if heard is not None:
                return heard


async def answer_within(
    subscription: Subscription,
    run_id: UUID,
    *,
    timeout_s: float,
    look_first: bool = True,
    in_database: InDatabase = _in_request_thread,
) -> tuple[bool, Any]:
    """Once a run has replied or ended: whether it replied, and with what; (False, None) when time is up.

    subscription   to the run's `answer_topic`
    """
    found = await until(
        subscription,
        partial(answer_of, run_id),
        timeout_s=timeout_s,
        hear=_told,
        look_first=look_first,
        in_database=in_database,
    )
    return found or (False, None)


def _told(news: Mapping[str, Any]) -> tuple[bool, Any] | None:
    if "answer" not in news:
        return None
    has_replied, result = news["answer"]
    return has_replied, result


def ended(run_id: UUID) -> Run | None:
    run = Run.objects.filter(pk=run_id).first()
    return run if run is not None and run.has_ended else None


def errand_done(errand_id: UUID) -> Errand | None:
    errand = Errand.objects.filter(pk=errand_id).first()
    done = errand is not None and errand.status in {Errand.Status.DONE, Errand.Status.FAILED}
    return errand if done else None
