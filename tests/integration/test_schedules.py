"""Schedules and failure triggers on PostgreSQL with worker processes that compete, die and come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.cluster import Cluster
from tests.support.product import a_document, a_node, eventually, published
from tests.support.services import require_services

pytestmark = pytest.mark.timeout(300)

YEARLY = {"cron": "0 0 1 1 *"}
TAKEN_OVER_WITHIN_S = 45.0


class Rows:
    """The cluster's database, as an operator sees it."""

    def __init__(self, cluster: Cluster) -> None:
        self._connection = psycopg.connect(cluster.env["DATABASE_URL"], autocommit=True)

    def __call__(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []

    def let_be_due(self, workflow: str, ago: timedelta) -> datetime:
        """Move every schedule of a workflow to a slot of this long ago; returns the slot."""
        [(slot,)] = self("SELECT date_trunc('second', now()) - %s", ago)
        self(
            "UPDATE runtime_schedule SET slot = %s, due_at = %s WHERE workflow_id = %s", slot, slot, workflow
        )
        return datetime.fromisoformat(slot.isoformat())

    def is_waiting(self, workflow: str) -> bool:
        """Whether every schedule of a workflow has moved on to a slot ahead."""
        [(behind,)] = self(
            "SELECT count(*) FROM runtime_schedule WHERE workflow_id = %s AND due_at <= now()", workflow
        )
        return bool(behind == 0)

    def pass_a_sweep(self) -> None:
        """Wait until a host has looked at everything that is due by now, told by a schedule of no workflow."""
        spec = Jsonb({"zone": "UTC", **YEARLY})
        [(probe,)] = self(
            "INSERT INTO runtime_schedule"
            " (id, workspace_id, workflow_id, node, kind, spec, missed, slot, due_at, is_paused, fence, failures)"
            " SELECT id, id, id, 'probe', 'times', %s, 'run_once', now(), now(), false, 0, 0"
            " FROM (SELECT gen_random_uuid() AS id) AS made RETURNING id",
            spec,
        )
        eventually(lambda: self.is_waiting(probe), what="a sweep")

    def runs(self, workflow: str) -> list[tuple[str, dict[str, Any]]]:
        """(trigger, input) of each run, oldest first."""
        return self("SELECT trigger, input FROM runtime_run WHERE workflow_id = %s ORDER BY id", workflow)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def rows(cluster: Cluster) -> Iterator[Rows]:
    rows = Rows(cluster)
    yield rows
    rows.close()


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Workers that a test may kill, if it leaves others behind."""
    require_services()
    cluster = Cluster(tmp_path_factory.mktemp("own-cluster"), number=2)
    try:
        cluster.start(workers=2)
        yield cluster
    finally:
        cluster.stop()


def a_schedule(config: dict[str, Any], count: int = 1) -> dict[str, Any]:
    """A workflow that as many schedules start."""
    starts = [a_node(f"start_{number}", "schedule_trigger", config) for number in range(count)]
    edges = ", ".join(f"{start['id']}>end" for start in starts)
    return a_document([*starts, a_node("end", "reply", {"data": "{{ trigger.due_at }}"})], edges)


def test_each_slot_starts_one_run_however_many_workers_sweep(cluster: Cluster, rows: Rows) -> None:
    api = cluster.api()
    workflow = published(api, "Many schedules", a_schedule(YEARLY, count=20))["id"]
    slots = []
    for ago in (50, 40, 30, 20, 10):
        slots.append(rows.let_be_due(workflow, timedelta(seconds=ago)))
        eventually(lambda: rows.is_waiting(workflow), what="every schedule moving on")
    rows.pass_a_sweep()

    found = Counter((trigger, given["due_at"]) for trigger, given in rows.runs(workflow))

    assert set(found.values()) == {1}
    assert len(found) == 20 * 5
    assert {datetime.fromisoformat(due_at) for _, due_at in found} == set(slots)
    eventually(lambda: not unfinished(rows, workflow), what="every run having ended")


def test_workers_pass_over_what_another_one_is_busy_with(cluster: Cluster, rows: Rows) -> None:
    api = cluster.api()
    held = published(api, "Held", a_schedule(YEARLY, count=60))["id"]
    other = published(api, "Other", a_schedule(YEARLY))["id"]
    [(soon,)] = rows("SELECT now() + interval '2 s'")
    set_slot = "UPDATE runtime_schedule SET slot = %s, due_at = %s WHERE workflow_id = %s"
    rows(set_slot, soon, soon, held)
    # Locked before it is due, as by a host that is quicker than all others and then slow.
    with psycopg.connect(cluster.env["DATABASE_URL"]) as busy:
        busy.execute("SELECT 1 FROM runtime_schedule WHERE workflow_id = %s FOR UPDATE", [held])
        assert rows("SELECT 1 WHERE clock_timestamp() < %s", soon), "it took too long"
        later = soon + timedelta(milliseconds=1)
        rows(set_slot, later, later, other)
        eventually(lambda: rows.runs(other), what="the run of the other workflow")
        assert rows.runs(held) == []
    eventually(lambda: len(rows.runs(held)) == 60, what="the runs of what was held")


def unfinished(rows: Rows, workflow: str) -> int:
    query = "SELECT count(*) FROM runtime_run WHERE workflow_id = %s AND status <> 'succeeded'"
    return int(rows(query, workflow)[0][0])


def test_runs_are_told_their_slot_and_the_one_before(cluster: Cluster, rows: Rows) -> None:
    api = cluster.api()
    graph = a_schedule({"cron": "0 0 1 1 *", "timezone": "Asia/Tokyo"})
    workflow = published(api, "Told", graph)["id"]
    for ago in (40, 20):
        rows.let_be_due(workflow, timedelta(seconds=ago))
        eventually(lambda: rows.is_waiting(workflow), what="the schedule moving on")

    (_, first), (_, second) = rows.runs(workflow)

    assert first["due_at"].endswith("+09:00")
    assert first["previous_at"] is None
    assert second["previous_at"] == first["due_at"]


def test_a_paused_workflow_is_left_alone_until_it_is_resumed(cluster: Cluster, rows: Rows) -> None:
    api = cluster.api()
    workflow = published(api, "Paused", a_schedule(YEARLY))["id"]
    assert api("POST", f"/workflows/{workflow}/pause")["paused"] is True
    rows.let_be_due(workflow, timedelta(hours=1))
    rows.pass_a_sweep()
    assert rows.runs(workflow) == []

    assert api("POST", f"/workflows/{workflow}/resume")["paused"] is False
    eventually(lambda: rows.runs(workflow), what="the late run")
    rows.pass_a_sweep()
    assert len(rows.runs(workflow)) == 1


def test_slots_missed_while_nothing_ran_are_made_up_for_once_or_skipped(own_cluster: Cluster) -> None:
    api, rows = own_cluster.api(), Rows(own_cluster)
    # Every minute, so that hundreds of slots pass in the hours in which all workers are dead.
    made_up = published(api, "Made up for", a_schedule({"cron": "* * * * *"}))["id"]
    yearly = published(api, "Yearly", a_schedule(YEARLY))["id"]
    skipped = published(api, "Skipped", a_schedule({**YEARLY, "missed": "skip"}))["id"]
    for worker in own_cluster.workers:
        worker.kill()
    # As they would be found after so long: the leases are over.
    rows("UPDATE runtime_host SET lease_until = now() - interval '5 hours'")
    rows("DELETE FROM runtime_run WHERE workflow_id = %s", made_up)
    for workflow in (made_up, yearly, skipped):
        rows.let_be_due(workflow, timedelta(hours=5))
    [(restarted_at,)] = rows("SELECT now()")
    own_cluster.add_worker()
    own_cluster.add_worker()

    for workflow in (made_up, yearly, skipped):
        eventually(partial(rows.is_waiting, workflow), within_s=40, what="the schedule moving on")
    rows.pass_a_sweep()

    assert (len(rows.runs(yearly)), len(rows.runs(skipped))) == (1, 0)
    late, *on_time = [datetime.fromisoformat(given["due_at"]) for _, given in rows.runs(made_up)]
    [(now,)] = rows("SELECT now()")
    # The newest of three hundred, and whatever has become due since.
    assert late >= restarted_at - timedelta(minutes=1)
    assert len(on_time) <= (now - late) / timedelta(minutes=1)
    rows.close()


FAILING = a_document(
    [
        a_node("start", "manual_trigger"),
        a_node("count", "set_values", {"values": [{"id": "n", "value": "{{ 1 / 0 }}"}]}),
    ],
    "start>count",
)


def a_watcher(*slugs: str) -> dict[str, Any]:
    text = "{{ trigger.workflow.slug }} {{ trigger.node }} {{ trigger.error.code }}"
    return a_document(
        [
            a_node("failed", "failure_trigger", {"workflows": list(slugs)}),
            a_node("tell", "reply", {"text": text}),
        ],
        "failed>tell",
    )


def test_a_failed_run_starts_the_failure_workflow_once(cluster: Cluster, rows: Rows) -> None:
    api = cluster.api()
    work = published(api, "Failing work", FAILING)
    watcher = published(api, "Watches it", a_watcher(work["slug"]))["id"]
    tested = api("POST", f"/workflows/{work['id']}/runs", {"input": {}, "draft": True})
    assert api.run_until(tested["id"], "failed", "succeeded")["status"] == "failed"
    run = api("POST", f"/workflows/{work['id']}/runs", {"input": {}})
    api.run_until(run["id"], "failed")

    # Written in one transaction with the end of the run, so it is there as soon as the end is.
    [(trigger, given)] = rows.runs(watcher)

    assert (trigger, given["run_id"]) == ("failed", run["id"])
    [told] = api("GET", f"/runs?workflow={watcher}")["items"]
    ended = api.run_until(told["id"], "succeeded", "failed")
    assert ended["result"] == {"text": "failing-work count expression_error"}
    assert len(rows.runs(watcher)) == 1


def test_failure_workflows_that_fail_start_nothing_more(cluster: Cluster, rows: Rows) -> None:
    api = cluster.api()
    work = published(api, "Failing start", FAILING)
    watcher = a_watcher("failing-start", "watcher-one", "watcher-two")
    watcher["nodes"][1]["config"] = {"text": "{{ trigger.error.details.nothing_like_it }}"}
    drafts = [
        api("POST", "/workflows", {"name": f"Watcher {name}", "graph": watcher}) for name in ("one", "two")
    ]
    ids = [draft["id"] for draft in drafts]
    for each in ids:
        api("POST", f"/workflows/{each}/publish", {})
    run = api("POST", f"/workflows/{work['id']}/runs", {"input": {}})
    api.run_until(run["id"], "failed")

    eventually(
        lambda: all(api("GET", f"/runs?workflow={each}&status=failed")["items"] for each in ids),
        what="both failure workflows failing",
    )
    # What an end starts is written with it, so nothing more can come.
    assert [len(rows.runs(each)) for each in ids] == [1, 1]


def test_the_failure_workflow_starts_once_although_the_worker_is_killed(own_cluster: Cluster) -> None:
    api, rows = own_cluster.api(), Rows(own_cluster)
    work = published(api, "Failing work", FAILING)
    watcher = published(api, "Watches it", a_watcher("failing-work"))["id"]
    started = [api("POST", f"/workflows/{work['id']}/runs", {"input": {}})["id"] for _ in range(3)]
    failed = "SELECT count(*) FROM runtime_run WHERE workflow_id = %s AND status = 'failed'"
    while rows(failed, work["id"])[0][0] == 0:
        started.append(api("POST", f"/workflows/{work['id']}/runs", {"input": {}})["id"])
    for worker in own_cluster.workers:
        worker.kill()
    own_cluster.add_worker()

    for run_id in started:
        api.run_until(run_id, "failed", within_s=TAKEN_OVER_WITHIN_S)
    told = Counter(given["run_id"] for _, given in rows.runs(watcher))
    assert told == Counter(started)
    eventually(
        lambda: not unfinished(rows, watcher), within_s=TAKEN_OVER_WITHIN_S, what="every run having ended"
    )
    rows.close()
