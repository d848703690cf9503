"""What the doctor found: one finding for each step, in order; after a failure the rest is skipped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

STEP_LIMIT_S = 10.0

Status = Literal["ok", "failed", "skipped"]


class Trouble(Exception):
    """The step failed: why, and what to do about it."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix


class NotNeeded(Exception):
    """The step does not apply here; the reason is its message."""


@dataclass(frozen=True)
class Finding:
    """text is what was seen: on a failure the cause, on a skipped step the reason."""

    step: str
    title: str
    status: Status
    text: str = ""
    fix: str = ""
    duration_ms: float = 0.0


@dataclass(frozen=True)
class Report:
    ok: bool
    steps: list[Finding]


@dataclass(frozen=True)
class Check:
    """One step: `look` gives what it saw, or raises Trouble or NotNeeded."""

    step: str
    title: str
    look: Callable[[], Awaitable[str]]
    timed_out: Callable[[float], Trouble] = field(
        default=lambda limit_s: Trouble(f"There was no answer within {limit_s:g} s.", "Look at the server.")
    )


async def carry_out(checks: Sequence[Check], *, step_limit_s: float) -> Report:
    """Each check in turn, within its time limit, until one fails."""
    findings: list[Finding] = []
    failed = False
    for check in checks:
        if failed:
            findings.append(Finding(check.step, check.title, "skipped", "An earlier step failed."))
            continue
        finding = await _one(check, step_limit_s)
        failed = finding.status == "failed"
        findings.append(finding)
    return Report(not failed, findings)


async def _one(check: Check, limit_s: float) -> Finding:
    started = time.monotonic()

    def found(status: Status, text: str, fix: str = "") -> Finding:
        duration_ms = round((time.monotonic() - started) * 1000, 1)
        return Finding(check.step, check.title, status, text, fix, duration_ms)

    try:
        async with asyncio.timeout(limit_s):
            return found("ok", await check.look())
    except NotNeeded as reason:
        return found("skipped", str(reason))
    except Trouble as trouble:
        return found("failed", trouble.cause, trouble.fix)
    except TimeoutError:
        late = check.timed_out(limit_s)
        return found("failed", late.cause, late.fix)


def as_report(step: str, title: str, cause: str, fix: str) -> dict[str, Any]:
    """A report of an examination that could not begin, as the API shows it."""
    finding = {
        "step": step,
        "title": title,
        "status": "failed",
        "text": cause,
        "fix": fix,
        "duration_ms": 0.0,
    }
    return {"ok": False, "steps": [finding]}
