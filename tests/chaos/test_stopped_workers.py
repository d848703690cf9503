"""R10, R21: a worker that stood still for longer than its lease writes nothing; one that is asked to stop loses nothing."""

from __future__ import annotations

import threading
import time

import pytest

from tests.chaos.figures import Figures, sized
from tests.chaos.load import calling, start_many
from tests.support.effects import EffectsServer
from tests.support.installation import LEASE_S, Installation, frozen
from tests.support.product import Api, eventually, published

FROZEN_S = sized(1.25, 3, 3) * LEASE_S
FROZEN_RUNS = 10
STOPS = sized(2, 10, 10)

pytestmark = pytest.mark.timeout(sized(180, 400, 400))

REFUSED = "a run was left to another host"
TWICE = """SELECT run_id, path, count(*) FROM runtime_event WHERE type = 'step.ended'
    AND run_id IN (SELECT id FROM runtime_run WHERE workflow_id = %s)
    GROUP BY run_id, path HAVING count(*) > 1"""
LATE = """SELECT a.run_id, a.path FROM runtime_attempt a JOIN runtime_attempt b
    ON a.run_id = b.run_id AND a.path = b.path AND b.number = a.number + 1
    JOIN runtime_run r ON r.id = a.run_id WHERE r.workflow_id = %s AND a.ended_at > b.started_at"""


def test_a_worker_that_stood_still_in_mid_call_writes_nothing_stale(
    installation: Installation, admin: Api, effects: EffectsServer, figures: Figures
) -> None:
    workflow = published(admin, "Zombie", calling(["put", "put"]))
    zombie = installation.workers[0]
    bodies = [{"name": f"zombie-{n}", "ms": 1500} for n in range(FROZEN_RUNS)]
    start_many(admin, workflow, bodies)
    eventually(
        lambda: len(effects.log("zombie-").calls) >= FROZEN_RUNS,
        what="every first call reaching the server",
    )
    with frozen(zombie):
        time.sleep(FROZEN_S)
    eventually(lambda: not installation.unsettled(workflow["id"]), within_s=40, what="every run settled")
    eventually(lambda: "lease" in zombie.log.read_text(), what="the frozen worker noticing its lease")
    installation.wait_for_hosts(2)
    log = effects.log("zombie-")
    repeated = len(log.repeated("put"))
    figures.note("R10", "runs taken over from the frozen worker", "> 0", str(repeated), repeated > 0)
    figures.at_most("R10", "steps that ended twice", 0, len(installation.rows(TWICE, workflow["id"])))
    figures.at_most("R10", "stale writes accepted", 0, len(installation.rows(LATE, workflow["id"])))
    figures.at_most("R10", "effects doubled", 0, len(log.doubled("put")))
    statuses = installation.statuses(workflow["id"])
    figures.note("R10", "end", "all succeeded", str(statuses), statuses == {"succeeded": FROZEN_RUNS})
    figures.check()


def test_workers_that_are_asked_to_stop_one_after_the_other_lose_and_repeat_nothing(
    installation: Installation, admin: Api, effects: EffectsServer, figures: Figures
) -> None:
    workflow = published(admin, "Rolling", calling())
    started: list[str] = []
    is_over = threading.Event()

    def keep_starting() -> None:
        number = 0
        while not is_over.is_set():
            bodies = [
                {"name": f"rolling-{number + n}", "ms": figures.chance.randint(40, 300)} for n in range(4)
            ]
            started.extend(start_many(admin, workflow, bodies))
            number += 4
            is_over.wait(1)

    load = threading.Thread(target=keep_starting)
    load.start()
    exits, slowest_s = [], 0.0
    try:
        for _ in range(STOPS):
            oldest = installation.workers[0]
            installation.add_worker()
            installation.wait_for_hosts(3)
            began = time.monotonic()
            exits.append(oldest.stop())
            slowest_s = max(slowest_s, time.monotonic() - began)
            installation.keep_workers(2)
    finally:
        is_over.set()
        load.join(30)
    eventually(lambda: not installation.unsettled(workflow["id"]), within_s=30, what="every run settled")
    log = effects.log("rolling-")
    statuses = installation.statuses(workflow["id"])
    figures.note("R21", f"exit codes of {STOPS} stops", "0", str(exits), set(exits) == {0})
    figures.at_most("R21", "slowest stop", 35.0, slowest_s, " s")
    figures.at_most("R21", "runs lost", 0, len(started) - sum(statuses.values()))
    figures.at_most("R21", "runs parked", 0, statuses.get("needs_attention", 0))
    repeated = sum(len(log.repeated(tool)) for tool in ("put", "send", "look"))
    figures.at_most("R21", "calls repeated", 0, repeated)
    figures.note(
        "R21", "end of runs", "all succeeded", str(statuses), statuses == {"succeeded": len(started)}
    )
    figures.check()
