"""Starting a run: which graph, which trigger, and whether the input fits it."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404

from builder.accounts.access import Member
from builder.http.errors import Conflict, Invalid, ProblemError, misfit
from builder.workflows.actions import problems_of, refuse
from builder.workflows.describe import moment_of
from builder.workflows.known import WorkspaceKnown
from builder.workflows.models import Workflow
from runtime.engine.commands import freeze, new_run, start_run
from runtime.engine.loading import frozen_graph
from runtime.errors import ConcurrencyFull, NodeFailure
from runtime.fields import check_answers
from runtime.gateways import ChildStart
from runtime.graph.schema import Graph, Node, parse_graph
from runtime.identifiers import new_id
from runtime.json_schema import SchemaUnusable, first_problem, problems_in
from runtime.models import Run
from runtime.nodes.catalogue import NODE_TYPES
from runtime.nodes.manual_trigger import NODE as FORM
from runtime.nodes.manual_trigger import Config as FormConfig
from runtime.nodes.tool_trigger import Config as ToolConfig


def facts_of(workflow: Workflow) -> dict[str, Any]:
    """What stays fixed for the life of a run and expressions may read."""
    workspace = workflow.workspace
    return {
        "workflow": {"id": str(workflow.pk), "name": workflow.name, "slug": workflow.slug},
        "workspace": {"timezone": workspace.timezone},
        "vars": workspace.variables,
    }


def started_run(run_id: UUID) -> Run:
    """What a request started, or the same request before; raises ProblemError (run_removed) when it is not kept any more."""
    run = Run.objects.filter(pk=run_id).first()
    if run is None:
        raise ProblemError(
            410,
            "run_removed",
            "This request started a run before, which was removed since. Use a new key for a new run.",
            {"run_id": str(run_id)},
        )
    return run


@transaction.atomic
def start_by_person(
    by: Member,
    workflow: Workflow,
    *,
    input: Any,  # noqa: A002  the contract's word for what a trigger gives
    trigger: str | None,
    draft: bool,
    run_id: UUID | None = None,
) -> Run:
    """A run that a member asked for, of the live version or of the draft.

    run_id   chosen by a caller who listens for its news already

    raises   GraphInvalid for a draft with problems, Conflict when nothing is published, Invalid for the input
    """
    if draft:
        refuse(problems_of(workflow))
        graph = parse_graph(workflow.draft)
        graph_id, version = freeze(graph), None
    else:
        if workflow.live_version is None:
            raise Conflict(
                "not_published", "This workflow is not published yet. Publish it, or test the draft."
            )
        graph = parse_graph(workflow.live_version.graph.document)
        graph_id, version = workflow.live_version.graph_id, workflow.live_version.number
        if workflow.is_paused:
            raise Conflict("workflow_paused", "This workflow is paused; resume it to start runs.")
    node = chosen_trigger(graph, trigger)
    return start_run(
        new_run(
            workspace_id=workflow.workspace_id,
            workflow_id=workflow.pk,
            graph_id=graph_id,
            version=version,
            trigger=node.id,
            input=fitting_input(node, completed(node, input, graph, workflow)),
            started_by=by.actor,
            facts=facts_of(workflow),
            run_id=run_id,
        )
    )


def chosen_trigger(graph: Graph, wanted: str | None) -> Node:
    """The trigger by id, or the only one that is on."""
    triggers = [node for node in graph.nodes if node.type in NODE_TYPES and NODE_TYPES[node.type].is_trigger]
    if wanted:
        found = next((node for node in triggers if node.id == wanted), None)
        if found is None:
            raise Invalid("unknown_trigger", f'This workflow has no trigger "{wanted}".')
        return _switched_on(found)
    on = [node for node in triggers if not node.settings.disabled]
    if triggers and not on:
        return _switched_on(triggers[0])
    if len(on) != 1:
        ids = ", ".join(node.id for node in on) or "none"
        raise Invalid("trigger_required", f"Say which trigger to start: {ids}.", {"triggers": ids})
    return on[0]


def _switched_on(trigger: Node) -> Node:
    if trigger.settings.disabled:
        message = f'The trigger "{trigger.id}" is switched off. Switch it on to start runs with it.'
        raise Invalid("trigger_disabled", message)
    return trigger


def live_trigger(workflow: Workflow, node: str) -> Node:
    """The trigger of the live version; raises Conflict while the workflow takes nothing, Http404 for none or one that is off."""
    if workflow.is_paused:
        raise paused()
    return trigger_of_live_version(workflow, node)


def paused() -> Conflict:
    return Conflict("workflow_paused", "This workflow is paused and takes nothing at the moment.")


def trigger_of_live_version(workflow: Workflow, node: str) -> Node:
    """The same, whether or not the workflow is paused."""
    if workflow.live_version is None:
        raise paused()
    graph = frozen_graph(workflow.live_version.graph_id)
    found = next((one for one in graph.nodes if one.id == node), None)
    if found is None or found.settings.disabled:
        raise Http404
    return found


def run_at(workflow: Workflow, node: str, value: Any, *, started_by: str, run_id: UUID | None = None) -> Run:
    """A new run of the live version from one of its triggers, which nobody has started yet."""
    version = workflow.live_version
    if version is None:
        raise Http404
    return new_run(
        run_id=run_id,
        workspace_id=workflow.workspace_id,
        workflow_id=workflow.pk,
        graph_id=version.graph_id,
        version=version.number,
        trigger=node,
        input=value,
        started_by=started_by,
        facts=facts_of(workflow),
    )


def start_at(
    workflow: Workflow, node: str, value: Any, *, started_by: str, run_id: UUID | None = None
) -> Run:
    """The same, started; raises ConcurrencyFull."""
    return start_run(run_at(workflow, node, value, started_by=started_by, run_id=run_id))


def takes_runs(workflow: Workflow) -> bool:
    """Whether its live version may be started by what no person does."""
    return workflow.live_version is not None and not workflow.is_paused and workflow.archived_at is None


def start_live(workflow: Workflow, node: str, value: Mapping[str, Any], *, started_by: str) -> Run | None:
    """A run of the live version that no person asked for; None while the workflow takes none, or no more of it."""
    if not takes_runs(workflow):
        return None
    try:
        return start_at(workflow, node, value, started_by=started_by)
    except ConcurrencyFull:
        return None


def child_of(workflow: Workflow, given: Mapping[str, Any]) -> ChildStart:
    """The run that a step of another workflow starts: of the live version, at its form.

    raises   NodeFailure (workflow_unavailable, invalid_input)
    """
    version = workflow.live_version
    graph = parse_graph(version.graph.document) if version else Graph()
    form = next((node for node in graph.nodes if node.type == FORM.name and not node.settings.disabled), None)
    if version is None or form is None:
        raise NodeFailure(
            f'"{workflow.name}" has no published version with a form trigger.', code="workflow_unavailable"
        )
    if workflow.is_paused:
        raise NodeFailure(f'"{workflow.name}" is paused.', code="workflow_unavailable", retryable=True)
    try:
        value = checked_form(form, dict(given))
    except Invalid as problem:
        text = f'"{workflow.name}" asks for something else: {problem.message}'
        raise NodeFailure(text, code="invalid_input", details=problem.details) from problem
    return ChildStart(
        run_id=new_id(),
        workflow_id=workflow.pk,
        graph_id=version.graph_id,
        version=version.number,
        trigger=form.id,
        input=value,
        facts=facts_of(workflow),
    )


def completed(node: Node, given: Any, graph: Graph, workflow: Workflow) -> Any:
    """What otherwise the product itself gives to a trigger: an example of it, but for what the person says."""
    node_type = NODE_TYPES[node.type]
    if node_type.example is None or not isinstance(given, (dict, NoneType)):
        return given
    value = {**node_type.example(node.config, moment_of(graph, workflow.workspace)), **(given or {})}
    schema = node_type.output_schema(node.config, WorkspaceKnown(workflow.workspace))
    if problem := first_problem(value, schema or {}):
        fields = [{"field": problem[0], "message": f"It {problem[1]}."}]
        raise Invalid("invalid_input", "Some fields need another value.", {"fields": fields})
    return value


def fitting_input(node: Node, value: Any) -> Any:
    """What `trigger` shows in expressions; raises Invalid naming the fields that do not fit."""
    given = {} if value is None else value
    if not isinstance(given, dict):
        raise Invalid("invalid_input", "The input is an object of names and values.")
    if node.type == "webhook_trigger":
        return _as_request(given)
    if node.type == "manual_trigger":
        return checked_form(node, given)
    if node.type == "tool_trigger":
        return checked_arguments(node, given)
    return given


def _as_request(given: dict[str, Any]) -> dict[str, Any]:
    """The parts of a request by their names, or the body of one."""
    request: dict[str, Any] = {"body": {}, "headers": {}, "query": {}, "method": "POST"}
    if not given.keys() <= request.keys():
        return request | {"body": given}
    request |= given
    wrong = [name for name in ("headers", "query") if not isinstance(request[name], dict)]
    wrong += ["method"] if not isinstance(request["method"], str) else []
    if wrong:
        fields = [{"field": name, "message": "A webhook does not give this."} for name in wrong]
        raise Invalid("invalid_input", "Some parts of the request need another value.", {"fields": fields})
    return request


def refitted_input(node: Node, value: Any) -> Any:
    """What a run was given, for its trigger in another version: fields that it does not ask for there are left out."""
    if node.type == FORM.name and isinstance(value, dict):
        asked = {field.id for field in FormConfig.model_validate(node.config).fields}
        value = {name: answer for name, answer in value.items() if name in asked}
    return fitting_input(node, value)


def checked_arguments(node: Node, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a tool trigger, if they fit its definition."""
    try:
        found = problems_in(arguments, ToolConfig.model_validate(node.config).input_schema)
    except SchemaUnusable as error:
        raise Invalid("invalid_input", f"The definition of the arguments cannot be used: {error}.") from error
    if found:
        advice = "Compare with the tool's definition."
        raise misfit("invalid_input", found, whole="the arguments", advice=advice)
    return arguments


def checked_form(node: Node, answers: dict[str, Any]) -> dict[str, Any]:
    """The answers of a form trigger, brought to their kinds."""
    clean, problems = check_answers(FormConfig.model_validate(node.config).fields, answers)
    if problems:
        fields = [{"field": name, "message": message} for name, message in problems.items()]
        raise Invalid("invalid_input", "Some fields need another value.", {"fields": fields})
    return clean
