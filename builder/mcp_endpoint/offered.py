"""The tools that live workflows offer: written at publish, gone with the archive, one workflow for each name."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from builder.accounts.matrix import MCP_TOOLS
from builder.accounts.models import Workspace
from builder.mcp_endpoint.models import OfferedTool
from builder.mcp_endpoint.replies import output_schema
from builder.workflows.actions import on_publish, on_switch, refuse
from builder.workflows.known import WorkspaceKnown
from builder.workflows.models import Workflow
from runtime.graph.problems import Problem
from runtime.graph.schema import Graph, Node, parse_graph
from runtime.nodes import tool_trigger


def offered_tools(workspace: Workspace) -> QuerySet[OfferedTool]:
    """What can be called now, by name; a paused workflow offers nothing."""
    rows = OfferedTool.objects.filter(workspace=workspace, workflow__paused_at=None)
    return rows.select_related("workflow__workspace", "workflow__live_version__graph").order_by("name")


@on_publish
def write_offered_tools(workflow: Workflow, graph: Graph) -> None:
    """Replace what the workflow offers; raises GraphInvalid when another one offers a tool of that name."""
    triggers = [
        node for node in graph.nodes if node.type == tool_trigger.NODE.name and not node.settings.disabled
    ]
    refuse(list(_name_problems(workflow, triggers)))
    OfferedTool.objects.filter(workflow=workflow).delete()
    if not triggers:
        return
    gives = output_schema(graph, WorkspaceKnown(workflow.workspace))
    try:
        with transaction.atomic():
            OfferedTool.objects.bulk_create(_row(workflow, node, gives) for node in triggers)
    except IntegrityError:
        # Somebody has published the same name in this very moment; asked again, the problem names it.
        refuse(list(_name_problems(workflow, triggers)))
        raise


@on_switch
def follow_archive(workflow: Workflow) -> None:
    """An archived workflow leaves its names to others, a paused one keeps them; one that was restored takes them again
    as it is resumed.

    raises   GraphInvalid  when another workflow has taken a name meanwhile
    """
    if workflow.archived_at is not None:
        OfferedTool.objects.filter(workflow=workflow).delete()
    elif (
        not workflow.is_paused
        and workflow.live_version is not None
        and not OfferedTool.objects.filter(workflow=workflow).exists()
    ):
        write_offered_tools(workflow, parse_graph(workflow.live_version.graph.document))


def _row(workflow: Workflow, node: Node, gives: object) -> OfferedTool:
    config = tool_trigger.Config.model_validate(node.config)
    return OfferedTool(
        workspace=workflow.workspace,
        workflow=workflow,
        node=node.id,
        name=config.name,
        description=config.description,
        input_schema=config.input_schema,
        output_schema=gives,
    )


def _name_problems(workflow: Workflow, triggers: list[Node]) -> Iterator[Problem]:
    names = [str(node.config.get("name", "")) for node in triggers]
    others = OfferedTool.objects.filter(workspace=workflow.workspace, name__in=names)
    taken = dict(others.exclude(workflow=workflow).values_list("name", "workflow__name"))
    for position, (node, name) in enumerate(zip(triggers, names, strict=True)):
        if name in MCP_TOOLS:
            text = f'"{name}" is a tool of Patchbay itself. Choose another name.'
        elif name in taken:
            text = f'The workflow "{taken[name]}" offers a tool "{name}" already. Choose another name.'
        elif name in names[:position]:
            text = f'Another trigger of this workflow offers "{name}" too. Choose another name.'
        else:
            continue
        yield Problem(node.id, "name", "tool_name_taken", text)
