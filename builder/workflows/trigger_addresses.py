"""The triggers of the live version, with the addresses and secrets that `builder.triggers` gave them, and their watches.

That feature lies above this one, so it says where it keeps them when it starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from builder.workflows.models import Workflow
from runtime.graph.schema import parse_graph
from runtime.nodes.catalogue import NODE_TYPES

AddressesOf = Callable[[Workflow], dict[str, str]]
_sources: list[AddressesOf] = []
StatesOf = Callable[[Workflow], dict[str, dict[str, Any]]]
_states: list[StatesOf] = []


def address_source(source: AddressesOf) -> AddressesOf:
    """Register who knows addresses: a function from a workflow to node id -> path."""
    _sources.append(source)
    return source


SecretsOf = Callable[[Workflow], dict[str, str]]
_new_secrets: list[SecretsOf] = []


def new_secrets_source(source: SecretsOf) -> SecretsOf:
    """Register who makes secrets at publish: a function from a workflow to node id -> what was not told before."""
    _new_secrets.append(source)
    return source


def new_secrets_of(workflow: Workflow) -> dict[str, str]:
    """Node id -> secret that a publish has made and nobody was told; asked again, it is gone."""
    found: dict[str, str] = {}
    for source in _new_secrets:
        found |= source(workflow)
    return found


def state_source(source: StatesOf) -> StatesOf:
    """Register who knows how triggers are that look for themselves: a function from a workflow to node id -> state."""
    _states.append(source)
    return source


def triggers_of(workflow: Workflow, request: HttpRequest) -> list[dict[str, Any]]:
    """[{"node", "type", "url", "watch"}] of the live version, in graph order; empty before the first publish."""
    if workflow.live_version is None:
        return []
    paths: dict[str, str] = {}
    for source in _sources:
        paths |= source(workflow)
    states: dict[str, dict[str, Any]] = {}
    for state in _states:
        states |= state(workflow)
    graph = parse_graph(workflow.live_version.graph.document)
    return [
        {
            "node": node.id,
            "type": node.type,
            "url": request.build_absolute_uri(paths[node.id]) if node.id in paths else None,
            "watch": states.get(node.id),
        }
        for node in graph.nodes
        if node.type in NODE_TYPES and NODE_TYPES[node.type].is_trigger
    ]
