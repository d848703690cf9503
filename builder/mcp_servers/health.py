"""How servers are: checks that are due, what they found, and how often calls fail."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum

from builder.mcp_servers.models import McpServer, McpUse
from runtime.engine import clock
from runtime.gateways import ServerUse

SOON_S = 60.0
"""After a failed check the next one comes sooner."""
FAILED_CHECKS_SHOWN = 2
"""One failed check may be a hiccup; the second says so on the page."""
CHECKS_AT_ONCE = 4
KEPT = timedelta(days=14)
SHOWN = timedelta(hours=24)


@dataclass(frozen=True)
class Health:
    """calls, failed_percent and average_ms are of the last 24 hours."""

    checked_at: datetime | None
    latency_ms: float | None
    calls: int
    failed_percent: float
    average_ms: float
    last_used_at: datetime | None


def health_of(server: McpServer) -> Health:
    recent = server.uses.filter(hour__gte=clock.now() - SHOWN)
    sums = recent.aggregate(calls=Sum("calls"), failures=Sum("failures"), total_ms=Sum("total_ms"))
    calls = sums["calls"] or 0
    return Health(
        checked_at=server.checked_at,
        latency_ms=server.latency_ms,
        calls=calls,
        failed_percent=round(100 * (sums["failures"] or 0) / calls, 1) if calls else 0.0,
        average_ms=round((sums["total_ms"] or 0) / calls, 1) if calls else 0.0,
        last_used_at=server.last_used_at,
    )


def next_check(server: McpServer, at: datetime, *, soon: bool = False) -> datetime | None:
    """A time with jitter, so that servers are not checked in step; none for commands, which no check may start."""
    every_s = float(settings.MCP_CHECK_EVERY_S)
    if server.transport != McpServer.Transport.HTTP or every_s <= 0:
        return None
    pause_s = min(every_s, SOON_S) if soon else every_s
    return at + timedelta(seconds=pause_s * random.uniform(0.8, 1.2))  # noqa: S311


@transaction.atomic
def note_uses(uses: Mapping[str, ServerUse]) -> None:
    """Add what one host saw to the hour; servers that are gone are left out."""
    at = clock.now()
    hour = at.replace(minute=0, second=0, microsecond=0)
    for server in McpServer.objects.filter(pk__in=uses):
        use = uses[str(server.pk)]
        McpUse.objects.get_or_create(server=server, hour=hour)
        McpUse.objects.filter(server=server, hour=hour).update(
            calls=F("calls") + use.calls,
            failures=F("failures") + use.failures,
            total_ms=F("total_ms") + use.total_ms,
        )
        McpServer.objects.filter(pk=server.pk).update(last_used_at=at)
    McpUse.objects.filter(hour__lt=at - KEPT).delete()


def claim_checks() -> list[McpServer]:
    """Servers whose check is due; each is given to one host only."""
    at = clock.now()
    claimed = []
    for row in McpServer.objects.filter(next_check_at__lte=at).order_by("next_check_at")[:CHECKS_AT_ONCE]:
        same = McpServer.objects.filter(pk=row.pk, next_check_at=row.next_check_at)
        if same.update(next_check_at=next_check(row, at)):
            claimed.append(row)
    return claimed


@transaction.atomic
def note_check(server_id: str, error: Mapping[str, Any] | None, duration_ms: float) -> None:
    """What a check found stands on the server; a failure is shown when it comes twice."""
    server = McpServer.objects.select_for_update().filter(pk=server_id).first()
    if server is None:
        return
    at = clock.now()
    server.checked_at = at
    if error is None:
        server.checks_failed, server.latency_ms = 0, duration_ms
        server.status, server.error = McpServer.Status.OK, None
    else:
        server.checks_failed += 1
        server.next_check_at = next_check(server, at, soon=True)
        if server.checks_failed >= FAILED_CHECKS_SHOWN:
            server.status, server.error = McpServer.Status.ERROR, dict(error)
    server.save(
        update_fields=["checked_at", "checks_failed", "latency_ms", "next_check_at", "status", "error"]
    )
