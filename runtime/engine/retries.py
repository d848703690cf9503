"""Which run goes on with what another one has left."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from runtime.errors import NotAllowedNow
from runtime.models import Run, RunStatus

MAY_BE_RETRIED = (RunStatus.FAILED, RunStatus.CANCELLED)


def retried_by(run: Run) -> UUID | None:
    """The run that is a retry of this one, if there is one."""
    if run.status not in MAY_BE_RETRIED:
        return None
    return Run.objects.filter(retry_of=run.pk).order_by("-id").values_list("pk", flat=True).first()


def last_try(run: Run) -> Run:
    """The run, or the newest of what was tried again of it."""
    return _newest(run, Run.objects.all())


def retried(retry: Run) -> Run:
    """The run that it is a retry of."""
    assert retry.retry_of is not None
    return Run.objects.get(pk=retry.retry_of)


def to_try_again(run: Run) -> Run:
    """The newest try of a run, locked, so that of two who ask at once the second finds the retry of the first.

    A retry does what was left to do: another one beside it would do that twice. So it goes on where the last one ended.

    raises   NotAllowedNow
    """
    rows = Run.objects.select_for_update()
    latest = _newest(rows.get(pk=run.pk), rows)
    if latest.status in MAY_BE_RETRIED:
        return latest
    if latest.pk == run.pk:
        raise NotAllowedNow("Only a run that failed or was cancelled can be tried again.")
    became = "and that one succeeded" if latest.has_ended else "and that one has not come to its end yet"
    raise NotAllowedNow(f"This run was tried again already, {became}.", details={"run_id": str(latest.pk)})


def _newest(run: Run, rows: QuerySet[Run]) -> Run:
    while (again := retried_by(run)) is not None:
        run = rows.get(pk=again)
    return run
