"""Runs that a run has started and waited for, where a retry of it has to do with them."""

from __future__ import annotations

from runtime.engine.forking import is_settled
from runtime.engine.retries import last_try
from runtime.graph.paths import containers_around
from runtime.models import Run, Step

MAX_CHAIN = 20
"""Retries of retries that are looked back on."""


def unfinished(run: Run) -> list[Run]:
    """Those that a retry of the run goes on with, because their steps have not settled."""
    started = list(Run.objects.filter(parent_id=run.pk).exclude(parent_key="").order_by("id"))
    if not started:
        return []
    needed = {child.pk: {child.parent_path, *_around(child.parent_path)} for child in started}
    steps = Step.objects.filter(run_id=run.pk, path__in=set().union(*needed.values()))
    settled = {step.path for step in steps.defer("input", "output") if is_settled(step)}
    return [child for child in started if settled.isdisjoint(needed[child.pk])]


def tried_before(run: Run, path: str) -> Run | None:
    """What the same step started in the run that this one is a retry of, or in the one before that.

    Where somebody tried that again by itself, what was done there counts as well.
    """
    before = run.retry_of
    for _ in range(MAX_CHAIN):
        if before is None:
            break
        started = Run.objects.filter(parent_id=before, parent_path=path).exclude(parent_key="")
        if (child := started.order_by("-id").first()) is not None:
            return last_try(child)
        before = Run.objects.filter(pk=before).values_list("retry_of", flat=True).first()
    return None


def _around(path: str) -> list[str]:
    return [container for container, _ in containers_around(path)]
