"""R17: limits of keys, rates of tools and shares of workspaces hold while workers die."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.chaos.load import calling, start_many
from tests.support.effects import EffectsServer
from tests.support.installation import Installation
from tests.support.product import Api, eventually, published

LIMIT = 3
KEYED_RUNS = sized(60, 60, 500)
KILLS = sized(3, 3, 10)
RATE_PER_MINUTE = sized(60, 60, 600)
RATED_CALLS = RATE_PER_MINUTE + RATE_PER_MINUTE // 2
LARGE, SMALL = sized((700, 40), (700, 40), (1200, 60))
LONG_MS = 4000
EARLY_S = 20
WORKSPACE_RUNS = 96
"""Of one workspace in one worker, if nothing else is set."""
SHORT_MS = 400
UNNOTICED_S = 0.25
"""A start is a matter of milliseconds where nothing else goes on, and of processor time where much does."""

pytestmark = [beyond_daily, pytest.mark.timeout(sized(300, 300, 900))]

QUEUED = "SELECT count(*) AS n FROM runtime_run WHERE workflow_id = %s AND started_at IS NULL"
WAITED = """SELECT extract(epoch FROM started_at - created_at)::float AS to_start,
    extract(epoch FROM ended_at - created_at)::float AS to_end FROM runtime_run WHERE id = ANY(%s::uuid[])"""


def most_at_once(calls: Iterable[dict[str, Any]]) -> int:
    """How many of the calls the server was busy with at the same moment."""
    moments = [moment for call in calls for moment in ((call["began_at"], 1), (call["ended_at"], -1))]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


def has_ended(installation: Installation, workflow: dict[str, Any], number: int) -> bool:
    return installation.statuses(workflow["id"]).get("succeeded", 0) >= number


def test_no_more_runs_of_a_key_than_its_limit_go_on_while_workers_are_killed(
    installation: Installation, admin: Api, effects: EffectsServer, figures: Figures
) -> None:
    limited = {"key": "{{ trigger.body.key }}", "limit": LIMIT, "when_full": "queue"}
    workflow = published(admin, "Keyed", calling(["put", "look"], concurrency=limited))
    bodies = [{"name": f"keyed-{n}", "ms": 150, "key": "one"} for n in range(KEYED_RUNS)]
    start_many(admin, workflow, bodies)
    for kill in range(1, KILLS + 1):
        # A run that three kills in a row find at its call would be parked: between two of them there is time to end.
        enough = kill * KEYED_RUNS // (KILLS + 1)
        eventually(
            partial(has_ended, installation, workflow, enough), within_s=120, what=f"{enough} runs ended"
        )
        installation.kill_workers()
        installation.keep_workers(2)
    eventually(lambda: not installation.unsettled(workflow["id"]), within_s=180, what="every run settled")
    log = effects.log("keyed-")
    statuses = installation.statuses(workflow["id"])
    most = most_at_once(log.calls)
    figures.note(
        "R17", f"limit of {LIMIT}: most at once, seen by the tool", str(LIMIT), str(most), most == LIMIT
    )
    figures.note(
        "R17", "runs of the key", "all succeeded", str(statuses), statuses == {"succeeded": KEYED_RUNS}
    )
    figures.check()


def test_a_tool_is_called_no_more_often_than_its_rate_says(
    installation: Installation, admin: Api, effects: EffectsServer, figures: Figures
) -> None:
    effects.register(admin, slug="rated")
    [server] = [row for row in admin("GET", "/mcp-servers")["items"] if row["slug"] == "rated"]
    admin("PATCH", f"/mcp-servers/{server['id']}/tools/look", {"rate": RATE_PER_MINUTE})
    workflow = published(admin, "Rated", calling(["look"], server="rated"))
    # Early in a minute, so that no call is let through in one and seen by the server in the next.
    eventually(lambda: time.time() % 60 < EARLY_S, within_s=60, what="a minute beginning")
    # What goes beyond the first minute's worth is held back until the second.
    bodies = [{"name": f"rated-{n}", "ms": 1} for n in range(RATED_CALLS)]
    start_many(admin, workflow, bodies)
    time.sleep(2)
    installation.kill_workers()
    installation.keep_workers(2)
    eventually(lambda: not installation.unsettled(workflow["id"]), within_s=200, what="every run settled")
    calls = effects.log("rated-").calls
    minutes: dict[int, int] = {}
    for call in calls:
        minutes[int(call["began_at"] // 60)] = minutes.get(int(call["began_at"] // 60), 0) + 1
    statuses = installation.statuses(workflow["id"])
    figures.at_most(
        "R17", f"{RATE_PER_MINUTE} a minute: calls in the fullest", RATE_PER_MINUTE, max(minutes.values())
    )
    figures.note(
        "R17",
        "runs of the rated tool",
        "all succeeded",
        str(statuses),
        statuses == {"succeeded": RATED_CALLS},
    )
    figures.check()


def test_a_workspace_with_few_runs_does_not_wait_for_one_with_many(
    installation: Installation, admin: Api, figures: Figures, effects: EffectsServer
) -> None:
    installation.add_workspace("small")
    small = installation.api("admin", "small")
    effects.register(small)
    few = published(small, "Few", calling(["look"]))
    many = published(admin, "Many", calling(["look", "look"]))

    def p95_of_few() -> tuple[float, float]:
        """How long they wait until they start, and until they have ended."""
        started = []
        for number in range(SMALL):
            started += start_many(small, few, [{"name": f"few-{number}", "ms": SHORT_MS}])
            time.sleep(0.3)
        eventually(lambda: not installation.unsettled(few["id"]), within_s=60, what="the few")
        rows = installation.rows(WAITED, started)
        p95 = [
            statistics.quantiles([row[until] for row in rows], n=20, method="inclusive")[-1]
            for until in ("to_start", "to_end")
        ]
        return p95[0], p95[1]

    p95_of_few()
    start_alone, end_alone = p95_of_few()
    start_many(admin, many, [{"name": f"many-{n}", "ms": LONG_MS} for n in range(LARGE)])
    # As many as the workers take of one workspace, and the others queue: from here on there is always a backlog.
    eventually(
        lambda: len(effects.log("many-").calls) >= 2 * WORKSPACE_RUNS,
        within_s=60,
        what="the many filling the workers",
    )
    start, end = p95_of_few()
    left = installation.rows(QUEUED, many["id"])[0]["n"]
    eventually(lambda: not installation.unsettled(many["id"]), within_s=120, what="the many")
    name = f"{SMALL} runs beside {LARGE}: p95"
    figures.note("R17", "of the many, still queued when the few were through", "> 0", str(left), left > 0)
    figures.at_most(
        "R17", f"{name} until the end (alone {end_alone:.2f} s)", round(2 * end_alone, 2), end, " s"
    )
    figures.note(
        "R17",
        f"{name} until the start (alone {start_alone * 1000:.0f} ms)",
        f"≤ 2 x alone, or {UNNOTICED_S * 1000:g} ms",
        f"{start * 1000:.0f} ms",
        start <= max(2 * start_alone, UNNOTICED_S),
    )
    figures.check()
