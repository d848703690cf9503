"""Whether work moves: a fresh host, and nothing due that nobody takes while nothing else goes on either."""

from typing import Any

from runtime.engine.claiming import due_runs
from runtime.engine.clock import later, now
from runtime.models import Host, Run

STALL_S = 45.0


def health() -> dict[str, Any]:
    """{"status": "ok"|"degraded", "hosts", "oldest_due_s", "reason"}; raises DatabaseError when it is away."""
    at, before = now(), later(-STALL_S)
    hosts = list(Host.objects.filter(lease_until__gt=at).values_list("pk", flat=True))
    report: dict[str, Any] = {"status": "ok", "hosts": len(hosts), "reason": ""}
    if not hosts:
        return report | {"status": "degraded", "reason": "No worker is running."}
    overdue = due_runs().filter(due_at__lt=before, progress_at__lt=before).order_by("due_at")
    oldest = overdue.values_list("due_at", flat=True).first()
    # Where all hands are full, what waits for its turn is no sign of a stall.
    moves = Run.objects.filter(host_id__in=hosts, progress_at__gte=before)
    if oldest is not None and not moves.exists():
        waited_s = round((at - oldest).total_seconds(), 1)
        reason = "Work is due and no worker takes it."
        report |= {"status": "degraded", "oldest_due_s": waited_s, "reason": reason}
    return report
