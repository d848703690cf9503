"""What happened in a run since the last write: rows as they are to be, and what is to be told or started with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from runtime.gateways import ChildStart
from runtime.models import Attempt, Spend, Step, Wait


@dataclass(frozen=True)
class Child:
    """A run of another workflow to be started with what is written next."""

    path: str
    wait_key: str
    start: ChildStart


@dataclass(slots=True)
class NewEvent:
    """An event as it will be written; there are so many of them that a model instance each is felt."""

    run_id: UUID
    seq: int
    at: datetime
    type: str
    path: str
    attempt: int | None
    data: dict[str, Any]


@dataclass
class Delta:
    """What changed since the last checkpoint."""

    steps: dict[str, Step] = field(default_factory=dict)
    attempts: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    events: list[NewEvent] = field(default_factory=list)
    opened: list[Wait] = field(default_factory=list)
    closed: dict[UUID, Wait] = field(default_factory=dict)
    consumed: dict[UUID, UUID] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    spent: list[Spend] = field(default_factory=list)
    settled: int = 0

    def __bool__(self) -> bool:
        return bool(self.steps or self.attempts or self.events or self.opened or self.closed)

    def add(self, newer: Delta) -> None:
        """What happened after it is written with it."""
        self.steps |= newer.steps
        self.attempts |= newer.attempts
        self.events += newer.events
        self.opened += newer.opened
        self.closed |= newer.closed
        self.consumed |= newer.consumed
        self.children += newer.children
        self.spent += newer.spent
        self.settled += newer.settled


def ended_data(step: Step) -> dict[str, Any]:
    """What every `step.ended` event tells, whoever writes it."""
    return {"node": step.node, "type": step.type, "status": str(step.status), "ports": step.ports}
