"""What people do with workflows: make, edit, publish, pause, archive, restore, import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from builder.accounts.access import Member
from builder.accounts.models import Workspace
from builder.audit.actions import record
from builder.http.errors import Conflict, Invalid
from builder.http.slugs import free_slug
from builder.workflows.known import WorkspaceKnown
from builder.workflows.models import Version, Workflow
from runtime.engine.commands import freeze, set_concurrency
from runtime.errors import GraphInvalid
from runtime.graph.problems import Problem
from runtime.graph.schema import Graph, dump_graph, parse_graph
from runtime.graph.upgrades import upgrade_nodes
from runtime.graph.validation import check_graph
from runtime.nodes.catalogue import NODE_TYPES
from runtime.nodes.sub_workflow import WORKFLOW_CYCLE

EMPTY_GRAPH: dict[str, Any] = {"schema": 1, "settings": {}, "nodes": [], "edges": [], "notes": []}

AfterPublish = Callable[[Workflow, Graph], Any]
_after_publish: list[AfterPublish] = []
AfterSwitch = Callable[[Workflow], Any]
_after_switch: list[AfterSwitch] = []


def on_publish(hook: AfterPublish) -> AfterPublish:
    """Register what must happen in the transaction of a publish: triggers get their addresses."""
    _after_publish.append(hook)
    return hook


def on_switch(hook: AfterSwitch) -> AfterSwitch:
    """Register what must happen in the transaction that pauses, resumes, archives or restores: schedules stop and go on."""
    _after_switch.append(hook)
    return hook


@transaction.atomic
def create_workflow(
    by: Member, *, name: str, graph: Any = None, slug: str | None = None, description: str = ""
) -> Workflow:
    """A new draft; the slug is made from the name once."""
    name = _name(name)
    rows = Workflow.objects.filter(workspace=by.workspace)
    workflow = Workflow.objects.create(
        workspace=by.workspace,
        name=name,
        description=description[:2000],
        slug=free_slug(slug or name, lambda slug: rows.filter(slug=slug).exists(), fallback="workflow"),
        draft=dump_graph(parse_graph(graph if graph is not None else EMPTY_GRAPH)),
        updated_by=by.user,
    )
    record_of_workflow(by, "workflow.create", workflow)
    return workflow


@transaction.atomic
def save_draft(by: Member, workflow: Workflow, *, graph: Any, revision: int) -> Workflow:
    """Replace the draft, if it is still the one that was read.

    raises   GraphMalformed for what is no graph; Conflict (stale_revision) when someone saved in between
    """
    document = dump_graph(parse_graph(graph))
    changed = Workflow.objects.filter(pk=workflow.pk, revision=revision, archived_at=None).update(
        draft=document, revision=revision + 1, updated_at=timezone.now(), updated_by=by.user
    )
    workflow.refresh_from_db()
    if not changed:
        refuse_archived(workflow)
        raise Conflict(
            "stale_revision",
            "The draft was changed elsewhere since you opened it. Reload it, or overwrite it with yours.",
            {
                "revision": workflow.revision,
                "changed_by": workflow.updated_by.email if workflow.updated_by else None,
            },
        )
    return workflow


@transaction.atomic
def change_workflow(by: Member, workflow: Workflow, changes: dict[str, Any]) -> Workflow:
    """Rename or describe it; the slug stays."""
    if changes.get("name") is not None:
        workflow.name = _name(changes["name"])
    if changes.get("description") is not None:
        workflow.description = changes["description"][:2000]
    workflow.updated_at, workflow.updated_by = timezone.now(), by.user
    workflow.save(update_fields=["name", "description", "updated_at", "updated_by"])
    record_of_workflow(by, "workflow.change", workflow)
    return workflow


def problems_of(workflow: Workflow) -> list[Problem]:
    """Everything wrong with the draft."""
    return check_graph(current_graph(workflow.draft), NODE_TYPES, known_to(workflow))


def known_to(workflow: Workflow) -> WorkspaceKnown:
    """What a graph of this workflow may refer to."""
    return WorkspaceKnown(workflow.workspace, workflow.slug)


def current_graph(document: Any) -> Graph:
    """The graph with its nodes brought to today's versions, in memory."""
    return upgrade_nodes(parse_graph(document), NODE_TYPES)


@transaction.atomic
def publish_workflow(by: Member, workflow: Workflow) -> Version:
    """Freeze the draft as the next version and make it live; raises GraphInvalid with the list of problems."""
    workflow = _locked(workflow)
    refuse_archived(workflow)
    graph = parse_graph(workflow.draft)
    problems = check_graph(upgrade_nodes(graph, NODE_TYPES), NODE_TYPES, known_to(workflow))
    refuse(problems)
    last = workflow.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = Version.objects.create(
        workflow=workflow, number=last + 1, graph_id=freeze(graph), published_by=by.user
    )
    _make_live(by, workflow, version, graph)
    return version


@transaction.atomic
def publish_version(by: Member, workflow: Workflow, version: Version) -> Version:
    """Make an earlier version live again."""
    workflow = _locked(workflow)
    refuse_archived(workflow)
    graph = current_graph(version.graph.document)
    refuse(check_graph(graph, NODE_TYPES, known_to(workflow)))
    _make_live(by, workflow, version, graph)
    return version


def refuse(problems: list[Problem]) -> None:
    """Raise GraphInvalid if any problem is an error; warnings pass."""
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        count = "one problem" if len(errors) == 1 else f"{len(errors)} problems"
        raise GraphInvalid(
            f"The workflow has {count}: {errors[0].message}",
            details={"problems": [row.as_dict() for row in problems]},
        )


@transaction.atomic
def pause_workflow(by: Member, workflow: Workflow) -> Workflow:
    """Stop its triggers; runs that go on are not touched."""
    if workflow.paused_at is None:
        workflow.paused_at = timezone.now()
        workflow.save(update_fields=["paused_at"])
        _switched(workflow)
        record_of_workflow(by, "workflow.pause", workflow)
    return workflow


@transaction.atomic
def resume_workflow(by: Member, workflow: Workflow) -> Workflow:
    if workflow.paused_at is not None:
        workflow.paused_at = None
        workflow.save(update_fields=["paused_at"])
        _switched(workflow)
        record_of_workflow(by, "workflow.resume", workflow)
    return workflow


@transaction.atomic
def archive_workflow(by: Member, workflow: Workflow) -> None:
    """Take it out of every list and stop its triggers; its runs stay to be read."""
    if workflow.archived_at is None:
        workflow.archived_at = workflow.paused_at = timezone.now()
        workflow.save(update_fields=["archived_at", "paused_at"])
        _switched(workflow)
        record_of_workflow(by, "workflow.archive", workflow)


@transaction.atomic
def restore_workflow(by: Member, workflow: Workflow) -> Workflow:
    """Bring it back from the archive under its own slug, paused: nothing starts before somebody resumes it.

    raises   GraphInvalid when workflows that it starts have come to start it in the meantime
    """
    workflow = _locked(workflow)
    if workflow.archived_at is not None:
        refuse(_cycles_of(workflow))
        workflow.archived_at = None
        if workflow.live_version_id is None:
            # Nothing can start what was never published; a pause would only surprise after the first publish.
            workflow.paused_at = None
        workflow.save(update_fields=["archived_at", "paused_at"])
        _switched(workflow)
        record_of_workflow(by, "workflow.restore", workflow)
    return workflow


def refuse_archived(workflow: Workflow) -> None:
    """Raise Conflict (archived) for a workflow that must be restored before it can be changed or started."""
    if workflow.archived_at is not None:
        raise Conflict("archived", f"“{workflow.name}” is archived. Restore it first.")


def export_workflow(workflow: Workflow) -> dict[str, Any]:
    """The draft as a file for another workspace: no ids of rows, no secrets."""
    configs = [node["config"] for node in workflow.draft.get("nodes", [])]
    return {
        "format": "patchbay-workflow",
        "format_version": 1,
        "name": workflow.name,
        "slug": workflow.slug,
        "description": workflow.description,
        "graph": workflow.draft,
        "requires": {
            "mcp_servers": _named(
                [*configs, *(tool for config in configs for tool in _tools_of(config))], "server"
            ),
            "models": _named(configs, "model"),
        },
    }


def _tools_of(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those that an agent may use; a draft may hold anything."""
    tools = config.get("tools")
    return [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []


def _named(configs: Iterable[Mapping[str, Any]], field: str) -> list[str]:
    found = (config.get(field) for config in configs)
    return sorted({name for name in found if isinstance(name, str) and name})


def import_workflow(by: Member, document: Any) -> Workflow:
    """A new draft from an export; nothing is bound, published or started."""
    if not isinstance(document, dict) or document.get("format") != "patchbay-workflow":
        raise Invalid("invalid_import", 'This is no exported workflow: "format" must be "patchbay-workflow".')
    if document.get("format_version") != 1:
        raise Invalid("invalid_import", "This export is of a newer format than this installation reads.")
    return create_workflow(
        by,
        name=str(document.get("name") or "Imported workflow"),
        slug=str(document.get("slug") or ""),
        description=str(document.get("description") or ""),
        graph=document.get("graph"),
    )


def _locked(workflow: Workflow) -> Workflow:
    """The workflow as it is now; until the transaction ends no other one of its workspace becomes startable or changes
    what it starts, so that two cannot come to lead to each other at the same moment."""
    Workspace.objects.select_for_update(no_key=True).get(pk=workflow.workspace_id)
    return Workflow.objects.select_for_update().get(pk=workflow.pk)


def _cycles_of(workflow: Workflow) -> list[Problem]:
    """Ways on which what is live of it leads back to it."""
    if workflow.live_version is None:
        return []
    problems = check_graph(
        current_graph(workflow.live_version.graph.document), NODE_TYPES, known_to(workflow)
    )
    return [problem for problem in problems if problem.code == WORKFLOW_CYCLE]


def _make_live(by: Member, workflow: Workflow, version: Version, graph: Graph) -> None:
    workflow.live_version = version
    workflow.updated_at = timezone.now()
    workflow.save(update_fields=["live_version", "updated_at"])
    set_concurrency(workflow.pk, graph.settings.concurrency)
    for hook in _after_publish:
        hook(workflow, graph)
    record_of_workflow(by, "workflow.publish", workflow, version=version.number)


def _switched(workflow: Workflow) -> None:
    for hook in _after_switch:
        hook(workflow)


def _name(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > 120:
        field = [{"field": "name", "message": "Write a name of up to 120 characters."}]
        raise Invalid(
            "invalid_request", "A workflow needs a name of up to 120 characters.", {"fields": field}
        )
    return clean


def record_of_workflow(by: Member, verb: str, workflow: Workflow, **details: Any) -> None:
    """What somebody did with a workflow, for the audit log."""
    record(
        by,
        verb,
        workspace_id=workflow.workspace_id,
        kind="workflow",
        object_id=workflow.pk,
        name=workflow.name,
        **details,
    )
