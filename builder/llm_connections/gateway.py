"""What the runtime asks about models: where the one that a step names is reached."""

from __future__ import annotations

import math
import random
from datetime import datetime
from typing import cast

from django.db.models import F, Q

from builder.http.encryption import SecretUnreadable
from builder.llm_connections.models import ModelConnection
from runtime.errors import LlmError
from runtime.gateways import ModelSettings, StructuredOutput

DEFAULT = "default"
RATE_SPREAD_S = 3.0
"""Calls that must wait for the next minute do not all come back at its first moment."""
USUAL_TOKENS = 1_000
"""What a call is taken to need before one has ended in its minute."""


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

    def admit_call(
        self, workspace_id: str, connection: str, at: datetime, requests: int, tokens: int
    ) -> None:
        row = ModelConnection.objects.filter(workspace_id=workspace_id, slug=connection).first()
        room = _room(row, requests, tokens) if row else None
        if row is None or room is None:
            return
        minute = at.replace(second=0, microsecond=0)
        rows = ModelConnection.objects.filter(pk=row.pk)
        # Two statements that each hold by themselves: no lock, and the limit holds over all hosts.
        rows.filter(Q(counted_minute=None) | Q(counted_minute__lt=minute)).update(
            counted_minute=minute, counted_requests=0
        )
        if rows.filter(counted_requests__lt=room).update(counted_requests=F("counted_requests") + 1):
            return
        wait_s = 60 - (at - minute).total_seconds() + random.uniform(0, RATE_SPREAD_S)  # noqa: S311
        raise LlmError(
            f'"{row.name}" may be used for {_rate(row)} a minute, and was. The step waits for its turn.',
            code="llm_rate_limited",
            retryable=True,
            details={
                "connection": connection,
                "retry_after_s": round(wait_s, 1),
                "held_back": True,
                "sent": False,
            },
        )


def _room(row: ModelConnection, requests: int, tokens: int) -> int | None:
    """How many calls a minute may see in all, as it stands; None for any number.

    Tokens are known when a call has ended: those under way are taken to need what the others of the minute did.
    """
    limits = [] if row.requests_per_minute is None else [row.requests_per_minute]
    if row.tokens_per_minute is not None:
        each = tokens / requests if requests and tokens else USUAL_TOKENS
        limits.append(requests + max(math.ceil((row.tokens_per_minute - tokens) / each), 0))
    return min(limits, default=None)


def _rate(row: ModelConnection) -> str:
    rates = []
    if row.requests_per_minute is not None:
        rates.append(f"{row.requests_per_minute:,} requests")
    if row.tokens_per_minute is not None:
        rates.append(f"{row.tokens_per_minute:,} tokens")
    return " and ".join(rates)


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
        has_rate=row.requests_per_minute is not None or row.tokens_per_minute is not None,
    )


def _missing(reference: str) -> str:
    if reference == DEFAULT:
        return "No model connection is set as default. An admin can add one under Model connections."
    return f'There is no model connection for "{reference}" in this workspace.'
