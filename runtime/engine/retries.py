"""Which run goes on with what another one has left."""

from __future__ import annotations

from uuid import UUID

from runtime.models import Run, RunStatus

MAX_CHAIN = 20
"""Retries of retries that are looked at."""
MAY_BE_RETRIED = (RunStatus.FAILED, RunStatus.CANCELLED)


def retried_by(run: Run) -> UUID | None:
    """The run that is a retry of this one, if there is one."""
    if run.status not in MAY_BE_RETRIED:
        return None
    return Run.objects.filter(retry_of=run.pk).order_by("-id").values_list("pk", flat=True).first()


def last_try(run: Run) -> Run:
    """The run, or the newest of what was tried again of it."""
    for _ in range(MAX_CHAIN):
        again = retried_by(run)
        if again is None:
            break
        run = Run.objects.get(pk=again)
    return run
