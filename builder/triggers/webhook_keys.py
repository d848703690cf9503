"""The secrets by which webhooks tell genuine deliveries: made, given, replaced and taken away; told once."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from builder.accounts.access import Member
from builder.http.encryption import SecretUnreadable
from builder.http.errors import Conflict
from builder.triggers.models import WebhookKey
from builder.triggers.webhook_auth import SIGNING_PREFIX, usable_secret
from builder.workflows.actions import on_publish, record_of_workflow
from builder.workflows.models import Workflow
from builder.workflows.trigger_addresses import new_secrets_source
from runtime.graph.schema import Graph, parse_graph
from runtime.nodes.webhook_trigger import NODE

MOST_AT_ONCE = 10


@on_publish
def give_keys(workflow: Workflow, graph: Graph) -> None:
    """A webhook of the live version that asks for a secret has one, so that none is open or shut by mistake."""
    for node in graph.nodes:
        kind = kind_of(node.config) if node.type == NODE.name else "address"
        if kind != "address" and not _has_secret(workflow, node.id, kind):
            _add(workflow, node.id, kind, _made(kind), is_told=False)


@new_secrets_source
@transaction.atomic
def tell_new_secrets(workflow: Workflow) -> dict[str, str]:
    """Node id -> secret of those that publishing made; each is told once."""
    rows = WebhookKey.objects.select_for_update().filter(workflow=workflow, is_told=False).order_by("id")
    found = {row.node: secret for row in rows if (secret := _opened(row)) is not None}
    rows.update(is_told=True)
    return found


@transaction.atomic
def make_key(
    by: Member, workflow: Workflow, node: str, *, kind: str, secret: str | None, old_valid_for_s: int
) -> tuple[WebhookKey, str | None]:
    """A new secret, and what it is where it was made here; those before it end after the given time.

    raises   Http404 for no webhook, Invalid for a secret that cannot be used, Conflict (too_many_secrets)
    """
    Workflow.objects.select_for_update().get(pk=workflow.pk)
    if node not in webhooks_of(workflow):
        raise Http404
    value = _made(kind) if secret is None else usable_secret(kind, secret)
    ends = timezone.now() + timedelta(seconds=old_valid_for_s)
    before = WebhookKey.objects.filter(workflow=workflow, node=node, kind=kind)
    before.filter(Q(valid_until=None) | Q(valid_until__gt=ends)).update(valid_until=ends)
    before.filter(valid_until__lte=timezone.now()).delete()
    if before.count() >= MOST_AT_ONCE:
        raise Conflict(
            "too_many_secrets",
            f"{MOST_AT_ONCE} secrets are valid at once. Remove one that is not used any more.",
        )
    row = _add(workflow, node, kind, value, is_told=True)
    record_of_workflow(by, "webhook.new_secret", workflow, node=node, old_valid_for_s=old_valid_for_s)
    return row, value if secret is None else None


@transaction.atomic
def remove_key(by: Member, workflow: Workflow, node: str, key_id: UUID) -> None:
    """What is signed with it is refused from now on."""
    removed, _ = WebhookKey.objects.filter(workflow=workflow, node=node, pk=key_id).delete()
    if not removed:
        raise Http404
    record_of_workflow(by, "webhook.remove_secret", workflow, node=node)


def valid_keys(workflow: Workflow, node: str, kind: str) -> QuerySet[WebhookKey]:
    """Those that a delivery may be judged by now, newest first."""
    rows = WebhookKey.objects.filter(workflow=workflow, node=node, kind=kind).order_by("-id")
    return rows.filter(Q(valid_until=None) | Q(valid_until__gt=timezone.now()))


def secrets_of(workflow: Workflow, node: str, kind: str) -> list[str]:
    """The valid secrets themselves, newest first.

    raises   SecretUnreadable when there are some and none of them opens: the key that sealed them is gone
    """
    rows = list(valid_keys(workflow, node, kind))
    found = [secret for row in rows if (secret := _opened(row)) is not None]
    if rows and not found:
        raise SecretUnreadable(f"no secret of the webhook {node!r} opens")
    return found


def _has_secret(workflow: Workflow, node: str, kind: str) -> bool:
    try:
        return bool(secrets_of(workflow, node, kind))
    except SecretUnreadable:
        return False


def _opened(row: WebhookKey) -> str | None:
    try:
        return row.secret
    except SecretUnreadable:
        return None


def webhooks_of(workflow: Workflow) -> set[str]:
    """The webhook triggers of the draft and of the live version."""
    graphs = [parse_graph(workflow.draft)]
    if workflow.live_version is not None:
        graphs.append(parse_graph(workflow.live_version.graph.document))
    return {node.id for graph in graphs for node in graph.nodes if node.type == NODE.name}


def kind_of(config: dict[str, Any]) -> str:
    return str((config.get("auth") or {}).get("kind", "address"))


def _made(kind: str) -> str:
    if kind == "standard_webhooks":
        return SIGNING_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)


def _add(workflow: Workflow, node: str, kind: str, secret: str, *, is_told: bool) -> WebhookKey:
    row = WebhookKey(workflow=workflow, node=node, kind=kind, is_told=is_told)
    row.set_secret(secret)
    row.save()
    return row
