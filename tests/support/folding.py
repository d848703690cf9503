"""The state of a run as its events alone tell it: what a page shows that has read nothing but the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STEP_STATUS = {"step.started": "running", "step.waiting": "waiting", "step.retrying": "waiting"}


@dataclass
class Folded:
    """status of the run, and path -> status of every step that the events name."""

    status: str = ""
    steps: dict[str, str] = field(default_factory=dict)
    held: str = ""

    def take(self, event: Mapping[str, Any]) -> None:
        kind, path, data = event["type"], event["path"], event["data"]
        if kind in STEP_STATUS:
            self.steps[path] = STEP_STATUS[kind]
        elif kind == "step.ended":
            self.steps[path] = data["status"]
        elif kind == "step.settled" and self.status in ("succeeded", "failed", "cancelled"):
            self.steps[path] = "succeeded" if data["outcome"] == "happened" else "failed"
        elif kind == "step.settled":
            self.steps[path] = "waiting"
        elif kind == "run.needs_attention" and path:
            self.steps[path] = "unknown"
        self._move(kind, path, data)

    def _move(self, kind: str, path: str, data: Mapping[str, Any]) -> None:
        match kind:
            case "run.queued":
                self.status = "queued"
            case "run.paused":
                self.held = "paused"
            case "run.needs_attention" if not path:
                self.held = "needs_attention"
            case "run.resumed":
                self.held = ""
            case "run.waiting":
                self.status = "waiting"
            case "run.ended":
                self.status, self.held = data["status"], ""
            case "run.started":
                self.status = "running"
            case _ if kind.startswith("step.") and self.status in ("waiting", "running"):
                self.status = "running"

    @property
    def shown(self) -> str:
        """The run's status as people see it."""
        if self.status in ("succeeded", "failed", "cancelled"):
            return self.status
        if self.held:
            return self.held
        return "needs_attention" if "unknown" in self.steps.values() else self.status


def fold(events: Iterable[Mapping[str, Any]]) -> Folded:
    """Raises ValueError when a number is missing or stands twice."""
    folded = Folded()
    for number, event in enumerate(events, start=1):
        if event["seq"] != number:
            raise ValueError(f"event {event['seq']} where {number} should be")
        folded.take(event)
    return folded


def differences(
    run: Mapping[str, Any], steps: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Where the rows of a run that nobody holds say something else than its events; empty when they agree."""
    try:
        folded = fold(events)
    except ValueError as error:
        return [f"{run['id']}: {error}"]
    found = []
    if folded.shown != run["status"]:
        found.append(f"{run['id']}: the row says {run['status']}, its events {folded.shown}")
    # A step that waits for its turn again has told of it, or of what it waited for before.
    alike = {"running": "open", "waiting": "open"}
    rows = {step["path"]: alike.get(step["status"], step["status"]) for step in steps}
    told = {path: alike.get(status, status) for path, status in folded.steps.items()}
    if rows != told:
        paths = [path for path in rows.keys() | told.keys() if rows.get(path) != told.get(path)]
        found += [
            f"{run['id']} {path}: the row says {rows.get(path)}, its events {told.get(path)}"
            for path in paths
        ]
    return found
