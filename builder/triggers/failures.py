"""Failure triggers: which published workflows wait for the failures of which others, and their start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from builder.triggers.models import FailureWatch
from builder.triggers.starting import start_live
from builder.workflows.actions import on_publish
from builder.workflows.models import Workflow
from runtime.engine.values import storable
from runtime.errors import NodeFailure
from runtime.gateways import FailedRun
from runtime.graph.schema import Graph
from runtime.models import Run
from runtime.nodes.failure_trigger import NODE, Config

MAX_MESSAGE = 2_000


@on_publish
def write_watches(workflow: Workflow, graph: Graph) -> None:
    """One for each failure trigger of the live version; those that are gone wait for nothing any more."""
    wanted = {
        node.id: Config.model_validate(node.config).workflows
        for node in graph.nodes
        if node.type == NODE.name and not node.settings.disabled
    }
    for node, slugs in wanted.items():
        FailureWatch.objects.update_or_create(
            workflow=workflow, node=node, defaults={"slugs": slugs, "is_live": True}
        )
    FailureWatch.objects.filter(workflow=workflow).exclude(node__in=wanted).update(is_live=False)


def start_watchers(run: FailedRun) -> None:
    """Start every workflow that waits for the failure of this run; in the transaction that writes its end.

    Tests of drafts count for nobody, nor does what they start. A run that was started by a failure starts no other by
    failing itself, so that two workflows cannot keep each other busy.
    """
    if any(one.version is None or _was_started_by_failure(one) for one in _with_those_above(run)):
        return
    failed = Workflow.objects.filter(pk=run.workflow_id).first()
    if failed is None:
        return
    for watch in _watches(failed):
        if not watch.slugs or failed.slug in watch.slugs:
            start_live(watch.workflow, watch.node, _value(run, failed), started_by="failure")


def _with_those_above(run: FailedRun) -> Iterator[FailedRun | Run]:
    """The run, then that whose step started it, and so on."""
    current: FailedRun | Run | None = run
    while current is not None:
        yield current
        above = current.parent_id
        current = Run.objects.filter(pk=above).first() if above else None


def _was_started_by_failure(run: FailedRun | Run) -> bool:
    return FailureWatch.objects.filter(workflow_id=run.workflow_id, node=run.trigger).exists()


def _watches(failed: Workflow) -> QuerySet[FailureWatch]:
    live = FailureWatch.objects.filter(is_live=True, workflow__workspace=failed.workspace_id)
    return live.exclude(workflow=failed).select_related("workflow__workspace", "workflow__live_version")


def _value(run: FailedRun, failed: Workflow) -> dict[str, Any]:
    error = dict(run.error or {})
    value = {
        "workflow": {"id": str(failed.pk), "slug": failed.slug, "name": failed.name},
        "run_id": str(run.id),
        "node": error.get("node"),
        "error": error,
    }
    try:
        storable(value, what="The failure")
    except NodeFailure:
        # An error as large as a value may be does not fit into another one; the failed run still shows it whole.
        value["error"] = error | {"message": str(error.get("message"))[:MAX_MESSAGE], "details": {}}
    return value
