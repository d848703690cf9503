"""Pages of the model connections."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from builder.accounts.access import calling_member
from builder.http.errors import Invalid, ProblemError
from builder.http.slugs import free_slug
from builder.llm_connections import actions
from builder.llm_connections.api import connection_for
from builder.llm_connections.models import ModelConnection
from builder.llm_connections.presets import PRESETS
from builder.llm_connections.schemas import MAX_PRICE, MAX_RATE


def connections(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    rows = ModelConnection.objects.filter(workspace=member.workspace).order_by("-is_default", "name")
    return render(request, "llm_connections/list.html", {"rows": rows})


def new_connection(request: HttpRequest) -> HttpResponse:
    member = calling_member(request)
    preset = PRESETS.get(request.POST.get("preset") or request.GET.get("preset", ""))
    context: dict[str, Any] = {"presets": PRESETS.values(), "preset": preset, "given": request.POST}
    if request.method != "POST" or preset is None:
        return render(request, "llm_connections/new.html", context)
    given = request.POST
    rows = ModelConnection.objects.filter(workspace=member.workspace)
    name = given.get("name", "").strip() or preset.title
    try:
        row = actions.create_connection(
            member,
            slug=free_slug(name, lambda slug: rows.filter(slug=slug).exists(), fallback="model"),
            name=name,
            preset=preset.slug,
            base_url=given.get("base_url", "").strip(),
            api_key=given.get("api_key", ""),
            models=_models(given.get("models", "")),
            default_model=given.get("default_model", "").strip(),
        )
    except ProblemError as error:
        return render(request, "llm_connections/new.html", {**context, "problem": error}, status=422)
    messages.success(request, f"{row.name} was added. Test it now.")
    return redirect("model_connection", connection_id=row.pk)


def connection(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    row, member = connection_for(request, connection_id)
    request.member = member  # type: ignore[attr-defined]
    context: dict[str, Any] = {
        "row": row,
        "preset": PRESETS[row.preset],
        "models": "\n".join(row.models),
        "prices": _price_lines(row.prices),
        "requests_per_minute": row.requests_per_minute or "",
        "tokens_per_minute": row.tokens_per_minute or "",
    }
    if request.method != "POST":
        return render(request, "llm_connections/connection.html", context)
    given = request.POST
    try:
        changes = {
            "name": given.get("name", ""),
            "base_url": given.get("base_url", "").strip(),
            "api_key": given.get("api_key", ""),
            "models": _models(given.get("models", "")),
            "default_model": given.get("default_model", "").strip(),
            "prices": _prices(given.get("prices", "")),
            "requests_per_minute": _rate("Requests", given.get("requests_per_minute", "")),
            "tokens_per_minute": _rate("Tokens", given.get("tokens_per_minute", "")),
        }
        actions.change_connection(member, row, changes)
    except ProblemError as error:
        context |= {"problem": error}
        context |= {name: given.get(name, "") for name in ("models", "prices", *actions.RATES)}
        return render(request, "llm_connections/connection.html", context, status=422)
    messages.success(request, "Saved.")
    return redirect("model_connection", connection_id=row.pk)


async def test(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    row, _ = await sync_to_async(connection_for)(request, connection_id)
    outcome = await actions.test_connection(row)
    if outcome["error"] is None:
        checks = outcome["checks"]
        listed = f"{len(checks['models'])} models listed" if checks["models"] else "it lists no models"
        text = f"It works: {listed}, structured answers by {checks['structured_output'].replace('_', ' ')}."
        await sync_to_async(messages.success)(request, text)
    return redirect("model_connection", connection_id=row.pk)


def make_default(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    row, member = connection_for(request, connection_id)
    actions.make_default(member, row)
    messages.success(request, f"Steps that say “default” use {row.name} from now on.")
    return redirect("model_connections")


def remove(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    row, member = connection_for(request, connection_id)
    actions.remove_connection(member, row)
    messages.success(request, f"{row.name} was removed.")
    return redirect("model_connections")


def _models(text: str) -> list[str]:
    return [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip()]


def _price_lines(prices: dict[str, dict[str, float]]) -> str:
    return "\n".join(f"{model} {price['input']:g} {price['output']:g}" for model, price in prices.items())


def _prices(text: str) -> dict[str, dict[str, float]]:
    """Lines of a model and its two prices; raises Invalid naming the line that is none."""
    prices = {}
    for line in filter(str.strip, text.splitlines()):
        words = line.split()
        try:
            model, given, back = " ".join(words[:-2]), float(words[-2]), float(words[-1])
        except (ValueError, IndexError):
            model, given, back = "", 0.0, 0.0
        if not model or not (0 <= given <= MAX_PRICE and 0 <= back <= MAX_PRICE):
            raise Invalid("invalid_request", f"“{line.strip()[:80]}” is no model with two prices.")
        prices[model] = {"input": given, "output": back}
    return prices


def _rate(what: str, text: str) -> int | None:
    """How many a minute; empty means as many as are wanted. Raises Invalid."""
    plain = text.replace(",", "").replace(" ", "")
    if not plain:
        return None
    if not plain.isascii() or not plain.isdigit() or not 1 <= int(plain[:12]) <= MAX_RATE:
        raise Invalid("invalid_request", f"{what} a minute: write a whole number from 1 on, or nothing.")
    return int(plain)
