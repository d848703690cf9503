"""R16, R25: a step that takes its worker along is set apart, and workers that do nothing are noticed."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime

import httpx2
import pytest

from tests.chaos.figures import Figures, beyond_daily
from tests.chaos.load import calling, start_many
from tests.support.installation import Installation
from tests.support.product import Api, a_document, a_node, eventually, published

pytestmark = [beyond_daily, pytest.mark.timeout(300)]

TIMES = """SELECT extract(epoch FROM ended_at - created_at)::float AS s FROM runtime_run
    WHERE workflow_id = %s AND status = 'succeeded' ORDER BY created_at"""
STARTED_HOSTS = "SELECT count(*) AS n FROM runtime_host WHERE started_at > %s"
PACE_S = 0.3
CAP_MIB = 400
"""Of a worker: twice what one has that works."""
RUNS_ALONE = 30


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


CALL = a_node(
    "poison", "mcp_tool", {"server": "effects", "tool": "look", "arguments": {"label": "poison", "ms": 10}}
)
IN_MEMORY = a_node("poison", "set_values", {"values": [{"id": "n", "value": "1"}]})


@pytest.mark.parametrize("way", ["exit", "segfault", "spin", "eat", "exit in memory"])
def test_a_run_that_takes_its_worker_along_is_quarantined(
    broken: Installation, admin: Api, figures: Figures, way: str
) -> None:
    fault, _, is_in_memory = way.partition(" ")
    nodes = [a_node("start", "webhook_trigger"), IN_MEMORY if is_in_memory else CALL]
    poison = published(admin, f"Poison by {way}", a_document(nodes, "start>poison"))
    others = published(admin, f"Others beside {way}", calling(["put", "look"]))
    broken.kill_workers()
    broken.env |= {
        "PATCHBAY_FAULT": f"before_call:{fault}:poison",
        "PATCHBAY_WORKER_MEMORY_MIB": str(CAP_MIB),
    }
    try:
        broken.keep_workers(2)
        broken.wait_for_hosts(2)
        for number in range(RUNS_ALONE):
            start_many(admin, others, [{"name": f"alone-{way}-{number}", "ms": 100}])
            time.sleep(PACE_S)
        eventually(lambda: not broken.unsettled(others["id"]), within_s=40, what="the others alone")
        alone = [row["s"] for row in broken.rows(TIMES, others["id"])]
        [run_id] = start_many(admin, poison, [{"name": "poison", "ms": 10}])
        deaths, number, began, back_s = 0, 0, time.monotonic(), [0.0]
        died_at: datetime | None = None
        while not broken.statuses(poison["id"]).get("needs_attention"):
            assert time.monotonic() - began < 200, broken.statuses(poison["id"])
            living = sum(worker.is_running for worker in broken.workers)
            if living < 2:
                deaths, died_at = deaths + 2 - living, datetime.now(UTC)
                broken.keep_workers(2)
            if died_at is not None and broken.rows(STARTED_HOSTS, died_at)[0]["n"]:
                back_s.append((datetime.now(UTC) - died_at).total_seconds())
                died_at = None
            start_many(admin, others, [{"name": f"beside-{way}-{number}", "ms": 100}])
            number += 1
            time.sleep(PACE_S)
        eventually(lambda: not broken.unsettled(others["id"]), within_s=60, what="the others")
        beside = [row["s"] for row in broken.rows(TIMES, others["id"])]
    finally:
        del broken.env["PATCHBAY_FAULT"], broken.env["PATCHBAY_WORKER_MEMORY_MIB"]
        broken.kill_workers()
        broken.keep_workers(2)
    beside = beside[len(alone) :]
    run = admin("GET", f"/runs/{run_id}")
    figures.note(
        "R16", f"{way}: the run", "quarantined", str(run["attention"]), run["attention"] == "quarantined"
    )
    # A new run that worked in memory when its first worker died was nobody's by its row, and that death not charged to it.
    figures.at_most("R16", f"{way}: workers that it took along", 4 if is_in_memory else 3, deaths)
    figures.at_most("R16", f"{way}: other runs lost", 0, number - len(beside))
    if way != "spin":
        # A worker that spins is found by its lease, so its other runs wait for as long as that takes.
        figures.at_most(
            "R16", f"{way}: p95 of other runs, times that of alone", 2.0, p95(beside) / p95(alone)
        )
    figures.at_most("R16", f"{way}: slowest other run", 60.0, max(beside), " s")
    figures.at_most("R16", f"{way}: workers back", 10.0, max(back_s), " s")
    figures.check()


def test_a_worker_that_lives_and_does_nothing_is_noticed(
    broken: Installation, admin: Api, figures: Figures
) -> None:
    workflow = published(admin, "Nobody comes", calling(["look"]))
    broken.kill_workers()
    broken.run_sql("DELETE FROM runtime_host")
    broken.run_sql(
        """INSERT INTO runtime_host (id, name, started_at, lease_until, progress_at)
        VALUES (gen_random_uuid(), 'idle', clock_timestamp(), clock_timestamp() + interval '1 hour', clock_timestamp())"""
    )
    try:
        start_many(admin, workflow, [{"name": "nobody", "ms": 10}])
        began = time.monotonic()

        def reason() -> str:
            answer = httpx2.get(f"{broken.base}/readyz", timeout=5, trust_env=False)
            return str(answer.json().get("reason")) if answer.status_code == 503 else ""

        told = eventually(reason, within_s=90, what="the health page turning red")
        red_s = time.monotonic() - began
    finally:
        broken.run_sql("DELETE FROM runtime_host")
        broken.keep_workers(2)
        broken.wait_for_hosts(2)
    figures.at_most("R25", "health red, by the oldest due row", 60.0, red_s, " s")
    figures.note("R25", "why", "work is due", told, "due" in told)
    figures.check()
