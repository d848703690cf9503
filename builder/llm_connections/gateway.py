"""What the runtime asks about models: where the one that a step names is reached."""

from __future__ import annotations

from typing import cast

from builder.http.encryption import SecretUnreadable
from builder.llm_connections.models import ModelConnection
from runtime.errors import LlmError
from runtime.gateways import ModelSettings, StructuredOutput

DEFAULT = "default"


class RegisteredModels:
    """Implements runtime.gateways.Models over the connections' table."""

    def settings(self, workspace_id: str, reference: str) -> ModelSettings:
        rows = ModelConnection.objects.filter(workspace_id=workspace_id)
        if reference == DEFAULT:
            row = rows.filter(is_default=True).first()
            model = row.default_model if row else ""
        else:
            slug, _, model = reference.partition("/")
            row = rows.filter(slug=slug).first()
        if row is None:
            raise LlmError(_missing(reference), retryable=False, details={"model": reference, "sent": False})
        return settings_of(row, model or row.default_model)


def settings_of(row: ModelConnection, model: str) -> ModelSettings:
    """Settings with the key opened; raises LlmError when the key cannot be read."""
    try:
        api_key = row.api_key
    except SecretUnreadable as error:
        raise LlmError(
            f'The key of "{row.name}" cannot be read. Enter it again.',
            code="llm_unauthorized",
            retryable=False,
            details={"sent": False},
        ) from error
    price = row.prices.get(model, {})
    return ModelSettings(
        connection=row.slug,
        base_url=row.base_url,
        api_key=api_key,
        model=model,
        structured_output=cast(StructuredOutput, row.structured_output),
        input_price_per_m=price.get("input"),
        output_price_per_m=price.get("output"),
    )


def _missing(reference: str) -> str:
    if reference == DEFAULT:
        return "No model connection is set as default. An admin can add one under Model connections."
    return f'There is no model connection for "{reference}" in this workspace.'
