"""What is wrong with a graph: one problem names the node, the field, a stable code and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """field is a path inside the config (`arguments/order_id`) or the settings (`settings/timeout_s`).

    fix   a text that may replace the field's value and solves the problem
    """

    node: str | None
    field: str | None
    code: str
    message: str
    severity: Severity = "error"
    fix: str | None = None

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "node": self.node,
            "field": self.field,
            "code": self.code,
            "message": self.message,
            "severity": self.severity,
        }
        return shown | ({"fix": self.fix} if self.fix is not None else {})
