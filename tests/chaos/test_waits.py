"""R12: many waits, some of half a year, survive a restart of everything and end once, when their time has come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.chaos.load import start_many
from tests.support.installation import Installation
from tests.support.product import Api, a_document, a_node, eventually, published

WAITS = sized(100, 500, 10_000)
HALF_A_YEAR_S = 180 * 86_400
SPREAD_S = WAITS / 25

pytestmark = [beyond_daily, pytest.mark.timeout(sized(120, 240, 1800))]

ENDS = """SELECT run_id, count(*) AS n FROM runtime_event WHERE type = 'step.ended' AND path = 'nap'
    AND run_id IN (SELECT id FROM runtime_run WHERE workflow_id = %s) GROUP BY run_id"""
LATENESS = """SELECT extract(epoch FROM max(w.closed_at - w.due_at))::float AS worst,
    extract(epoch FROM percentile_disc(0.99) WITHIN GROUP (ORDER BY w.closed_at - w.due_at))::float AS p99,
    count(*) FILTER (WHERE w.closed_at < w.due_at) AS early
    FROM runtime_wait w JOIN runtime_run r ON r.id = w.run_id WHERE r.workflow_id = %s"""


def test_waits_end_once_when_their_time_has_come(
    installation: Installation, admin: Api, figures: Figures
) -> None:
    graph = a_document(
        [
            a_node("start", "webhook_trigger"),
            a_node("nap", "wait", {"for_s": "{{ trigger.body.for_s }}"}),
            a_node("end", "reply", {"text": "."}),
        ],
        "start>nap, nap>end",
    )
    workflow = published(admin, "Naps", graph)
    lengths = [HALF_A_YEAR_S if number % 5 == 0 else 3600 + number for number in range(WAITS)]
    start_many(admin, workflow, [{"for_s": length} for length in lengths])
    eventually(
        lambda: installation.statuses(workflow["id"]) == {"waiting": WAITS},
        within_s=120,
        what="every run waiting",
    )
    delayed = installation.redis.keys_with('"eta": "')
    installation.kill_workers()
    installation.redis.flush()
    installation.keep_workers(2)
    installation.wait_for_hosts(2)
    # The clock of the test: every due time comes nearer by as much as the clock would have moved.
    long_ones = lengths.count(HALF_A_YEAR_S)
    for passed, left in (
        (timedelta(hours=1, seconds=WAITS), long_ones),
        (timedelta(seconds=HALF_A_YEAR_S), 0),
    ):
        move(installation, workflow["id"], passed)
        eventually(
            lambda left=left: installation.unsettled(workflow["id"]) == left,
            within_s=120 + SPREAD_S,
            what="what was due having ended",
        )
    ends = installation.rows(ENDS, workflow["id"])
    [late] = installation.rows(LATENESS, workflow["id"])
    figures.at_most("R12", f"of {WAITS} waits, not ended", 0, WAITS - len(ends))
    figures.at_most("R12", "ended more than once", 0, sum(row["n"] > 1 for row in ends))
    figures.at_most("R12", "ended early", 0, late["early"])
    figures.at_most("R12", "lateness, p99", 5.0, late["p99"], " s")
    figures.at_most("R12", "messages with an ETA in Redis", 0, len(delayed))
    figures.check()


def move(installation: Installation, workflow_id: str, passed: timedelta) -> None:
    """What lies in the past by now comes due within SPREAD_S, so that lateness counts from there."""
    ours = "SELECT id FROM runtime_run WHERE workflow_id = %s AND status = 'waiting'"
    installation.run_sql(
        f"""UPDATE runtime_wait SET due_at = greatest(due_at - %s, clock_timestamp() + random() * %s)
        WHERE closed_at IS NULL AND run_id IN ({ours})""",
        passed,
        timedelta(seconds=SPREAD_S),
        workflow_id,
    )
    installation.run_sql(
        f"""UPDATE runtime_run r SET due_at = w.due_at FROM runtime_wait w
        WHERE w.run_id = r.id AND w.closed_at IS NULL AND r.id IN ({ours})""",
        workflow_id,
    )
