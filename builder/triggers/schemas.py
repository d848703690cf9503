from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

DAY_S = 24 * 3600


Kind = Literal["standard_webhooks", "bearer", "header"]


class WebhookKeyIn(Schema):
    """`secret` is one that the sender gave you; without it one is made."""

    model_config = ConfigDict(extra="forbid")
    kind: Kind
    secret: str | None = Field(default=None, max_length=600)
    old_valid_for_s: int = Field(default=DAY_S, ge=0, le=30 * DAY_S)


class WebhookKeyOut(Schema):
    """A secret without what it is."""

    id: UUID
    kind: Kind
    created_at: datetime
    valid_until: datetime | None


class WebhookKeyMade(WebhookKeyOut):
    """`secret` is told once, and only if it was made here."""

    secret: str | None


class WebhookKeys(Schema):
    items: list[WebhookKeyOut]
