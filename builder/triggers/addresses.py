"""Webhook and form addresses: given at publish, kept across publishes, found by a keyed hash.

A web process remembers what it read of those that are called, under the revision of their workspace's settings
(runtime/settings_revisions.py): a run is only inserted while that revision stands.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from django.db.models import Model

from builder.accounts.models import Workspace
from builder.http.encryption import keyed_hash
from builder.triggers.models import Address
from builder.workflows.actions import on_publish
from builder.workflows.models import Version, Workflow
from builder.workflows.trigger_addresses import address_source
from runtime.graph.schema import Graph, Node
from runtime.settings_revisions import revision_sql
from runtime.statements import columns, fetch, instances

MOST_REMEMBERED = 1000


@on_publish
def give_addresses(workflow: Workflow, graph: Graph) -> None:
    """Every webhook and public form of the live version has an address; those that are gone or off stop to answer."""
    wanted = {(node.id, kind) for node in graph.nodes for kind in _kinds(node)}
    known = {(row.node, row.kind): row for row in Address.objects.filter(workflow=workflow)}
    for node, kind in sorted(wanted - known.keys()):
        address = Address(workflow=workflow, node=node, kind=kind)
        address.set_token(secrets.token_urlsafe(24))
        address.save()
    for key, address in known.items():
        if address.is_live != (key in wanted):
            address.is_live = key in wanted
            address.save(update_fields=["is_live"])


@address_source
def addresses_of(workflow: Workflow) -> dict[str, str]:
    """Node id -> path of its address."""
    return {row.node: row.path for row in Address.objects.filter(workflow=workflow, is_live=True)}


@dataclass(frozen=True)
class Known:
    """An address with its workflow and live version, and the revision of its workspace's settings, all of one moment."""

    address: Address
    settings: int


def address_for(kind: str, token: str) -> Known | None:
    """What the database says of the address with this token; None for an unknown one."""
    found = fetch(_statement(), [keyed_hash(token), kind])
    for address, workflow, workspace, version, settings in instances(found, *_READ):
        address.workflow, workflow.workspace = workflow, workspace
        workflow.live_version = version if version.pk else None
        return Known(address, int(settings))
    return None


class Memory:
    """What was read of the addresses of one kind that were called last; it may be what was so before."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._lock = Lock()

    def recall(self, token: str) -> Known | None:
        with self._lock:
            if token in self._known:
                self._known.move_to_end(token)
            return self._known.get(token)

    def keep(self, token: str, known: Known) -> None:
        with self._lock:
            self._known[token] = known
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)

    def forget(self, token: str) -> None:
        with self._lock:
            self._known.pop(token, None)


_READ: tuple[tuple[type[Model], Sequence[str]], ...] = (
    (Address, ("id", "workflow_id", "node", "kind", "is_live")),
    (Workflow, ("id", "workspace_id", "slug", "name", "live_version_id", "paused_at")),
    (Workspace, ("id", "timezone", "variables")),
    (Version, ("id", "workflow_id", "number", "graph_id")),
)
"""What a start at an address goes by. A change of it raises the revision, see the apps of these models."""


@lru_cache(maxsize=1)
def _statement() -> str:
    address, workflow, workspace, version = (model._meta.db_table for model, _ in _READ)
    read = ", ".join(
        columns(model, alias, *names)
        for (model, names), alias in zip(_READ, ("a", "w", "s", "v"), strict=True)
    )
    return (
        f"SELECT {read}, {revision_sql('w.workspace_id')} FROM {address} a JOIN {workflow} w ON w.id = a.workflow_id"  # noqa: S608
        f" JOIN {workspace} s ON s.id = w.workspace_id LEFT JOIN {version} v ON v.id = w.live_version_id"
        " WHERE a.token_hash = %s AND a.kind = %s AND w.archived_at IS NULL"
    )


def _kinds(node: Node) -> list[str]:
    if node.settings.disabled:
        return []
    if node.type == "webhook_trigger":
        return ["hook"]
    return ["form"] if node.type == "manual_trigger" and node.config.get("public") else []
