"""R11: the clocks of workers are wrong by hours, and that of the database jumps; nothing is doubled, and no timer is early."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.chaos.load import calling, start_many
from tests.support.effects import EffectsServer
from tests.support.fake_clock import FakeClock
from tests.support.installation import Installation
from tests.support.own_postgres import OwnPostgres
from tests.support.product import ROOT, Api, a_document, a_node, eventually, published

pytestmark = [beyond_daily, pytest.mark.timeout(300)]

STORM_RUNS = sized(40, 40, 200)
NAPS = sized(40, 40, 400)
NAP_S = 6
HOUR = timedelta(hours=1)
SHIFTS_S = (7200, -7200)
LATE_S = 6.0
"""A sweep, and 5 s."""

NAP = a_document(
    [
        a_node("start", "webhook_trigger"),
        a_node("nap", "wait", {"for_s": NAP_S}),
        a_node(
            "call",
            "mcp_tool",
            {
                "server": "effects",
                "tool": "put",
                "arguments": {"label": "{{ trigger.body.name }}", "ms": 1},
            },
        ),
    ],
    "start>nap, nap>call",
)
OPENED = """SELECT r.input->'body'->>'name' AS name, extract(epoch FROM w.opened_at)::float AS at,
    extract(epoch FROM w.due_at - w.opened_at)::float AS nap_s
    FROM runtime_wait w JOIN runtime_run r ON r.id = w.run_id WHERE r.workflow_id = %s"""


def clock_of(env: dict[str, str]) -> float:
    """What a process with these variables takes for the time."""
    command = [sys.executable, "-c", "import time; print(time.time())"]
    return float(subprocess.check_output(command, env={**os.environ, **env}))


@pytest.fixture
def astray(broken: Installation) -> Iterator[Callable[[], None]]:
    """Workers two hours ahead and two hours behind; the function puts new ones in the place of those that are dead."""

    env = {"PYTHONPATH": str(ROOT / "tests" / "support" / "shifted_clock"), "SHIFTED_CLOCK_S": ""}
    assert abs(clock_of({**env, "SHIFTED_CLOCK_S": "7200"}) - time.time() - 7200) < 60

    def keep() -> None:
        broken.workers = [worker for worker in broken.workers if worker.is_running]
        for shift_s in SHIFTS_S[len(broken.workers) :]:
            broken.add_worker(env={**env, "SHIFTED_CLOCK_S": str(shift_s)})

    broken.kill_workers()
    keep()
    broken.wait_for_hosts(2)
    yield keep
    broken.kill_workers()
    broken.keep_workers(2)


def test_workers_whose_clocks_are_hours_apart_double_nothing_and_are_never_early(
    astray: Callable[[], None],
    broken: Installation,
    admin: Api,
    effects: EffectsServer,
    figures: Figures,
) -> None:
    storm = published(admin, "Clocks apart", calling())
    naps = published(admin, "Naps apart", NAP)
    start_many(
        admin,
        storm,
        [{"name": f"apart-{n}", "ms": figures.chance.randint(40, 300)} for n in range(STORM_RUNS)],
    )
    for _ in range(3):
        time.sleep(3)
        broken.kill_workers()
        astray()
    broken.wait_for_hosts(2)
    eventually(lambda: not broken.unsettled(storm["id"]), within_s=60, what="every run settled")
    start_many(admin, naps, [{"name": f"astray-nap-{n}"} for n in range(NAPS)])
    eventually(lambda: not broken.unsettled(naps["id"]), within_s=60, what="every nap over")
    waits = broken.rows(OPENED, naps["id"])
    # The effects server looks at the same clock as the database does, and nobody turned that one.
    log = effects.log("astray-nap-")
    called = {call["label"]: call["began_at"] for call in log.calls}
    slept = [called[row["name"]] - row["at"] for row in waits]
    storm_log = effects.log("apart-")
    figures.at_most("R11", "workers 4 h apart: effects doubled", 0, len(storm_log.doubled("put")))
    figures.at_most("R11", "workers 4 h apart: once calls repeated", 0, len(storm_log.repeated("send")))
    figures.at_most(
        "R11", "workers 4 h apart: runs lost", 0, STORM_RUNS - sum(broken.statuses(storm["id"]).values())
    )
    figures.at_most(
        "R11", f"of {NAPS} timers, early", 0, sum(took < NAP_S for took in slept) + NAPS - len(slept)
    )
    figures.at_most("R11", "latest timer", LATE_S, max(slept) - NAP_S, " s")
    wrong = sum(abs(row["nap_s"] - NAP_S) > 0.1 for row in waits)
    figures.at_most("R11", "timers that are due at a wrong time", 0, wrong)
    figures.check()


@pytest.fixture
def turned(tmp_path: Path, effects: EffectsServer) -> Iterator[tuple[Installation, FakeClock, Api]]:
    """An installation whose database lives by a clock that the test turns; everybody else's goes right."""
    clock = FakeClock()
    postgres = OwnPostgres(clock=clock)
    postgres.start()
    installation = Installation(tmp_path, number=4, env={"DATABASE_URL": postgres.url})
    try:
        installation.start(workers=2)
        installation.wait_for_hosts(2)
        api = installation.api("admin")
        effects.register(api)
        yield installation, clock, api
    finally:
        installation.stop()
        postgres.remove()
        clock.close()


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_clock_of_the_database_that_jumps_doubles_nothing(
    turned: tuple[Installation, FakeClock, Api], effects: EffectsServer, figures: Figures, by: timedelta
) -> None:
    """Forward, every lease has run out at once; back, nothing is due and no lease ends until it is put right."""
    installation, clock, admin = turned
    way = "forward" if by > timedelta(0) else "back"
    storm = published(admin, f"Clock {way}", calling())
    naps = published(admin, f"Naps {way}", NAP)
    start_many(admin, naps, [{"name": f"{way}-nap-{n}"} for n in range(NAPS)])
    bodies = [{"name": f"{way}-{n}", "ms": figures.chance.randint(40, 300)} for n in range(STORM_RUNS)]
    start_many(admin, storm, bodies)
    eventually(lambda: effects.log(f"{way}-").calls, what="the storm reaching the tools")
    clock.set(by)
    if way == "back":
        installation.workers.pop().kill()
        time.sleep(NAP_S)
        clock.set(timedelta(0))
    right = time.monotonic()

    def are_settled() -> bool:
        installation.keep_workers(2)
        return not (installation.unsettled(storm["id"]) or installation.unsettled(naps["id"]))

    eventually(are_settled, within_s=90, what="every run settled")
    settled_s = time.monotonic() - right
    log = effects.log(f"{way}-")
    statuses = installation.statuses(storm["id"])
    name = f"database 1 h {way}"
    early = "SELECT count(*) AS n FROM runtime_wait WHERE outcome = 'due' AND closed_at < due_at"
    figures.at_most("R11", f"{name}: effects doubled", 0, len(log.doubled("put")))
    figures.at_most("R11", f"{name}: once calls repeated", 0, len(log.repeated("send")))
    figures.at_most("R11", f"{name}: runs lost", 0, STORM_RUNS - sum(statuses.values()))
    figures.at_most("R11", f"{name}: runs that failed", 0, statuses.get("failed", 0))
    figures.at_most("R11", f"{name}: timers that were early", 0, installation.rows(early)[0]["n"])
    figures.at_most("R11", f"{name}: settled after it", 30.0, settled_s, " s")
    figures.check()
