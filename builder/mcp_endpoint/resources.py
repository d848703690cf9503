"""Workflows and runs as resources, and the prompt that explains the workspace."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import mcp_types as wire

from builder.accounts.access import Member
from builder.accounts.matrix import MCP_RESOURCES, MCP_TOOLS, MCP_WORKFLOW_TOOL
from builder.mcp_endpoint.failures import ToolFailed
from builder.mcp_endpoint.found import (
    run_with_id,
    version_of,
    view_of_run,
    view_of_workflow,
    workflow_named,
)
from builder.mcp_endpoint.offered import offered_tools
from builder.workflows.queries import workflows

JSON = "application/json"
WORKFLOW, VERSION, RUN = MCP_RESOURCES
WORKFLOW_URI = re.compile(r"patchbay://workflows/([a-z][a-z0-9_-]{0,62})")
VERSION_URI = re.compile(WORKFLOW_URI.pattern + r"/versions/([0-9]{1,9})")
RUN_URI = re.compile(r"patchbay://runs/([0-9a-fA-F-]{36})")
TEMPLATES = (
    (WORKFLOW, "workflow", "A workflow", "What it does step by step, and what its triggers take."),
    (VERSION, "workflow-version", "A version of a workflow", "The graph as it was published."),
    (RUN, "run", "A run", "How it stands: status, reply, error and each of its steps."),
)


def resources_of(member: Member) -> list[wire.Resource]:
    """One for each workflow; runs are found by list_runs."""
    if not member.may(MCP_RESOURCES[WORKFLOW]):
        return []
    rows = workflows().filter(workspace=member.workspace).order_by("slug")
    return [
        wire.Resource(
            uri=WORKFLOW.replace("{slug}", row.slug),
            name=row.slug,
            title=row.name,
            description=row.description or None,
            mime_type=JSON,
        )
        for row in rows
    ]


def templates_of(member: Member) -> list[wire.ResourceTemplate]:
    return [
        wire.ResourceTemplate(
            uri_template=template, name=name, title=title, description=description, mime_type=JSON
        )
        for template, name, title, description in TEMPLATES
        if member.may(MCP_RESOURCES[template])
    ]


def read_resource(member: Member, uri: str) -> dict[str, Any]:
    """Raises ToolFailed when there is nothing at this address, or nothing that the caller may see."""
    if (found := VERSION_URI.fullmatch(uri)) and member.may(MCP_RESOURCES[VERSION]):
        version = version_of(workflow_named(member, found[1]), int(found[2]))
        return {
            "workflow": found[1],
            "version": version.number,
            "published_at": version.published_at.isoformat(),
            "graph": version.graph.document,
        }
    if (found := WORKFLOW_URI.fullmatch(uri)) and member.may(MCP_RESOURCES[WORKFLOW]):
        return view_of_workflow(member, workflow_named(member, found[1])).model_dump(mode="json")
    if (found := RUN_URI.fullmatch(uri)) and member.may(MCP_RESOURCES[RUN]):
        return view_of_run(run_with_id(member, _uuid(found[1]))).model_dump(mode="json")
    raise ToolFailed("RESOURCE_NOT_FOUND", f"There is no resource {uri[:200]} here.")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise ToolFailed("RUN_NOT_FOUND", f'"{text}" is no id of a run.') from error


def contents_of(uri: str, value: dict[str, Any]) -> wire.ReadResourceResult:
    text = json.dumps(value, ensure_ascii=False)
    return wire.ReadResourceResult(contents=[wire.TextResourceContents(uri=uri, mime_type=JSON, text=text)])


def introduction(member: Member, task: str) -> str:
    """How to work in this workspace: what can be called, and how runs go on without the caller."""
    lines = [
        f'You are connected to the Patchbay workspace "{member.workspace.name}" as {member.user.email} '
        f"({member.role}). Patchbay runs workflows that may take long and may wait for people."
    ]
    if member.may(MCP_WORKFLOW_TOOL):
        tools = list(offered_tools(member.workspace))
        lines.append(
            "Workflows that are tools of their own:" if tools else "No workflow is a tool of its own yet."
        )
        lines += [
            f"- {tool.name}: {' '.join(tool.description.split()) or tool.workflow.name}" for tool in tools
        ]
    lines.append(
        "Every other workflow is found by list_workflows and explained by describe_workflow"
        + (
            "; run_workflow starts it with the input that its trigger takes."
            if member.may(MCP_TOOLS["run_workflow"])
            else "."
        )
    )
    lines.append(
        "An answer with run_id, status and message means that the run goes on or waits for a person: ask get_run "
        "with the run_id later, and tell the user what it waits for."
    )
    if member.may(MCP_TOOLS["answer_inbox_item"]):
        lines.append(
            "What waits for a person is in list_inbox. Show the user the question and its choices; call "
            "answer_inbox_item only with what they decided."
        )
    lines.append("A failure has error.code and error.retryable; call again only if it is retryable.")
    if task:
        lines.append(f"The task: {task}")
    return "\n".join(lines)
