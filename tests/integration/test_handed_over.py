"""A web process apart hands a run that somebody waits for to a worker, which inserts it with its first write."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.cluster import Cluster
from tests.support.commits import NAME as COUNTING
from tests.support.commits import counted_commits
from tests.support.contacts import Contacts
from tests.support.product import Example, Process, eventually
from tests.support.services import require_services, unreachable

pytestmark = pytest.mark.timeout(240)


class Place(Contacts):
    """A web process and one worker, with PostgreSQL and Redis between them."""

    def __init__(self, cluster: Cluster, crm: Example, commits: Callable[[str], int]) -> None:
        super().__init__(cluster.api(), crm)
        self.cluster = cluster
        self.commits = commits
        self._fault = ""

    @property
    def worker(self) -> Process:
        return self.cluster.workers[-1]

    def begin(self, fault: str = "") -> None:
        """With a worker whom the web process knows, and a fault armed there or none."""
        if fault or self._fault or not self.worker.is_running:
            self.worker.kill()
            self.cluster.add_worker({"PATCHBAY_FAULT": fault})
            self._fault = fault
        eventually(self._is_handed_over, what="a run that its first write inserts")

    def _is_handed_over(self) -> bool:
        return self.commits(self.post({}).headers["x-run-id"]) == 1


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    require_services()
    folder = tmp_path_factory.mktemp("handed-over")
    cluster, crm = Cluster(folder, number=2), Example("crm_server", folder)
    try:
        cluster.start(workers=1)
        with counted_commits(cluster.env["DATABASE_URL"]) as commits:
            yield Place(cluster, crm, commits)
    finally:
        cluster.stop()
        crm.process.kill()


def test_its_first_write_inserts_it(place: Place) -> None:
    place.begin()
    run_id, _ = place.answered_run("first@example.com")
    assert place.commits(run_id) == 2, (
        "accepted and taken with the intent of its call; its outcome with the end"
    )


def test_a_run_whose_worker_dies_before_its_first_write_is_executed_by_another(place: Place) -> None:
    place.begin("before_intent:kill")
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(place.post, {"email": "dies@example.com"})
        eventually(lambda: not place.worker.is_running, what="the worker's death")
        place.cluster.add_worker()
        answer = asked.result()
    assert answer.status_code == 200, answer.text
    [run] = place.runs_of("dies@example.com")
    assert (run["id"], run["status"]) == (answer.headers["x-run-id"], "succeeded")
    assert place.contacts("dies@example.com") == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_goes_wrong_at_its_first_write_is_not_felt(place: Place, when: str) -> None:
    email = f"{when}@example.com"
    place.begin(f"{when}_intent:exception")
    answer = place.post({"email": email})
    assert answer.status_code == 200, answer.text
    assert "fault reached" in place.worker.log.read_text()
    [run] = place.runs_of(email)
    assert (run["id"], run["status"]) == (answer.headers["x-run-id"], "succeeded")
    assert place.contacts(email) == 1


def test_a_worker_that_stood_still_does_not_do_again_what_was_done_meanwhile(place: Place) -> None:
    place.begin()
    frozen = place.worker
    os.kill(frozen.pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(place.post, {"email": "frozen@example.com"})
            eventually(lambda: len(place.runs_of("frozen@example.com")) == 1, what="a run without its worker")
            other = place.cluster.add_worker()
            answer = asked.result()
        assert answer.status_code == 200, answer.text
    finally:
        os.kill(frozen.pid, signal.SIGCONT)
    # It has read what was handed to it by the time at which it takes part again.
    other.kill()
    place.cluster.workers.remove(other)
    place.begin()
    [run] = place.runs_of("frozen@example.com")
    assert (run["id"], run["status"]) == (answer.headers["x-run-id"], "succeeded")
    assert place.contacts("frozen@example.com") == 1


def test_an_outage_is_told_and_nothing_is_left_of_the_request(place: Place) -> None:
    place.begin()
    with unreachable(place.cluster.name, except_for=COUNTING):
        answer = place.post({"email": "away@example.com"})
        assert answer.status_code == 503, answer.text
        assert answer.json()["retryable"] is True
    eventually(
        lambda: place.post({"email": "away@example.com"}).status_code == 200, what="being accepted again"
    )
    assert len(place.runs_of("away@example.com")) == 1
