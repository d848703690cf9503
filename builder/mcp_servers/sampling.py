"""What servers may have models asked for: counted by the day, within a budget of money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import F

from builder.mcp_servers.models import McpSampling, McpServer
from runtime.engine import clock
from runtime.errors import McpError

KEPT = timedelta(days=90)


def begin(server_id: str) -> None:
    """Count a question to a model; raises McpError (mcp_sampling_refused) when the day's budget is used up.

    Questions that are under way are not in it yet: a day may end a little above its budget.
    """
    server = McpServer.objects.get(pk=server_id)
    today = clock.now().date()
    McpSampling.objects.filter(server=server, day__lt=today - KEPT).delete()
    row, _ = McpSampling.objects.get_or_create(server=server, day=today)
    rows = McpSampling.objects.filter(pk=row.pk)
    if rows.filter(cost_usd__lt=server.sampling_usd_per_day).update(calls=F("calls") + 1):
        return
    rows.update(refused=F("refused") + 1)
    raise McpError(
        f'"{server.name}" has used up its budget for asking models: '
        f"{server.sampling_usd_per_day:g} US dollars a day. An admin can raise it on the server's page.",
        code="mcp_sampling_refused",
        details={
            "server": server.slug,
            "usd_per_day": server.sampling_usd_per_day,
            "sent": True,
            "answered": True,
        },
    )


def end(server_id: str, usage: Mapping[str, Any]) -> None:
    """Add what a question took; one whose model has no price costs nothing here."""
    tokens = int(usage.get("input_tokens") or 0) + int(usage.get("output_tokens") or 0)
    rows = McpSampling.objects.filter(server__pk=server_id, day=clock.now().date())
    rows.update(tokens=F("tokens") + tokens, cost_usd=F("cost_usd") + float(usage.get("cost_usd") or 0))


def today_of(server: McpServer) -> McpSampling | None:
    """What the server had models asked for today."""
    return server.samplings.filter(day=clock.now().date()).first()
