"""R22: PostgreSQL takes no writes for a while, or its disk is full; nobody is told that something was stored that was not,
and work goes on by itself."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.chaos.load import calling
from tests.support.effects import EffectsServer
from tests.support.installation import Installation
from tests.support.own_postgres import OwnPostgres
from tests.support.product import Api, eventually, published
from tests.support.small_disk import SmallDisk

READ_ONLY_S = sized(20.0, 20.0, 60.0)
RESUMES_WITHIN_S = 10.0
LONGEST_CALL_MS = 300
EACH = 0.1
DISK_MIB = 256

pytestmark = [beyond_daily, pytest.mark.timeout(sized(240, 240, 400))]

FIRST_END = """SELECT extract(epoch FROM min(at))::float AS at FROM runtime_event
    WHERE type = 'step.ended' AND at > to_timestamp(%s)"""
ENDED = """SELECT count(*) AS n FROM runtime_event e JOIN runtime_run r ON r.id = e.run_id
    WHERE r.workflow_id = %s AND e.type = 'step.ended'"""


@dataclass
class Seen:
    """What senders and the database saw of a time without writes, on the monotonic clock.

    began, over   between these nothing could be written
    step_s        from its end to the first step that ended
    page          what somebody was told who saved something meanwhile
    """

    answers: list[tuple[float, httpx2.Response]]
    began: float
    over: float
    step_s: float
    page: int
    stored: set[str]
    statuses: dict[str, int]

    @property
    def meanwhile(self) -> list[httpx2.Response]:
        return [answer for asked, answer in self.answers if self.began <= asked < self.over - 1]

    @property
    def accepted(self) -> list[str]:
        return [answer.json()["run_id"] for _, answer in self.answers if answer.is_success]


def watched(
    installation: Installation,
    effects: EffectsServer,
    figures: Figures,
    name: str,
    stop_writes: Callable[[], None],
    take_writes: Callable[[], None],
) -> Seen:
    """Webhooks are posted all the time, while the database takes no writes and after it."""
    answers: list[tuple[float, httpx2.Response]] = []
    is_over = threading.Event()
    api = installation.api("admin")
    effects.register(api)
    workflow = published(api, name, calling())

    def keep_posting() -> None:
        number = 0
        with httpx2.Client(timeout=10, trust_env=False) as http:
            while not is_over.wait(EACH):
                number += 1
                body = {"name": f"{name}-{number}", "ms": figures.chance.randint(40, LONGEST_CALL_MS)}
                asked = time.monotonic()
                answers.append((asked, http.post(workflow["hook"], json=body)))

    sender = threading.Thread(target=keep_posting)
    sender.start()
    try:
        eventually(lambda: installation.rows(ENDED, workflow["id"])[0]["n"] > 30, what="work going on")
        stop_writes()
        began = time.monotonic()
        page = asked_meanwhile(api)
        is_over.wait(READ_ONLY_S)
        over = time.monotonic()
        take_writes()
        writable_at = time.time()
        ended = eventually(
            lambda: installation.rows(FIRST_END, writable_at)[0]["at"], within_s=60, what="a step ending"
        )
        is_over.wait(7)
    finally:
        is_over.set()
        sender.join(30)
    eventually(lambda: not installation.unsettled(workflow["id"]), within_s=60, what="every run settled")
    rows = installation.rows("SELECT id::text FROM runtime_run WHERE workflow_id = %s", workflow["id"])
    statuses = installation.statuses(workflow["id"])
    return Seen(answers, began, over, ended - writable_at, page, {row["id"] for row in rows}, statuses)


def judge(
    figures: Figures, name: str, seen: Seen, effects: EffectsServer, installation: Installation
) -> None:
    """What holds however the database came to take no writes."""
    refused = [answer for answer in seen.meanwhile if not answer.is_success]
    codes = Counter(answer.status_code for answer in refused)
    told = {(answer.json()["code"], answer.json()["retryable"]) for answer in refused}
    later = [answer for asked, answer in seen.answers if asked > seen.over + 6]
    log = effects.log(f"{name}-")
    figures.note("R22", f"{name}: answers to webhooks", "503", str(dict(codes)), set(codes) == {503})
    is_named = told == {("database_unavailable", True)}
    figures.note("R22", f"{name}: with the code", "database_unavailable", str(told), is_named)
    figures.at_most(
        "R22", f"{name}: refused later than 5 s after it", 0, sum(not answer.is_success for answer in later)
    )
    figures.at_most("R22", f"{name}: acknowledged but lost", 0, len(set(seen.accepted) - seen.stored))
    figures.at_most("R22", f"{name}: first step after it", RESUMES_WITHIN_S, seen.step_s, " s")
    figures.at_most("R22", f"{name}: effects doubled", 0, len(log.doubled("put")))
    figures.at_most("R22", f"{name}: once calls repeated", 0, len(log.repeated("send")))
    figures.at_most("R22", f"{name}: runs that failed", 0, seen.statuses.get("failed", 0))
    figures.note("R22", f"{name}: end of runs", "-", str(seen.statuses), True)
    alive = sum(worker.is_running for worker in installation.workers)
    figures.at_most("R22", f"{name}: workers to be restarted", 0, 2 - alive)


def test_nothing_is_acknowledged_while_the_database_takes_no_writes(
    tmp_path: Path, postgres: OwnPostgres, effects: EffectsServer, figures: Figures
) -> None:
    installation = Installation(tmp_path, number=5, env={"DATABASE_URL": postgres.url})
    name = f"read-only for {READ_ONLY_S:g} s"
    try:
        installation.start(workers=2)
        seen = watched(
            installation,
            effects,
            figures,
            name,
            lambda: postgres.take_writes(False),
            lambda: postgres.take_writes(True),
        )
        accepted = sum(answer.is_success for answer in seen.meanwhile)
        figures.at_most("R22", f"{name}: acknowledged meanwhile", 0, accepted)
        figures.note("R22", f"{name}: of the API", "503", str(seen.page), seen.page == 503)
        figures.at_most("R22", f"{name}: stored but refused", 0, len(seen.stored - set(seen.accepted)))
        judge(figures, name, seen, effects, installation)
        figures.check()
    finally:
        installation.stop()


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    found = SmallDisk(DISK_MIB)
    yield found
    found.remove()


def test_a_full_disk_loses_nothing_that_was_acknowledged(
    tmp_path: Path, disk: SmallDisk, effects: EffectsServer, figures: Figures
) -> None:
    """PostgreSQL refuses what needs space, and gives up once its log does; its supervisor brings it back."""
    postgres = OwnPostgres(disk=disk, settings=" -c max_wal_size=48MB -c min_wal_size=32MB")
    name = f"disk full for {READ_ONLY_S:g} s"
    installation = None
    try:
        postgres.start()
        installation = Installation(tmp_path, number=5, env={"DATABASE_URL": postgres.url})
        installation.start(workers=2)

        def free() -> None:
            disk.free()
            postgres.supervise()

        seen = watched(installation, effects, figures, name, disk.fill, free)
        # What still fits into pages that are there is stored, and may be acknowledged.
        refused = sum(not answer.is_success for answer in seen.meanwhile)
        share = f"{refused} of {len(seen.meanwhile)}"
        figures.note("R22", f"{name}: webhooks refused", "most", share, refused > len(seen.meanwhile) / 2)
        judge(figures, name, seen, effects, installation)
        figures.check()
    finally:
        if installation is not None:
            installation.stop()
        postgres.remove()


def asked_meanwhile(api: Api) -> int:
    """What somebody is told who saves something."""
    return int(api.http.post("/api/v1/workflows", json={"name": "In vain"}).status_code)
