"""REST: /workspace/limits."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from builder.accounts.access import calling_member
from builder.budgets import actions
from builder.budgets.schemas import LimitsOut, LimitsPatch

router = Router(tags=["Workspace"])


@router.get("/workspace/limits", response=LimitsOut)
def get_limits(request: HttpRequest) -> LimitsOut:
    """What the workspace may spend on models, and what it has spent."""
    return LimitsOut.of(*actions.limits_and_use(calling_member(request).workspace))


@router.patch("/workspace/limits", response=LimitsOut)
def set_limits(request: HttpRequest, payload: LimitsPatch) -> LimitsOut:
    """Set budgets, or take them away; runs that wait for one go on at once if it has room now."""
    member = calling_member(request)
    actions.set_limits(member, payload.dict(exclude_unset=True))
    return LimitsOut.of(*actions.limits_and_use(member.workspace))
