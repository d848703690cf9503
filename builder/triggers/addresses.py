"""Webhook and form addresses: given at publish, kept across publishes, found by a keyed hash."""

from __future__ import annotations

import secrets

from builder.http.encryption import keyed_hash
from builder.triggers.models import Address
from builder.workflows.actions import on_publish
from builder.workflows.models import Workflow
from builder.workflows.trigger_addresses import address_source
from runtime.graph.schema import Graph


@on_publish
def give_addresses(workflow: Workflow, graph: Graph) -> None:
    """Every webhook and public form of the live version has an address; those that are gone stop to answer."""
    wanted = {(node.id, kind) for node in graph.nodes for kind in _kinds(node.type, node.config)}
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


def address_for(kind: str, token: str) -> Address | None:
    """The address with this token, with its workflow and live version; None for an unknown one."""
    rows = Address.objects.select_related("workflow__workspace", "workflow__live_version")
    rows = rows.defer("workflow__draft").order_by()
    return rows.filter(kind=kind, token_hash=keyed_hash(token), workflow__archived_at=None).first()


def _kinds(node_type: str, config: dict[str, object]) -> list[str]:
    if node_type == "webhook_trigger":
        return ["hook"]
    return ["form"] if node_type == "manual_trigger" and config.get("public") else []
