"""R4: PostgreSQL crashes and comes back; what was acknowledged is there, and work goes on by itself."""

from __future__ import annotations

import threading
import time

import httpx2
import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.chaos.load import calling
from tests.support.effects import EffectsServer
from tests.support.installation import Installation
from tests.support.own_postgres import OwnPostgres
from tests.support.product import eventually, published

RESTARTS = sized(1, 1, 3)
EVERY_S = 15.0

pytestmark = [beyond_daily, pytest.mark.timeout(sized(180, 180, 300))]


def test_nothing_acknowledged_is_lost_when_postgresql_crashes(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: OwnPostgres,
    effects: EffectsServer,
    figures: Figures,
) -> None:
    folder = tmp_path_factory.mktemp("crash")
    installation = Installation(folder, number=5, env={"DATABASE_URL": postgres.url})
    acknowledged: set[str] = set()
    refused: list[float] = []
    is_over = threading.Event()
    try:
        installation.start(workers=2)
        api = installation.api("admin")
        effects.register(api)
        workflow = published(api, "Crash", calling())

        def keep_posting() -> None:
            number = 0
            with httpx2.Client(timeout=10, trust_env=False) as http:
                while not is_over.wait(0.1):
                    number += 1
                    body = {"name": f"crash-{number}", "ms": figures.chance.randint(40, 300)}
                    answer = http.post(workflow["hook"], json=body)
                    if answer.is_success:
                        acknowledged.add(answer.json()["run_id"])
                    else:
                        refused.append(time.monotonic())

        sender = threading.Thread(target=keep_posting)
        sender.start()
        back: list[tuple[float, float]] = []
        for _ in range(RESTARTS):
            is_over.wait(EVERY_S / 2)
            down = time.monotonic()
            postgres.restart_at_once()
            back.append((down, time.monotonic()))
            is_over.wait(EVERY_S / 2)
        is_over.set()
        sender.join(30)
        ended = time.monotonic()
        eventually(lambda: not installation.unsettled(workflow["id"]), within_s=60, what="every run settled")
        settled_s = time.monotonic() - ended
        stored = installation.rows("SELECT id::text FROM runtime_run WHERE workflow_id = %s", workflow["id"])
        log = effects.log("crash-")
        late = [at for at in refused if not any(down <= at <= up + 5 for down, up in back)]
        figures.note("R4", "immediate restarts under load", str(RESTARTS), str(len(back)), True)
        figures.at_most("R4", "acknowledged but lost", 0, len(acknowledged - {row["id"] for row in stored}))
        figures.at_most("R4", "refused later than 5 s after it was back", 0, len(late))
        figures.at_most("R4", "idempotent effects doubled", 0, len(log.doubled("put")))
        figures.at_most("R4", "once calls repeated", 0, len(log.repeated("send")))
        figures.at_most("R4", "all settled after the load", 30.0, settled_s, " s")
        figures.note("R4", "end of runs", "-", str(installation.statuses(workflow["id"])), True)
        figures.check()
    finally:
        is_over.set()
        installation.stop()
