"""The settings page of a workspace's budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from builder.accounts.access import calling_member
from builder.budgets import actions
from builder.budgets.schemas import MAX_COST_USD, MAX_TOKENS
from builder.http.errors import Invalid, ProblemError
from runtime.engine.spending import BUDGETS, Used
from runtime.models import WorkspaceLimits

TITLES = {
    "tokens_per_day": "Tokens a day",
    "tokens_per_month": "Tokens a month",
    "cost_usd_per_day": "US dollars a day",
    "cost_usd_per_month": "US dollars a month",
}


@dataclass(frozen=True)
class Budget:
    """One line of the page."""

    name: str
    title: str
    given: str
    used: str
    share: int | None
    is_money: bool


def budgets(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    limits, used = actions.limits_and_use(member.workspace)
    context: dict[str, Any] = {"zone": member.workspace.timezone}
    if request.method != "POST":
        return render(request, "budgets/budgets.html", {**context, "budgets": _lines(limits, used, {})})
    given = {name: request.POST.get(name, "").strip() for name in BUDGETS}
    try:
        actions.set_limits(member, {name: _number(name, text) for name, text in given.items()})
    except ProblemError as error:
        context |= {"problem": error, "budgets": _lines(limits, used, given)}
        return render(request, "budgets/budgets.html", context, status=422)
    messages.success(request, "Saved.")
    return redirect("settings_budgets")


def _lines(limits: WorkspaceLimits, used: Used, given: dict[str, str]) -> list[Budget]:
    return [_line(name, getattr(limits, name), used.of(name), given.get(name)) for name in BUDGETS]


def _line(name: str, limit: float | None, used: float, given: str | None) -> Budget:
    is_money = name.startswith("cost")
    shown = "" if limit is None else f"{limit:.2f}" if is_money else f"{limit:.0f}"
    share = None if limit is None else 100 if used >= limit else int(100 * used / limit)
    return Budget(
        name=name,
        title=TITLES[name],
        given=shown if given is None else given,
        used=f"${used:,.2f}" if is_money else f"{used:,.0f} tokens",
        share=share,
        is_money=is_money,
    )


def _number(name: str, text: str) -> float | None:
    """A field of the form; empty means no limit. Raises Invalid naming the field."""
    most: int
    most, kind = (MAX_COST_USD, float) if name.startswith("cost") else (MAX_TOKENS, int)
    plain = text.replace(",", "").replace(" ", "").removeprefix("$")
    if not plain:
        return None
    try:
        number: float = kind(plain)
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        field = [
            {"field": TITLES[name], "message": "Write a number from 0 on, or leave it empty for no limit."}
        ]
        raise Invalid("invalid_request", "A budget is not a number that can be used.", {"fields": field})
    return number
