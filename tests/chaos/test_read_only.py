"""R22: PostgreSQL takes no writes for a while; nobody is told that something was stored, and work goes on by itself."""

from __future__ import annotations

import threading
import time
from collections import Counter

import httpx2
import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.chaos.load import calling
from tests.support.effects import EffectsServer
from tests.support.installation import Installation
from tests.support.own_postgres import OwnPostgres
from tests.support.product import Api, eventually, published

READ_ONLY_S = sized(20.0, 20.0, 60.0)
RESUMES_WITHIN_S = 10.0
LONGEST_CALL_MS = 300
EACH = 0.1

pytestmark = [beyond_daily, pytest.mark.timeout(sized(240, 240, 400))]

FIRST_END = """SELECT extract(epoch FROM min(at))::float AS at FROM runtime_event
    WHERE type = 'step.ended' AND at > to_timestamp(%s)"""
ENDED = """SELECT count(*) AS n FROM runtime_event e JOIN runtime_run r ON r.id = e.run_id
    WHERE r.workflow_id = %s AND e.type = 'step.ended'"""


def test_nothing_is_acknowledged_while_the_database_takes_no_writes(
    tmp_path_factory: pytest.TempPathFactory, postgres: OwnPostgres, effects: EffectsServer, figures: Figures
) -> None:
    folder = tmp_path_factory.mktemp("read-only")
    installation = Installation(folder, number=5, env={"DATABASE_URL": postgres.url})
    answers: list[tuple[float, httpx2.Response]] = []
    is_over = threading.Event()
    try:
        installation.start(workers=2)
        api = installation.api("admin")
        effects.register(api)
        workflow = published(api, "Read only", calling())

        def keep_posting() -> None:
            number = 0
            with httpx2.Client(timeout=10, trust_env=False) as http:
                while not is_over.wait(EACH):
                    number += 1
                    body = {"name": f"frozen-{number}", "ms": figures.chance.randint(40, LONGEST_CALL_MS)}
                    asked = time.monotonic()
                    answers.append((asked, http.post(workflow["hook"], json=body)))

        sender = threading.Thread(target=keep_posting)
        sender.start()
        eventually(lambda: installation.rows(ENDED, workflow["id"])[0]["n"] > 30, what="work going on")
        postgres.take_writes(False)
        began = time.monotonic()
        page = asked_meanwhile(api)
        is_over.wait(READ_ONLY_S)
        refused_until = time.monotonic()
        postgres.take_writes(True)
        writable, writable_at = time.monotonic(), time.time()
        ended = eventually(
            lambda: installation.rows(FIRST_END, writable_at)[0]["at"], within_s=60, what="a step ending"
        )
        is_over.wait(5)
        is_over.set()
        sender.join(30)
        eventually(lambda: not installation.unsettled(workflow["id"]), within_s=60, what="every run settled")
        stored = {
            row["id"]
            for row in installation.rows(
                "SELECT id::text FROM runtime_run WHERE workflow_id = %s", workflow["id"]
            )
        }
        accepted = [answer.json()["run_id"] for _, answer in answers if answer.is_success]
        meanwhile = [answer for asked, answer in answers if began <= asked and asked < refused_until - 1]
        later = [answer for asked, answer in answers if asked > writable + 5]
        statuses = installation.statuses(workflow["id"])
        log = effects.log("frozen-")
        codes = Counter(answer.status_code for answer in meanwhile)
        told = {(answer.json()["code"], answer.json()["retryable"]) for answer in meanwhile}
        name = f"read-only for {READ_ONLY_S:g} s"
        figures.note("R22", f"{name}: answers to webhooks", "503", str(dict(codes)), set(codes) == {503})
        figures.note(
            "R22",
            f"{name}: with the code",
            "database_unavailable",
            str(told),
            told == {("database_unavailable", True)},
        )
        figures.note("R22", f"{name}: of the API", "503", str(page), page == 503)
        figures.at_most(
            "R22", "refused later than 5 s after it", 0, sum(not answer.is_success for answer in later)
        )
        figures.at_most("R22", "acknowledged but lost", 0, len(set(accepted) - stored))
        figures.at_most("R22", "stored but refused", 0, len(stored - set(accepted)))
        figures.at_most("R22", "first step after it", RESUMES_WITHIN_S, ended - writable_at, " s")
        figures.at_most("R22", "effects doubled", 0, len(log.doubled("put")))
        figures.at_most("R22", "once calls repeated", 0, len(log.repeated("send")))
        figures.at_most("R22", "runs that failed", 0, statuses.get("failed", 0))
        figures.note("R22", "end of runs", "-", str(statuses), True)
        figures.at_most(
            "R22", "workers to be restarted", 0, 2 - sum(worker.is_running for worker in installation.workers)
        )
        figures.check()
    finally:
        is_over.set()
        installation.stop()


def asked_meanwhile(api: Api) -> int:
    """What somebody is told who saves something."""
    return int(api.http.post("/api/v1/workflows", json={"name": "In vain"}).status_code)
