"""What the engine asks of triggers, inside its own transactions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from builder.triggers.failures import start_watchers
from builder.triggers.starting import child_of, facts_of, start_live, takes_runs
from builder.workflows.models import Workflow
from runtime.errors import NodeFailure
from runtime.gateways import ChildStart, FailedRun, Starter


class LiveTriggers:
    """Implements runtime.gateways.Triggers."""

    def starters(self, workflow_ids: Collection[UUID], by: str) -> Mapping[UUID, Starter]:
        return {row.pk: partial(_start, row, by) for row in _live_rows().filter(pk__in=workflow_ids)}

    def live(self, workflow_id: UUID) -> tuple[Mapping[str, Any], int] | None:
        workflow = _live_rows().filter(pk=workflow_id).first()
        if workflow is None or workflow.live_version is None or not takes_runs(workflow):
            return None
        return facts_of(workflow), workflow.live_version.number

    def child_start(self, workspace_id: str, workflow: str, given: Mapping[str, Any]) -> ChildStart:
        rows = Workflow.objects.select_related("workspace", "live_version__graph")
        found = rows.filter(workspace_id=workspace_id, slug=workflow, archived_at=None).first()
        if found is None:
            raise NodeFailure(f'There is no workflow "{workflow}" any more.', code="workflow_unavailable")
        return child_of(found, given)

    def run_failed(self, run: FailedRun) -> None:
        start_watchers(run)


def _live_rows() -> QuerySet[Workflow]:
    """Without the drafts, which may be large."""
    return Workflow.objects.select_related("workspace", "live_version").defer("draft")


def _start(workflow: Workflow, by: str, node: str, value: Mapping[str, Any]) -> UUID | None:
    run = start_live(workflow, node, value, started_by=by)
    return run.pk if run else None
