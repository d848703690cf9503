"""R24: a dump made in a storm is restored elsewhere; what it knows of is neither lost nor done a second time."""

from __future__ import annotations

import time

import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.chaos.load import calling, start_many
from tests.support.effects import EffectsServer
from tests.support.installation import Installation
from tests.support.own_postgres import OwnPostgres
from tests.support.product import eventually, published

RUNS = sized(60, 60, 400)

pytestmark = [beyond_daily, pytest.mark.timeout(sized(240, 240, 600))]

KNOWN = "SELECT idempotency_key AS key, path, ended_at IS NULL AS is_open FROM runtime_attempt WHERE effect = 'once'"
OPEN = "SELECT count(*) AS n FROM runtime_attempt WHERE effect = 'once' AND ended_at IS NULL"
PARKED = """SELECT count(*) AS n FROM runtime_attempt a JOIN runtime_step s ON s.run_id = a.run_id AND s.path = a.path
    WHERE a.idempotency_key = ANY(%s) AND s.status = 'unknown'"""


def test_a_dump_of_a_storm_repeats_nothing_that_it_knows_of(
    tmp_path_factory: pytest.TempPathFactory, postgres: OwnPostgres, effects: EffectsServer, figures: Figures
) -> None:
    folder = tmp_path_factory.mktemp("dumped")
    first = Installation(folder, number=4, env={"DATABASE_URL": postgres.url})
    try:
        first.start(workers=2)
        api = first.api("admin")
        effects.register(api)
        workflow = published(api, "Dumped", calling())
        bodies = [{"name": f"dumped-{n}", "ms": figures.chance.randint(200, 2000)} for n in range(RUNS)]
        start_many(api, workflow, bodies)
        eventually(lambda: len(effects.log("dumped-").calls) > RUNS, what="the storm being in full swing")
        first.kill_workers()
        first.keep_workers(2)
        first.wait_for_hosts(2)
        eventually(
            lambda: first.rows(OPEN)[0]["n"] > 5 and len(effects.log("dumped-").calls) > 2 * RUNS,
            within_s=60,
            what="it going on",
        )
        copy = postgres.copied("restored")
        first.kill_workers()
    finally:
        first.stop()
    before = effects.log("dumped-")
    # What the first one did after the dump was made, no dump can know.
    second = Installation(folder, number=5, env={"DATABASE_URL": copy})
    try:
        known = second.rows(KNOWN)
        dumped = sum(second.statuses(workflow["id"]).values())
        second.start(workers=2, is_filled=True)
        began = time.monotonic()
        eventually(lambda: not second.unsettled(workflow["id"]), within_s=90, what="every run settled")
        settled_s = time.monotonic() - began
        after = effects.log("dumped-")
        sent = [call["key"] for call in after.calls[len(before.calls) :] if call["tool"] == "send"]
        again = set(sent) & {row["key"] for row in known}
        open_keys = [row["key"] for row in known if row["is_open"]]
        statuses = second.statuses(workflow["id"])
        unknowable = {call["key"] for call in before.calls} - {row["key"] for row in known}
        figures.at_most("R24", "once calls of the dump made again", 0, len(again))
        figures.at_most("R24", "effects of idempotent tools doubled", 0, len(after.doubled("put")))
        figures.at_most(
            "R24",
            f"of {len(open_keys)} open intents, not parked",
            0,
            len(open_keys) - second.rows(PARKED, open_keys)[0]["n"],
        )
        figures.note("R24", "the dump caught calls in flight", "> 0", str(len(open_keys)), len(open_keys) > 0)
        figures.at_most("R24", "runs of the dump lost", 0, dumped - sum(statuses.values()))
        figures.at_most("R24", "runs that failed", 0, statuses.get("failed", 0))
        figures.at_most("R24", "all settled after the start", 60.0, settled_s, " s")
        made_again = len(set(sent) & unknowable)
        figures.note("R24", "sent after the dump, made again", "-", str(made_again), True)
        figures.note("R24", "end of runs", "-", str(statuses), True)
        figures.check()
    finally:
        second.stop()
