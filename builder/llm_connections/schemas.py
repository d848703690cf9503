from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from builder.llm_connections.models import ModelConnection

MAX_PRICE = 100_000
MAX_RATE = 2_000_000_000


class Price(Schema):
    """US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid")
    input: float = Field(ge=0, le=MAX_PRICE)
    output: float = Field(ge=0, le=MAX_PRICE)


class ModelConnectionIn(Schema):
    model_config = ConfigDict(extra="forbid")
    slug: str
    name: str = Field(default="", max_length=120)
    preset: Literal["openai", "gemini", "deepseek", "ollama", "other"]
    base_url: str = Field(default="", max_length=500)
    api_key: str = Field(default="", max_length=8000)
    models: list[str] = Field(default_factory=list, max_length=200)
    default_model: str = Field(default="", max_length=200)
    prices: dict[str, Price] = Field(default_factory=dict, max_length=200)
    requests_per_minute: int | None = Field(default=None, ge=1, le=MAX_RATE)
    tokens_per_minute: int | None = Field(default=None, ge=1, le=MAX_RATE)


class ModelConnectionPatch(Schema):
    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(default=None, max_length=120)
    base_url: str | None = Field(default=None, max_length=500)
    api_key: str | None = Field(default=None, max_length=8000)
    models: list[str] | None = Field(default=None, max_length=200)
    default_model: str | None = Field(default=None, max_length=200)
    prices: dict[str, Price] | None = Field(default=None, max_length=200)
    requests_per_minute: int | None = Field(default=None, ge=1, le=MAX_RATE)
    tokens_per_minute: int | None = Field(default=None, ge=1, le=MAX_RATE)
    is_default: Literal[True] | None = None


class ModelConnectionOut(Schema):
    """`has_key` says whether a key is stored; the key itself is never shown."""

    id: UUID
    slug: str
    name: str
    preset: str
    base_url: str
    has_key: bool
    models: list[str]
    default_model: str
    prices: dict[str, Price]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    is_default: bool
    is_demo: bool
    status: str
    error: dict[str, Any] | None

    @staticmethod
    def of(row: ModelConnection) -> "ModelConnectionOut":
        return ModelConnectionOut(
            id=row.pk,
            slug=row.slug,
            name=row.name,
            preset=row.preset,
            base_url=row.base_url,
            has_key=bool(row.sealed_key),
            models=row.models,
            default_model=row.default_model,
            prices=row.prices,
            requests_per_minute=row.requests_per_minute,
            tokens_per_minute=row.tokens_per_minute,
            is_default=row.is_default,
            is_demo=row.is_demo,
            status=row.status,
            error=row.error,
        )


class TestOut(Schema):
    status: str
    error: dict[str, Any] | None
    checks: dict[str, Any] | None
