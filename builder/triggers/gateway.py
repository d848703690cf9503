"""What the engine asks of triggers, inside its own transactions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from builder.triggers.failures import start_watchers
from builder.triggers.starting import child_of, facts_of, start_live, takes_runs
from builder.workflows.models import Workflow
from runtime.errors import NodeFailure
from runtime.gateways import ChildStart, FailedRun


class LiveTriggers:
    """Implements runtime.gateways.Triggers."""

    def start_due(self, workflow_id: UUID, node: str, value: Mapping[str, Any], by: str) -> UUID | None:
        workflow = _workflow(workflow_id)
        run = start_live(workflow, node, value, started_by=by) if workflow else None
        return run.pk if run else None

    def live(self, workflow_id: UUID) -> tuple[Mapping[str, Any], int] | None:
        workflow = _workflow(workflow_id)
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


def _workflow(workflow_id: UUID) -> Workflow | None:
    return Workflow.objects.select_related("workspace", "live_version").filter(pk=workflow_id).first()
