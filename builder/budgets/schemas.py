from ninja import Schema
from pydantic import ConfigDict, Field

from runtime.engine.spending import Used
from runtime.models import WorkspaceLimits

MAX_TOKENS = 10**15
MAX_COST_USD = 10**9


class LimitsPatch(Schema):
    """null takes a budget away; one that is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")
    tokens_per_day: int | None = Field(default=None, ge=0, le=MAX_TOKENS)
    tokens_per_month: int | None = Field(default=None, ge=0, le=MAX_TOKENS)
    cost_usd_per_day: float | None = Field(default=None, ge=0, le=MAX_COST_USD)
    cost_usd_per_month: float | None = Field(default=None, ge=0, le=MAX_COST_USD)


class UsedOut(Schema):
    """What was recorded so far, on the day and in the month of the workspace's time zone."""

    tokens_today: int
    tokens_this_month: int
    cost_usd_today: float
    cost_usd_this_month: float


class LimitsOut(Schema):
    tokens_per_day: int | None
    tokens_per_month: int | None
    cost_usd_per_day: float | None
    cost_usd_per_month: float | None
    timezone: str
    used: UsedOut

    @staticmethod
    def of(row: WorkspaceLimits, used: Used) -> "LimitsOut":
        return LimitsOut(
            tokens_per_day=row.tokens_per_day,
            tokens_per_month=row.tokens_per_month,
            cost_usd_per_day=row.cost_usd_per_day,
            cost_usd_per_month=row.cost_usd_per_month,
            timezone=row.timezone,
            used=UsedOut(
                tokens_today=used.tokens_today,
                tokens_this_month=used.tokens_this_month,
                cost_usd_today=used.cost_usd_today,
                cost_usd_this_month=used.cost_usd_this_month,
            ),
        )
