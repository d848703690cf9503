"""A worker dies while a tool's server waits for a person: nothing is lost, and nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.asked import answer, item_of, register, start
from tests.support.asking import Asking
from tests.support.cluster import Cluster
from tests.support.product import Api, eventually
from tests.support.services import require_services

pytestmark = pytest.mark.timeout(240)

TAKEN_OVER_WITHIN_S = 45.0


def test_a_question_outlives_every_worker_and_is_answered_at_another_one(tmp_path: Path) -> None:
    require_services()
    cluster = Cluster(tmp_path, number=2)
    try:
        cluster.start(workers=1)
        api = cluster.api("admin")
        with Asking(tmp_path) as new, Asking(tmp_path, old=True) as old:
            register(api, new, "travel")
            register(api, old, "railway")
            parked, held = start(api, "travel", "chain"), start(api, "railway", "book")
            first, lost = item_of(api, parked), item_of(api, held)
            kill_all(cluster)
            answer(api, first, code="1")
            cluster.add_worker()
            check_parked(api, new, cluster, parked, first["id"])
            check_held(api, old, held, lost["id"])
    finally:
        cluster.stop()


def check_parked(api: Api, new: Asking, cluster: Cluster, run_id: str, first: str) -> None:
    """The answer went to the server from a worker that had never seen the question; once more for the next one."""
    second = item_of(api, run_id, after=first)
    kill_all(cluster)
    cluster.add_worker()
    answer(api, second, code="2")
    run = api.run_until(run_id, "succeeded", "failed", "needs_attention", within_s=TAKEN_OVER_WITHIN_S)
    assert (run["status"], run["result"]["code"]["content"]) == ("succeeded", {"code": "2"}), run["error"]
    assert len(new.calls("chain")) == 3
    assert len(new.done("chain")) == 1
    assert len({call["key"] for call in new.calls("chain")}) == 1
    assert api.steps(run_id)["call"]["attempts"] == 3


def check_held(api: Api, old: Asking, run_id: str, item: str) -> None:
    """Nobody knows what an older server made of a connection that broke off; its question is closed."""
    run = api.run_until(run_id, "needs_attention", "failed", "succeeded", within_s=TAKEN_OVER_WITHIN_S)
    assert (run["status"], run["attention"]) == ("needs_attention", "outcome_unknown")
    eventually(
        lambda: api("GET", f"/inbox/{item}")["status"] == "cancelled", what="the question being closed"
    )
    late = api("POST", f"/inbox/{item}/answer", {"choice": "decline"}, expect=409)
    assert late["code"] == "cancelled"
    api("POST", f"/runs/{run_id}/steps/call/settle", {"outcome": "give_up"})
    api.run_until(run_id, "failed")
    assert old.done("book") == []


def kill_all(cluster: Cluster) -> None:
    for worker in cluster.workers:
        worker.kill()
    cluster.workers.clear()
