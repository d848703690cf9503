"""Web and worker in one process, on SQLite and on PostgreSQL: a run whose answer is waited for is begun before it is inserted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

import httpx2
import pytest

from tests.support.commits import counted_commits
from tests.support.contacts import Contacts
from tests.support.product import Embedded, Example, eventually, one_process
from tests.support.services import postgresql_and_redis, require_services, unreachable

pytestmark = pytest.mark.timeout(240)

DATABASE = "patchbay_test_one_process"


class Place(Contacts):
    """An installation in one process."""

    def __init__(self, product: Embedded, crm: Example) -> None:
        super().__init__(product.api(), crm)
        self.product = product
        self._fault = ""

    @property
    def database_url(self) -> str:
        return self.product.env["DATABASE_URL"]

    def begin(self, fault: str = "") -> None:
        """As if just started, with a fault armed or none, and with its webhook called once, so that its address is remembered."""
        process = self.product.process
        assert process is not None
        if fault or self._fault or not process.is_running:
            self.product.stop()
            unarmed = dict(self.product.env)
            self.product.env["PATCHBAY_FAULT"] = self._fault = fault
            self.product.start()
            self.product.env = unarmed
        assert self.post({}).json() == "nothing"

    def faults_reached(self) -> int:
        return self.product.process.log.read_text().count("fault reached")


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("one")
    stores: AbstractContextManager[dict[str, str]] = nullcontext({})
    if request.param == "PostgreSQL":
        require_services()
        stores = postgresql_and_redis(DATABASE, 13)
    crm = Example("crm_server", folder)
    try:
        with stores as env, one_process(folder, env) as product:
            yield Place(product, crm)
    finally:
        crm.process.kill()


ON_SQLITE = pytest.mark.parametrize("place", ["SQLite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("place", ["PostgreSQL"], indirect=True)


def test_its_first_write_inserts_it(place: Place) -> None:
    place.begin()
    _, told = place.answered_run("first@example.com")
    assert told[0]["data"] == {"trigger": "start"}


@ON_POSTGRESQL
def test_a_run_with_one_outside_call_commits_twice(place: Place) -> None:
    """Accepted and taken with the intent of its call; the outcome with the end."""
    place.begin()
    with counted_commits(place.database_url) as commits:
        found = {
            commits(place.post({"email": f"{number}@example.com"}).headers["x-run-id"]) for number in range(5)
        }
    assert found == {2}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("way", ["database", "exception"])
def test_what_goes_wrong_at_its_first_write_is_not_felt(place: Place, when: str, way: str) -> None:
    """The database is away for a moment, or something that nobody foresaw happens, before it is inserted or after."""
    email = f"{when}-{way}@example.com"
    place.begin(f"{when}_intent:{way}")
    reached = place.faults_reached()
    answer = place.post({"email": email})
    assert answer.status_code == 200, answer.text
    assert place.faults_reached() == reached + 1
    [run] = place.runs_of(email)
    assert (run["id"], run["status"]) == (answer.headers["x-run-id"], "succeeded")
    assert place.contacts(email) == 1


def test_it_is_nowhere_when_the_process_dies_before_its_first_write(place: Place) -> None:
    place.begin("before_intent:kill")
    with pytest.raises(httpx2.HTTPError):
        place.post({"email": "nowhere@example.com"})
    place.begin()
    assert place.runs_of("nowhere@example.com") == []
    assert place.post({"email": "nowhere@example.com"}).status_code == 200
    assert place.contacts("nowhere@example.com") == 1


def test_it_goes_on_when_the_process_dies_after_its_first_write(place: Place) -> None:
    place.begin("after_intent:kill")
    with pytest.raises(httpx2.HTTPError):
        place.post({"email": "goes-on@example.com"})
    place.begin()
    [run] = place.runs_of("goes-on@example.com")
    ended = place.api.run_until(run["id"], "succeeded", "failed", within_s=45)
    assert ended["status"] == "succeeded", ended["error"]
    assert place.contacts("goes-on@example.com") == 1


@ON_SQLITE
def test_it_waits_while_somebody_else_writes(place: Place) -> None:
    place.begin()
    with (
        closing(sqlite3.connect(Path(place.product.folder, "data", "patchbay.sqlite3"))) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute("BEGIN IMMEDIATE")
        answer = pool.submit(place.post, {"email": "waits@example.com"})
        with pytest.raises(TimeoutError):
            answer.result(timeout=1)
        other.execute("ROLLBACK")
        assert answer.result().status_code == 200
    assert place.contacts("waits@example.com") == 1


@ON_POSTGRESQL
def test_an_outage_is_told_and_nothing_is_left_of_the_request(place: Place) -> None:
    place.begin()
    with unreachable(DATABASE):
        answer = place.post({"email": "away@example.com"})
        assert answer.status_code == 503, answer.text
        assert answer.json()["retryable"] is True
        assert "retry-after" in answer.headers
    eventually(
        lambda: place.post({"email": "away@example.com"}).status_code == 200, what="being accepted again"
    )
    assert len(place.runs_of("away@example.com")) == 1
