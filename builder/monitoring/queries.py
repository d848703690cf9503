"""Runs as operators see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from builder.accounts.access import Member, object_for
from builder.accounts.models import Workspace
from builder.http.errors import Invalid
from builder.inbox.models import InboxItem
from builder.triggers.models import Delivery
from builder.workflows.models import Workflow
from runtime.engine import stored_values
from runtime.engine.wait_kinds import SETTLE
from runtime.identifiers import first_id_of
from runtime.models import Run, RunStatus, Signal, Step, Wait
from runtime.nodes.sub_workflow import NODE as SUB_WORKFLOW

CLOCKS_DIFFER = timedelta(minutes=10)
"""By how much an id, made by a machine's clock, may stray from `created_at`, which is the database's."""
FAILURES_SEARCHED, FAILURES_SHOWN = 2_000, 500
"""So many errors are read to find a text in them, and so many found; a filter by time or workflow reaches further back."""
FIRST_TIME, LAST_TIME = datetime(1970, 1, 2, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""A bound outside of these leaves nothing out."""


def runs_of(
    member: Member,
    *,
    workflow: UUID | None = None,
    status: str | None = None,
    trigger: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    text: str | None = None,
    parent: UUID | None = None,
) -> QuerySet[Run]:
    """The workspace's runs that fit every filter; raises Invalid for an unknown status.

    since, until   a moment without an offset is one of the workspace's time zone
    text    an id of a run or a delivery, or a part of a workflow's name or of an error's code or message
    parent  the run whose steps started them
    """
    since, until = (_in_zone(moment, member.workspace) for moment in (since, until))
    rows = Run.objects.filter(workspace_id=member.workspace.pk)
    if workflow is not None:
        rows = rows.filter(workflow_id=workflow)
    if status:
        if status not in RunStatus.values:
            choices = {"choices": list(RunStatus.values)}
            raise Invalid("invalid_request", f'There is no status "{status}".', choices)
        rows = rows.filter(status=status)
    if trigger:
        rows = rows.filter(trigger=trigger)
    if parent is not None:
        rows = rows.filter(parent_id=parent)
    # Ids go by time as well, and are what the indexes end with.
    if since is not None and since > FIRST_TIME:
        rows = rows.filter(created_at__gte=since, pk__gte=first_id_of(since - CLOCKS_DIFFER))
    if until is not None and until < LAST_TIME:
        rows = rows.filter(created_at__lt=until, pk__lt=first_id_of(until + CLOCKS_DIFFER))
    return rows.filter(_matches(member, text, rows)) if text else rows


def _in_zone(moment: datetime | None, workspace: Workspace) -> datetime | None:
    """One without an offset is meant by the workspace's clocks."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=ZoneInfo(workspace.timezone))


def _matches(member: Member, text: str, rows: QuerySet[Run]) -> Q:
    """What a text stands for, as lists of ids: each is found by an index, so that no search walks the runs.

    rows   those that fit every other filter
    """
    text = text.strip()
    try:
        return Q(pk=UUID(text))
    except ValueError:
        pass
    named = Workflow.objects.filter(workspace=member.workspace, name__icontains=text)
    workflows = list(named.values_list("pk", flat=True)[:200])
    delivered = Delivery.objects.filter(address__workflow__workspace=member.workspace, key=text)
    runs = {*delivered.values_list("run_id", flat=True)[:200], *_failed_by(text, rows)}
    return Q(workflow_id__in=workflows) | Q(pk__in=runs) if runs else Q(workflow_id__in=workflows)


def _failed_by(text: str, rows: QuerySet[Run]) -> list[UUID]:
    """Of the newest failures those whose error's code or message holds the text."""
    newest = rows.filter(status=RunStatus.FAILED).order_by("-pk")
    told = newest.values_list("pk", "error__code", "error__message")[:FAILURES_SEARCHED]
    wanted = text.casefold()
    found = (pk for pk, code, message in told if wanted in f"{code}\n{message}".casefold())
    return list(islice(found, FAILURES_SHOWN))


def run_for(request: HttpRequest, run_id: UUID) -> tuple[Run, Member]:
    """The run, if the caller may do here what the route asks."""
    return object_for(request, Run.objects.all(), pk=run_id)


def workflow_names(runs: list[Run]) -> dict[UUID, str]:
    """Workflow id -> name for a page of runs, archived ones too."""
    ids = {run.workflow_id for run in runs}
    return dict(Workflow.objects.filter(pk__in=ids).values_list("pk", "name"))


def steps_of(run: Run) -> list[dict[str, Any]]:
    """The steps in the order in which they began, with what each waits for."""
    # What has ended waits for nothing.
    waiting = {} if run.has_ended else _waiting_of(run)
    steps = stored_values.steps_of(run.pk)
    children = _children_of(run) if any(step.type == SUB_WORKFLOW.name for step in steps) else {}
    return [_step(step, waiting.get(step.path), children.get(step.path)) for step in steps]


def _children_of(run: Run) -> dict[str, UUID]:
    """Path of a step -> the run of another workflow that it started last."""
    return dict(Run.objects.filter(parent_id=run.pk).order_by("pk").values_list("parent_path", "pk"))


def _waiting_of(run: Run) -> dict[str, dict[str, Any]]:
    """Path -> what the step waits for."""
    waits = list(Wait.objects.filter(run_id=run.pk, closed_at=None))
    items = _open_items_of(run) if any(wait.kind == "handoff" for wait in waits) else {}
    settled = _settled([wait.key for wait in waits if wait.kind == SETTLE])
    return {
        wait.path: {
            "kind": wait.kind,
            "due_at": wait.due_at.isoformat() if wait.due_at else None,
            "inbox_item": str(items[wait.key]) if wait.key in items else None,
            "settled": settled.get(wait.key),
        }
        for wait in waits
    }


def _open_items_of(run: Run) -> dict[str, UUID]:
    """Key of a wait -> what stands in the inbox for it."""
    items = InboxItem.objects.filter(run_id=run.pk, status=InboxItem.Status.OPEN)
    return dict(items.values_list("wait_key", "pk"))


def _settled(keys: list[str]) -> dict[str, dict[str, Any]]:
    """Key of a wait -> what an operator has said of the call, where the run has not gone on with it yet."""
    signals = Signal.objects.filter(key__in=keys, consumed_by=None) if keys else ()
    return {
        signal.key: {
            "outcome": signal.payload["outcome"],
            "by": signal.payload["by"],
            "at": signal.sent_at.isoformat(),
        }
        for signal in signals
    }


def _step(step: Step, waiting_for: dict[str, Any] | None, child: UUID | None) -> dict[str, Any]:
    shown = {
        "node": step.node,
        "path": step.path,
        "type": step.type,
        "status": step.status,
        "ports": step.ports,
        "attempts": step.attempts,
        "input": step.input,
        "output": step.output,
        "error": step.error,
        "usage": step.usage or None,
        "started_at": step.started_at.isoformat() if step.started_at else None,
        "ended_at": step.ended_at.isoformat() if step.ended_at else None,
        "taken_from": str(step.taken_from) if step.taken_from else None,
        "child_run": str(child) if child else None,
    }
    return shown | ({"waiting_for": waiting_for} if waiting_for else {})
