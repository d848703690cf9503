"""Work in the background that one host at a time does, and the days that a workspace lives by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from runtime.models import Duty, WorkspaceLimits

UTC = ZoneInfo("UTC")


def take(name: str) -> bool:
    """Hold the duty until the transaction ends; false when another host has it."""
    Duty.objects.get_or_create(name=name)
    return Duty.objects.select_for_update(skip_locked=True).filter(name=name).first() is not None


def wait_for(name: str) -> None:
    """Hold the duty until the transaction ends, once whoever has it is done."""
    Duty.objects.get_or_create(name=name)
    Duty.objects.select_for_update().get(name=name)


class Zones:
    """The time zones of workspaces, each read once; UTC where nobody has said."""

    def __init__(self, workspace_ids: Iterable[UUID]) -> None:
        rows = WorkspaceLimits.objects.filter(pk__in=set(workspace_ids))
        self._zones = {pk: ZoneInfo(name) for pk, name in rows.values_list("pk", "timezone")}

    def day(self, workspace_id: UUID, at: datetime) -> date:
        """The day it is there at that moment."""
        return at.astimezone(self._zones.get(workspace_id, UTC)).date()


def today(workspace_id: UUID, at: datetime) -> date:
    return Zones([workspace_id]).day(workspace_id, at)
