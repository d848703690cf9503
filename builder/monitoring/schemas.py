"""What requests about runs bring, and what they are answered with. A page of answers is built in half the time from plain models."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field

from runtime.engine.held_up import held_up_by
from runtime.engine.retries import retried_by
from runtime.engine.run_counts import DayCount
from runtime.engine.unknown_calls import UnknownCall, unknown_calls
from runtime.models import Event, Run


class DayCountOut(BaseModel):
    """Runs that ended on a day, tests of drafts apart; the median time of those that succeeded, to within a fifth."""

    day: date
    succeeded: int
    failed: int
    cancelled: int
    median_ms: float | None

    @staticmethod
    def of(row: DayCount) -> "DayCountOut":
        return DayCountOut(
            day=row.day,
            succeeded=row.runs.get("succeeded", 0),
            failed=row.runs.get("failed", 0),
            cancelled=row.runs.get("cancelled", 0),
            median_ms=row.median_ms,
        )


class RunCountsOut(BaseModel):
    """open   status -> runs in it now; 1001 stands for any number above 1000
    days   oldest first, in the workspace's time zone; a run is counted within seconds of its end
    """

    open: dict[str, int]
    days: list[DayCountOut]


class RunIn(Schema):
    """`input` is what `trigger` shows in expressions; `wait_s` holds the answer until the run ends or replies."""

    model_config = ConfigDict(extra="forbid")
    input: Any = None
    trigger: str | None = None
    draft: bool = False
    wait_s: float = Field(default=0, ge=0, le=30)


class SettleIn(Schema):
    model_config = ConfigDict(extra="forbid")
    outcome: Literal["happened", "did_not", "give_up"]
    output: dict[str, Any] | None = None


class ReplayIn(Schema):
    """Where to begin again and with what.

    from      path of a step; the start if it is left out
    data      path of a step that is taken over -> another output for it
    version   a number, "draft", or left out for the graph that the run had
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    again_from: str | None = Field(default=None, alias="from", max_length=400)
    data: dict[str, Any] = Field(default_factory=dict)
    version: int | Literal["draft"] | None = None


class CancelIn(Schema):
    reason: str = Field(default="", max_length=500)


class ErrorOut(BaseModel):
    """Why a step or a run failed; `node` and `path` say where, on runs."""

    code: str
    message: str
    retryable: bool
    details: dict[str, Any]
    node: str | None = None
    path: str | None = None


class SettledOut(BaseModel):
    """What an operator said of a call, while the run has not gone on with it yet."""

    outcome: str
    by: str
    at: str


class WaitingForOut(BaseModel):
    kind: str
    due_at: str | None
    inbox_item: str | None
    settled: SettledOut | None = None


class UsageOut(BaseModel):
    """What the step's model calls took; the cost in US dollars, where prices are known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    model: str = ""


class StepOut(BaseModel):
    node: str
    path: str
    type: str
    status: str
    ports: list[str]
    attempts: int
    input: Any
    output: Any
    error: ErrorOut | None
    usage: UsageOut | None
    started_at: str | None
    ended_at: str | None
    taken_from: str | None = None
    child_run: str | None = None
    waiting_for: WaitingForOut | None = None


class RunOut(BaseModel):
    id: UUID
    status: str
    attention: str
    result: Any
    error: ErrorOut | None
    workflow: UUID
    version: int | None
    draft: bool
    trigger: str
    input: Any
    started_by: str
    retry_of: UUID | None
    replay_of: UUID | None
    forked_from: str
    parent: UUID | None
    parent_path: str
    is_pausing: bool
    handled_errors: int
    tokens: int
    cost_usd: float
    created_at: str
    started_at: str | None
    ended_at: str | None

    @staticmethod
    def of(run: Run) -> "RunOut":
        return RunOut(
            id=run.pk,
            status=run.status,
            attention=run.attention,
            result=run.result,
            error=run.error,
            workflow=run.workflow_id,
            version=run.version,
            draft=run.version is None,
            trigger=run.trigger,
            input=run.input,
            started_by=run.started_by,
            retry_of=run.retry_of,
            replay_of=run.replay_of,
            forked_from=run.forked_from,
            parent=run.parent_id,
            parent_path=run.parent_path,
            is_pausing=run.pause_requested_at is not None,
            handled_errors=run.handled_errors,
            tokens=run.tokens,
            cost_usd=run.cost_usd,
            created_at=run.created_at.isoformat(),
            started_at=run.started_at.isoformat() if run.started_at else None,
            ended_at=run.ended_at.isoformat() if run.ended_at else None,
        )


class UnknownCallOut(BaseModel):
    """A call that was sent and never answered, and that nobody knows the outcome of."""

    run_id: str = Field(description="The run that made it: this one, or one that a step of it started.")
    path: str
    node: str
    title: str
    server: str
    tool: str


class WatchedRunOut(RunOut):
    """A run that is looked at by itself, as its page and its socket show it from second to second."""

    held_up_by: str = Field(
        description='What it waits for before it may begin, while it is queued: "concurrency" (others of its key go on),'
        ' "workspace" (each worker has as many runs of the workspace as it may), "no_worker" (none is running); else "".'
    )

    retried_by: UUID | None = Field(
        description="The retry of this run, if there is one: a further retry goes on where the last one ended."
    )

    @staticmethod
    def of(run: Run) -> "WatchedRunOut":
        return WatchedRunOut(
            **RunOut.of(run).model_dump(), held_up_by=held_up_by(run), retried_by=retried_by(run)
        )


class RunDetailOut(WatchedRunOut):
    """The same, with what takes longer to find."""

    unknown_calls: list[UnknownCallOut] = Field(
        description="They may have taken effect: a retry makes them again, or this run does, being a retry."
    )

    @staticmethod
    def of(run: Run, calls: Sequence[UnknownCall] | None = None) -> "RunDetailOut":
        """calls   those to be told; None for those that the run has before it by now"""
        told = [UnknownCallOut(**asdict(call)) for call in (unknown_calls(run) if calls is None else calls)]
        return RunDetailOut(**WatchedRunOut.of(run).model_dump(), unknown_calls=told)


class EventOut(BaseModel):
    seq: int
    at: str
    type: str
    path: str
    attempt: int | None
    data: dict[str, Any]

    @staticmethod
    def of(event: Event) -> "EventOut":
        return EventOut(
            seq=event.seq,
            at=event.at.isoformat(),
            type=event.type,
            path=event.path,
            attempt=event.attempt,
            data=event.data,
        )
