"""Whether work moves: a fresh host, and nothing due that nobody takes."""

from typing import Any

from runtime.engine.clock import later, now
from runtime.models import Host, Run

STALL_S = 45.0


def health() -> dict[str, Any]:
    """{"status": "ok"|"degraded", "hosts", "oldest_due_s", "reason"}; raises DatabaseError when it is away."""
    at = now()
    hosts = Host.objects.filter(lease_until__gt=at).count()
    overdue = (
        Run.objects.filter(due_at__lt=later(-STALL_S), progress_at__lt=later(-STALL_S))
        .order_by("due_at")
        .values_list("due_at", flat=True)
        .first()
    )
    report: dict[str, Any] = {"status": "ok", "hosts": hosts, "reason": ""}
    if hosts == 0:
        report |= {"status": "degraded", "reason": "No worker is running."}
    elif overdue is not None:
        report |= {
            "status": "degraded",
            "oldest_due_s": round((at - overdue).total_seconds(), 1),
            "reason": "Work is due and no worker takes it.",
        }
    return report
