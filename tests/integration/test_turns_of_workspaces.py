"""Schedules and watches as rows: whose turn it is where one workspace has many that are due."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from runtime.engine import clock, polling, process, schedules, turns
from runtime.identifiers import new_id
from runtime.models import Schedule
from runtime.timetables import Timetable
from runtime.watching import Watch

pytestmark = pytest.mark.django_db

LARGE, SMALL = new_id(), new_id()
YEARLY = Timetable(zone="UTC", cron="0 0 1 1 *").spec()
LOOK = Watch(
    server="shop",
    tool="list_orders",
    arguments={},
    items="{{ result }}",
    key="{{ item }}",
    where={},
    every_s=60,
).spec()


def let_be_due(kind: Schedule.Kind, workspace: UUID, count: int, *, ago_s: float) -> None:
    """Schedules of workflows that are gone: they start nothing, and move on."""
    at = clock.now() - timedelta(seconds=ago_s)
    is_watch = kind == Schedule.Kind.WATCH
    Schedule.objects.bulk_create(
        Schedule(
            workspace_id=workspace,
            workflow_id=new_id(),
            node="start",
            kind=kind,
            spec=LOOK if is_watch else YEARLY,
            missed=Schedule.Missed.RUN_ONCE,
            slot=None if is_watch else at,
            due_at=at + timedelta(milliseconds=number),
        )
        for number in range(count)
    )


def due(workspace: UUID) -> int:
    return turns.due_now(Schedule.Kind.TIMES).filter(workspace_id=workspace).count()


def test_a_workspace_with_many_schedules_holds_up_no_other() -> None:
    let_be_due(Schedule.Kind.TIMES, LARGE, 3 * schedules.PER_BATCH, ago_s=30)
    let_be_due(Schedule.Kind.TIMES, SMALL, 2, ago_s=1)

    schedules.fire_due(process.gateways())

    assert due(SMALL) == 0
    assert due(LARGE) == 2 * schedules.PER_BATCH + 2


def test_full_batches_say_that_there_may_be_more() -> None:
    let_be_due(Schedule.Kind.TIMES, LARGE, schedules.PER_BATCH + 1, ago_s=1)
    assert [schedules.fire_due(process.gateways()) for _ in range(3)] == [True, False, False]
    assert due(LARGE) == 0


def test_the_watches_of_a_workspace_never_take_every_place_of_a_host() -> None:
    let_be_due(Schedule.Kind.WATCH, LARGE, 3 * polling.AT_ONCE, ago_s=30)
    held = Counter(look.workspace_id for look in polling.claim(polling.AT_ONCE, {}))
    assert held == {LARGE: polling.PER_WORKSPACE}
    let_be_due(Schedule.Kind.WATCH, SMALL, 1, ago_s=1)

    looks = polling.claim(polling.AT_ONCE - held.total(), held)

    assert [look.workspace_id for look in looks] == [SMALL]


def test_watches_of_several_workspaces_take_turns() -> None:
    let_be_due(Schedule.Kind.WATCH, LARGE, polling.AT_ONCE, ago_s=30)
    let_be_due(Schedule.Kind.WATCH, SMALL, 2, ago_s=1)

    looks = polling.claim(4, {LARGE: 1})

    assert [look.workspace_id for look in looks] == [LARGE, SMALL, LARGE, SMALL]
