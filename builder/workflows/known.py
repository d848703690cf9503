"""What is registered in a workspace, as validation asks for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from builder.accounts.matrix import VERBS, Role
from builder.accounts.models import Membership, Workspace
from builder.llm_connections.models import ModelConnection
from builder.mcp_servers.gateway import server_facts
from builder.mcp_servers.models import McpServer
from builder.workflows.models import Workflow
from runtime.fields import Field, fields_schema
from runtime.graph.node_types import ServerFacts, WorkflowFacts
from runtime.nodes import manual_trigger, sub_workflow
from runtime.nodes.lists import models_of


def workflow_facts(workflow: Workflow) -> WorkflowFacts:
    """What another graph must know of a workflow: what its live version asks for and starts itself."""
    version = workflow.live_version
    nodes = version.graph.document.get("nodes", []) if version else []
    forms = [node["config"] for node in nodes if node["type"] == manual_trigger.NODE.name]
    calls = [node["config"].get("workflow", "") for node in nodes if node["type"] == sub_workflow.NODE.name]
    schema = fields_schema(models_of(Field, forms[0].get("fields")), nullable=False) if forms else None
    return WorkflowFacts(workflow.name, schema, tuple(calls))


class WorkspaceKnown:
    """Implements runtime.graph.node_types.Known; reads each table at most once.

    own_slug   of the workflow that asks, where some tools are kept for others
    """

    def __init__(self, workspace: Workspace, own_slug: str = "") -> None:
        self.workspace = workspace
        self._own_slug = own_slug
        self._workflows: dict[str, WorkflowFacts | None] = {}

    @property
    def own_slug(self) -> str:
        return self._own_slug

    def workflow(self, slug: str) -> WorkflowFacts | None:
        if slug not in self._workflows:
            rows = Workflow.objects.select_related("live_version__graph")
            found = rows.filter(workspace=self.workspace, slug=slug, archived_at=None).first()
            self._workflows[slug] = workflow_facts(found) if found else None
        return self._workflows[slug]

    def server(self, slug: str) -> ServerFacts | None:
        return self._servers.get(slug)

    def has_model(self, reference: str) -> bool:
        if reference == "default":
            return any(is_default for _, is_default in self._connections)
        return any(slug == reference.partition("/")[0] for slug, _ in self._connections)

    def answering_roles(self) -> Collection[str]:
        return [role for role in Role.values if "inbox.answer" in VERBS[role]]

    def has_member(self, email: str) -> bool:
        return email.lower() in self._members

    def variables(self) -> Mapping[str, Any]:
        return dict(self.workspace.variables)

    @cached_property
    def _servers(self) -> dict[str, ServerFacts]:
        offers = ("tools", "resources", "prompts")
        rows = McpServer.objects.filter(workspace=self.workspace).prefetch_related(*offers)
        return {row.slug: server_facts(row, self._own_slug) for row in rows}

    @cached_property
    def _members(self) -> frozenset[str]:
        rows = Membership.objects.filter(workspace=self.workspace, user__is_active=True)
        return frozenset(rows.values_list("user__email", flat=True))

    @cached_property
    def _connections(self) -> list[tuple[str, bool]]:
        return list(
            ModelConnection.objects.filter(workspace=self.workspace).values_list("slug", "is_default")
        )
