"""R1, R2: every worker is killed again and again, and what Redis holds is thrown away; nothing is lost, nothing is done twice."""

from __future__ import annotations

import time

import pytest

from tests.chaos.figures import Figures, sized
from tests.chaos.load import calling, start_many
from tests.support.effects import EffectsServer
from tests.support.installation import Installation
from tests.support.product import Api, published

RUNS = sized(100, 100, 400)
STORM_S = sized(20, 20, 60)
KILL_EVERY_S = 5.0
SETTLED_WITHIN_S = 30.0

pytestmark = pytest.mark.timeout(sized(240, 240, 400))

OPEN_ONCE = "SELECT run_id, path, number FROM runtime_attempt WHERE ended_at IS NULL AND effect = 'once'"
PARKED = """SELECT run_id, path, attempts AS number FROM runtime_step s JOIN runtime_run r ON r.id = s.run_id
    WHERE s.status = 'unknown' AND r.workflow_id = %s"""


def test_nothing_is_lost_or_done_twice_in_a_storm_of_kills(
    installation: Installation, admin: Api, effects: EffectsServer, figures: Figures
) -> None:
    workflow = published(admin, "Storm", calling())
    bodies = [{"name": f"storm-{n}", "ms": figures.chance.randint(40, 300)} for n in range(RUNS)]
    start_many(admin, workflow, bodies)
    in_flight = set()
    started = time.monotonic()
    for number in range(round(STORM_S / KILL_EVERY_S)):
        # The next kill is due at its time, however long the last one took.
        time.sleep(max(started + (number + 1) * KILL_EVERY_S - time.monotonic(), 0))
        installation.kill_workers()
        in_flight |= {tuple(row.values()) for row in installation.rows(OPEN_ONCE)}
        if number in (1, 2):
            installation.redis.flush()
        installation.keep_workers(2)
    last_kill = time.monotonic()
    while installation.unsettled(workflow["id"]) and time.monotonic() < last_kill + 3 * SETTLED_WITHIN_S:
        time.sleep(0.2)
    settled_s = time.monotonic() - last_kill

    log = effects.log("storm-")
    parked = {tuple(row.values()) for row in installation.rows(PARKED, workflow["id"])}
    statuses = installation.statuses(workflow["id"])
    figures.at_most("R1", "runs lost", 0, RUNS - sum(statuses.values()))
    figures.at_most("R1", "runs not settled", 0, installation.unsettled(workflow["id"]))
    figures.at_most("R1", "settled after the last kill", SETTLED_WITHIN_S, settled_s, " s")
    figures.at_most("R1", "idempotent effects doubled", 0, len(log.doubled("put")))
    figures.at_most("R1", "non-idempotent calls repeated", 0, len(log.repeated("send")))
    figures.at_most("R1", "parked beyond the once calls in flight", 0, len(parked - in_flight))
    figures.at_most("R1", "runs that failed", 0, statuses.get("failed", 0))
    figures.note("R2", "FLUSHALL during the storm", "2, lost 0", f"2, {statuses}", True)
    figures.check()
