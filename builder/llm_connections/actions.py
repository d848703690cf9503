"""What admins do with model connections."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.db import IntegrityError, transaction
from django.utils import timezone

from builder.accounts.access import Member
from builder.audit.actions import record
from builder.http.errors import Conflict, Invalid
from builder.http.slugs import check_slug
from builder.http.waiting import errand_result
from builder.llm_connections.models import ModelConnection
from builder.llm_connections.presets import PRESETS
from runtime.errors import PatchbayError

TEST_TIMEOUT_S = 30.0
RATES = ("requests_per_minute", "tokens_per_minute")
# Hosts count in the same row meanwhile.
CHANGED = [
    "name",
    "base_url",
    "models",
    "default_model",
    "prices",
    "sealed_key",
    "status",
    "error",
    *RATES,
]


@transaction.atomic
def create_connection(
    by: Member,
    *,
    slug: str,
    name: str,
    preset: str,
    base_url: str = "",
    api_key: str = "",
    models: list[str] | None = None,
    default_model: str = "",
    prices: dict[str, Any] | None = None,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    is_demo: bool = False,
) -> ModelConnection:
    """A new connection; the first one of a workspace becomes the default."""
    check_slug(slug)
    known = PRESETS.get(preset)
    if known is None:
        raise Invalid("invalid_request", f'There is no preset "{preset}".', {"choices": list(PRESETS)})
    connection = ModelConnection(
        workspace=by.workspace,
        slug=slug,
        name=name.strip() or known.title,
        preset=preset,
        structured_output=known.structured_output,
        prices=prices or {},
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        is_demo=is_demo,
        is_default=not ModelConnection.objects.filter(workspace=by.workspace, is_default=True).exists(),
    )
    _set_target(connection, base_url or known.base_url, models or list(known.models), default_model)
    connection.set_api_key(_one_line(api_key))
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError:
        raise Conflict(
            "slug_taken", f'There is a model connection "{slug}" already.', {"slug": slug}
        ) from None
    _record(by, "model_connection.create", connection)
    return connection


@transaction.atomic
def change_connection(by: Member, connection: ModelConnection, changes: dict[str, Any]) -> ModelConnection:
    """Change it; a key that is left out or empty stays as it is, a rate of None is taken away."""
    if changes.get("name"):
        connection.name = changes["name"].strip()
    _set_target(
        connection,
        changes.get("base_url") or connection.base_url,
        changes.get("models") or connection.models,
        changes.get("default_model") or connection.default_model,
    )
    if changes.get("prices") is not None:
        connection.prices = changes["prices"]
    for rate in RATES:
        if rate in changes:
            setattr(connection, rate, changes[rate])
    if changes.get("api_key"):
        connection.set_api_key(_one_line(changes["api_key"]))
    if set(changes) - set(RATES):
        connection.status, connection.error = ModelConnection.Status.UNKNOWN, None
    connection.save(update_fields=CHANGED)
    _record(by, "model_connection.change", connection, fields=sorted(changes))
    return connection


@transaction.atomic
def make_default(by: Member, connection: ModelConnection) -> ModelConnection:
    """What `default` means in a step from now on."""
    ModelConnection.objects.filter(workspace=connection.workspace, is_default=True).update(is_default=False)
    connection.is_default = True
    connection.save(update_fields=["is_default"])
    _record(by, "model_connection.make_default", connection)
    return connection


@transaction.atomic
def remove_connection(by: Member, connection: ModelConnection) -> None:
    _record(by, "model_connection.remove", connection)
    connection.delete()


async def test_connection(connection: ModelConnection) -> dict[str, Any]:
    """Ask the provider through a host; {"status": "ok"|"error", "error", "checks"} and the same on the row."""
    model = f"{connection.slug}/{connection.default_model}"
    try:
        checks = await errand_result(connection.workspace_id, "llm.check", {"model": model}, TEST_TIMEOUT_S)
        error = None
    except PatchbayError as failure:
        checks, error = None, failure.as_dict()
    connection.status = ModelConnection.Status.ERROR if error else ModelConnection.Status.OK
    connection.error, connection.tested_at = error, timezone.now()
    await sync_to_async(connection.save)(update_fields=["status", "error", "tested_at"])
    return {"status": connection.status, "error": error, "checks": checks}


def _set_target(connection: ModelConnection, base_url: str, models: list[str], default_model: str) -> None:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        field = [{"field": "base_url", "message": "Write an address that begins with https:// (or http://)."}]
        raise Invalid("invalid_request", "The address of the provider is not usable.", {"fields": field})
    names = [name.strip() for name in models if name.strip()]
    if not names and not default_model:
        field = [{"field": "models", "message": "Name at least one model."}]
        raise Invalid("invalid_request", "A connection needs a model.", {"fields": field})
    connection.base_url = base_url
    connection.default_model = default_model if default_model else names[0]
    connection.models = names if connection.default_model in names else [connection.default_model, *names]


def _one_line(secret: str) -> str:
    if any(character in secret for character in "\r\n\x00"):
        raise Invalid("invalid_request", "A key is one line.")
    return secret.strip()


def _record(by: Member, verb: str, connection: ModelConnection, **details: Any) -> None:
    record(
        by,
        verb,
        workspace_id=connection.workspace_id,
        kind="model_connection",
        object_id=connection.pk,
        name=connection.slug,
        **details,
    )
