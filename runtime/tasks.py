"""The one Celery task: a hint. It hands an id to this process's host and returns at once."""

from uuid import UUID

from celery import shared_task

from runtime.engine.process import current_host


@shared_task(name="patchbay.advance", ignore_result=True)  # type: ignore[untyped-decorator]
def advance(run_id: str) -> None:
    """Look at a run, or for waiting errands when the id is empty. What does not fit is dropped: the sweep finds it."""
    host = current_host()
    if host is None:
        return
    if not run_id:
        host.offer_errand()
        return
    try:
        host.offer(UUID(run_id))
    except (ValueError, AttributeError, TypeError):
        return
