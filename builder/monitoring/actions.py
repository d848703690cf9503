"""What operators do with runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from builder.accounts.access import Member
from builder.audit.actions import record
from builder.http.errors import Conflict, Invalid, misfit
from builder.triggers.starting import facts_of, fitting_input, refitted_input
from builder.workflows.actions import known_to, problems_of, refuse, refuse_archived
from builder.workflows.models import Version, Workflow
from runtime.engine import commands
from runtime.engine.loading import frozen_graph
from runtime.engine.retries import retried
from runtime.engine.unknown_calls import unknown_calls
from runtime.graph.paths import node_of
from runtime.graph.schema import parse_graph
from runtime.json_schema import SchemaUnusable, problems_in
from runtime.models import Run
from runtime.nodes.catalogue import NODE_TYPES


@transaction.atomic
def cancel_run(by: Member, run: Run, *, reason: str = "") -> Run:
    """Ask that a run be cancelled; raises Conflict (already_ended) when it has ended."""
    if not commands.cancel_run(run.pk, reason=reason or f"Cancelled by {by.user.display_name}."):
        run.refresh_from_db()
        if run.has_ended:
            raise Conflict("already_ended", "This run has ended already.", {"status": run.status})
        return run
    _record(by, "run.cancel", run, reason=reason)
    run.refresh_from_db()
    return run


@transaction.atomic
def settle_step(by: Member, run: Run, path: str, *, outcome: str, output: dict[str, Any] | None) -> Run:
    """Say what became of a call whose answer never came; raises Invalid for an output that such a step cannot give."""
    if outcome == "happened":
        _check_output(run, path, output or {})
    commands.settle_step(run.pk, path, outcome=outcome, output=output, by=by.actor)
    _record(by, "run.settle", run, path=path, outcome=outcome)
    return run


@transaction.atomic
def pause_run(by: Member, run: Run) -> Run:
    """Start nothing new in a run; raises Conflict (already_ended)."""
    if not commands.pause_run(run.pk):
        raise Conflict("already_ended", "This run has ended already.", {"status": run.status})
    _record(by, "run.pause", run)
    run.refresh_from_db()
    return run


@transaction.atomic
def resume_run(by: Member, run: Run) -> Run:
    """Let a paused run, or one that was held back, go on."""
    commands.resume_run(run.pk)
    _record(by, "run.resume", run)
    run.refresh_from_db()
    return run


@transaction.atomic
def retry_run(by: Member, run: Run) -> Run:
    """A new run that goes on where a failed one ended."""
    refuse_archived(Workflow.objects.get(pk=run.workflow_id))
    again = commands.retry_run(run, started_by=by.actor)
    # It is not known to any host before this is committed.
    repeated = [call.path for call in unknown_calls(retried(again))]
    _record(by, "run.retry", run, new_run=str(again.pk), **({"repeated": repeated} if repeated else {}))
    return again


@transaction.atomic
def replay_run(
    by: Member, run: Run, *, again_from: str | None, data: Mapping[str, Any], version: int | str | None
) -> Run:
    """A new run with the same input, from the start or from a step, on the run's own graph or another one.

    version   a number, "draft", or None for the graph that the run had
    """
    workflow = Workflow.objects.select_related("workspace").get(pk=run.workflow_id)
    refuse_archived(workflow)
    graph_id, number = _graph_of(workflow, run, version)
    trigger = next((node for node in frozen_graph(graph_id).nodes if node.id == run.trigger), None)
    edits = dict(data)
    if trigger is not None and trigger.id in edits:
        edits[trigger.id] = fitting_input(trigger, edits[trigger.id])
    elif trigger is not None and graph_id != run.graph_id and again_from in (None, trigger.id):
        edits[trigger.id] = refitted_input(trigger, run.input)
    again = commands.replay_run(
        run,
        graph_id=graph_id,
        version=number,
        again_from=again_from,
        data=edits,
        started_by=by.actor,
        facts=facts_of(workflow),
    )
    details = {"new_run": str(again.pk), "from": again_from or "", "changed": sorted(data)}
    _record(by, "run.replay", run, **details)
    return again


def _check_output(run: Run, path: str, output: dict[str, Any]) -> None:
    """What is said must fit what the step declares to give; what nobody can find out any more may be left out."""
    node = next((node for node in frozen_graph(run.graph_id).nodes if node.id == node_of(path)), None)
    if node is None:
        return
    workflow = Workflow.objects.select_related("workspace").get(pk=run.workflow_id)
    schema = NODE_TYPES[node.type].output_schema(node.config, known_to(workflow))
    try:
        found = problems_in(output, {**schema, "required": []}) if schema else []
    except SchemaUnusable:
        return
    if found:
        advice = "Enter what the call gave, as the step declares it."
        raise misfit("invalid_output", found, whole="The output", advice=advice)


def _graph_of(workflow: Workflow, run: Run, version: int | str | None) -> tuple[str, int | None]:
    if version is None:
        return run.graph_id, run.version
    if version == "draft":
        refuse(problems_of(workflow))
        return commands.freeze(parse_graph(workflow.draft)), None
    found = Version.objects.filter(workflow=workflow, number=version).first()
    if found is None:
        raise Invalid("invalid_request", f"This workflow has no version {version}.")
    return found.graph_id, found.number


def _record(by: Member, verb: str, run: Run, **details: Any) -> None:
    record(by, verb, workspace_id=run.workspace_id, kind="run", object_id=run.pk, **details)
