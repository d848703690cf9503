"""Runs that a budget holds back go on when a new day or month begins, by the clock of the workspace's time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime.engine import clock, held_runs
from runtime.engine.wait_kinds import BUDGET
from runtime.identifiers import new_id
from runtime.models import Event, Run, RunStatus, Spend, SpendDay, Wait, WorkspaceLimits
from tests.support.cluster import Cluster
from tests.support.fake_clock import FakeClock
from tests.support.own_postgres import OwnPostgres
from tests.support.product import Api, a_document, a_node, published
from tests.support.scripted_model import scripted_model
from tests.support.services import require_services

SPENT_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def held() -> Run:
    """A run that waits for a budget, and nothing else does anything."""
    run_id = new_id()
    run = Run.objects.create(
        id=run_id,
        workspace_id=new_id(),
        workflow_id=new_id(),
        graph_id="0" * 64,
        trigger="start",
        origin_id=run_id,
        status=RunStatus.NEEDS_ATTENTION,
        attention="budget_exceeded",
        started_at=SPENT_AT,
        progress_at=SPENT_AT,
        created_at=SPENT_AT,
        event_seq=4,
    )
    Wait.objects.create(run_id=run_id, path="write", kind=BUDGET, key=f"budget:{run_id}", opened_at=SPENT_AT)
    return run


def released_at(run: Run, at: datetime, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a host's look at that moment lets the run go on."""
    monkeypatch.setattr(clock, "now", lambda: at)
    held_runs.release_all()
    run.refresh_from_db()
    return run.status == RunStatus.RUNNING


@pytest.mark.django_db
@pytest.mark.parametrize("is_added_up", [False, True], ids=["single rows", "added up"])
@pytest.mark.parametrize(
    ("budget", "zone", "last_moment", "first_moment"),
    [
        ("tokens_per_day", "UTC", "2026-11-21T23:59:59", "2026-11-22T00:00:00"),
        ("cost_usd_per_day", "Europe/Berlin", "2026-11-21T22:59:59", "2026-11-21T23:00:00"),
        ("tokens_per_day", "Asia/Tokyo", "2026-11-21T14:59:59", "2026-11-21T15:00:00"),
        ("tokens_per_month", "UTC", "2026-11-30T23:59:59", "2026-12-01T00:00:00"),
        ("cost_usd_per_month", "America/Los_Angeles", "2026-12-01T07:59:59", "2026-12-01T08:00:00"),
    ],
)
def test_a_budget_has_room_from_the_first_moment_of_its_next_day_or_month(
    held: Run,
    monkeypatch: pytest.MonkeyPatch,
    budget: str,
    zone: str,
    last_moment: str,
    first_moment: str,
    is_added_up: bool,
) -> None:
    WorkspaceLimits.objects.create(workspace_id=held.workspace_id, timezone=zone, **{budget: 10})
    if is_added_up:
        day = date(2026, 11, 21)
        SpendDay.objects.create(workspace_id=held.workspace_id, day=day, tokens=10, cost_usd=10)
    else:
        Spend.objects.create(
            workspace_id=held.workspace_id, connection="m", at=SPENT_AT, tokens=10, cost_usd=10
        )

    assert not released_at(held, datetime.fromisoformat(last_moment + "+00:00"), monkeypatch)
    assert released_at(held, datetime.fromisoformat(first_moment + "+00:00"), monkeypatch)

    assert held.attention == ""
    assert held.due_at is not None
    assert held.budget_grants == 0, "the run's own budgets were not raised"
    assert Event.objects.get(run_id=held.pk).type == "run.resumed"


@pytest.mark.django_db
def test_a_new_day_does_not_help_while_the_month_is_used_up(
    held: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    WorkspaceLimits.objects.create(workspace_id=held.workspace_id, tokens_per_day=10, tokens_per_month=10)
    Spend.objects.create(workspace_id=held.workspace_id, connection="m", at=SPENT_AT, tokens=10)

    assert not released_at(held, SPENT_AT + timedelta(days=1), monkeypatch)
    assert released_at(held, SPENT_AT + timedelta(days=11), monkeypatch)


# --- the whole product, whose database lives by a clock that the test turns -----------------------------


@pytest.fixture
def turned(tmp_path: Path) -> Iterator[tuple[FakeClock, Api]]:
    require_services()
    fake_clock = FakeClock()
    postgres = OwnPostgres(clock=fake_clock)
    postgres.start()
    cluster = Cluster(tmp_path, number=2, env={"DATABASE_URL": postgres.url})
    try:
        cluster.start(workers=1)
        yield fake_clock, cluster.api("admin")
    finally:
        cluster.stop()
        postgres.remove()
        fake_clock.close()


def beginning(of: str, at: datetime) -> datetime:
    """Of the day or the month after a moment, in UTC."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        day + timedelta(days=1) if of == "day" else (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    )


@pytest.mark.parametrize("of", ["day", "month"])
def test_held_runs_go_on_when_the_clock_of_the_database_says_so(
    turned: tuple[FakeClock, Api], of: str
) -> None:
    fake_clock, api = turned
    with scripted_model() as model:
        model.says("writer", "Dear customer.")
        connection: dict[str, Any] = {
            "slug": "m",
            "preset": "other",
            "base_url": model.url,
            "models": ["writer"],
        }
        api("POST", "/model-connections", connection)
        steps = [
            a_node("start", "manual_trigger"),
            *(a_node(name, "llm_write", {"instructions": "Write.", "input": "x"}) for name in ("one", "two")),
            a_node("end", "reply", {"text": "{{ steps.two.text }}"}),
        ]
        workflow = published(api, "Until tomorrow", a_document(steps, "start>one, one>two, two>end"))
        api("PATCH", "/workspace/limits", {f"tokens_per_{of}": 100})
        run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
        assert api.run_until(run["id"], "needs_attention")["attention"] == "budget_exceeded"

        at = datetime.now(UTC)
        fake_clock.set(beginning(of, at) - at + timedelta(minutes=1))

        done = api.run_until(run["id"], "succeeded", "failed", within_s=60)
        assert (done["status"], done["result"]) == ("succeeded", {"text": "Dear customer."})
        assert api.steps(run["id"])["two"]["attempts"] == 1
