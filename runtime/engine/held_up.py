"""Why a queued run has not begun, as far as the rows tell."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Count
from django.db.models.functions import Now

from runtime.models import Host, Run, RunStatus


def held_up_by(run: Run) -> str:
    """What a queued run waits for before it may begin.

    returns  "concurrency": others hold the slots of its key; "no_worker": no host lives; "workspace": each host has
             as many runs of its workspace as it may; "" where it is about to begin, or has begun
    """
    if run.status != RunStatus.QUEUED or run.cancel_requested_at:
        return ""
    if not run.has_slot:
        return "concurrency"
    hosts = set(Host.objects.filter(lease_until__gt=Now()).values_list("pk", flat=True))
    if not hosts:
        return "no_worker"
    if run.host_id in hosts:
        return ""
    held = Run.objects.filter(host_id__in=hosts, workspace_id=run.workspace_id).values("host_id")
    full = held.annotate(runs=Count("pk")).filter(runs__gte=settings.WORKSPACE_RUNS)
    return "workspace" if {row["host_id"] for row in full} == hosts else ""
