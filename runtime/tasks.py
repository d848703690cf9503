"""What the worker takes from the broker: hints, handed to this process's host at once.

They are no Celery tasks but bare messages that need no acknowledgement: a hint that is lost costs a second, and a task's
bookkeeping would cost more than the step that it announces.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from celery import bootsteps
from kombu import Consumer, Message, Queue

from runtime.engine.new_runs import opened
from runtime.engine.process import HINTS_QUEUE, current_host

QUEUE = Queue(HINTS_QUEUE, routing_key=HINTS_QUEUE)
MAX_RUNS = 1000
"""More than a host ever sends; the sweep finds the rest."""


class Hints(bootsteps.ConsumerStep):  # type: ignore[misc]
    """Consumes hints beside Celery's own consumer, on the connection that it keeps."""

    def get_consumers(self, channel: Any) -> list[Consumer]:
        return [
            Consumer(
                channel,
                queues=[QUEUE],
                callbacks=[take],
                accept=["json"],
                on_decode_error=_ignore,
                no_ack=True,
            )
        ]

    def stop(self, c: Any) -> None:
        """A connection that was lost has taken its channels along: there is nothing to cancel on it."""
        if c.connection is not None:
            super().stop(c)

    def shutdown(self, c: Any) -> None:
        if c.connection is not None:
            super().shutdown(c)


def take(body: Any, message: Message) -> None:
    """{"runs": {id: its row, sealed, if it is new}, "errands": bool}: runs to look at, and whether errands wait.

    What does not fit is dropped.
    """
    host = current_host()
    if host is None or not isinstance(body, Mapping):
        return
    if body.get("errands") is True:
        host.offer_errand()
    runs = body.get("runs")
    for text, row in islice(runs.items(), MAX_RUNS) if isinstance(runs, Mapping) else ():
        try:
            run_id = UUID(text)
        except (ValueError, AttributeError, TypeError):
            continue
        new = opened(row, run_id) if isinstance(row, str) and row else None
        if new is not None:
            host.offer_new(new)
        else:
            host.offer(run_id)


def _ignore(message: Message, error: Exception) -> None:
    """Whatever it was, it was no hint."""
