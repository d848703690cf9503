"""What is registered in a workspace, as validation asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from builder.accounts.models import Workspace
from builder.llm_connections.models import ModelConnection
from builder.mcp_servers.gateway import server_facts
from builder.mcp_servers.models import McpServer
from runtime.graph.node_types import ServerFacts


class WorkspaceKnown:
    """Implements runtime.graph.node_types.Known; reads each table at most once.

    workflow   the slug of the one that asks, where some tools are kept for others
    """

    def __init__(self, workspace: Workspace, workflow: str = "") -> None:
        self._workspace = workspace
        self._workflow = workflow

    def server(self, slug: str) -> ServerFacts | None:
        return self._servers.get(slug)

    def has_model(self, reference: str) -> bool:
        if reference == "default":
            return any(is_default for _, is_default in self._connections)
        return any(slug == reference.partition("/")[0] for slug, _ in self._connections)

    def variables(self) -> Mapping[str, Any]:
        return dict(self._workspace.variables)

    @cached_property
    def _servers(self) -> dict[str, ServerFacts]:
        rows = McpServer.objects.filter(workspace=self._workspace).prefetch_related("tools")
        return {row.slug: server_facts(row, self._workflow) for row in rows}

    @cached_property
    def _connections(self) -> list[tuple[str, bool]]:
        return list(
            ModelConnection.objects.filter(workspace=self._workspace).values_list("slug", "is_default")
        )
