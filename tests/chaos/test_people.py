"""R13, R14: one answer counts, whoever else answers, dies, cancels or is late; and nothing starts after a cancel."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.chaos.figures import Figures, sized
from tests.chaos.load import calling, start_many
from tests.support.effects import EffectsServer
from tests.support.installation import Installation
from tests.support.product import Api, a_document, a_node, eventually, published

WAITS = sized(120, 1000, 1000)
CANCELLED = sized(80, 200, 200)
CALL_MS = 400

pytestmark = pytest.mark.timeout(sized(120, 300, 300))


def asking(due_in_s: int | None = None) -> dict[str, Any]:
    ask: dict[str, Any] = {"title": "Go on?", "choices": [{"id": "yes", "title": "Yes"}]}
    if due_in_s:
        ask["due_in_s"] = due_in_s
    return a_document(
        [
            a_node("start", "webhook_trigger"),
            a_node("ask", "human_handoff", ask),
            a_node("end", "reply", {"text": "."}),
        ],
        "start>ask, ask.yes>end",
    )


def open_items(installation: Installation, workflow: dict[str, Any], count: int) -> list[dict[str, Any]]:
    query = "SELECT id::text, run_id::text FROM inbox_inboxitem WHERE workflow_id = %s AND status = 'open'"

    def look() -> list[dict[str, Any]] | None:
        found = installation.rows(query, workflow["id"])
        return found if len(found) == count else None

    return eventually(look, within_s=90, what=f"{count} open items")


def answer(api: Api, item: dict[str, Any]) -> int:
    body = {"choice": "yes", "answers": {}}
    return int(api.http.post(f"/api/v1/inbox/{item['id']}/answer", json=body).status_code)


def test_exactly_one_answer_counts(installation: Installation, admin: Api, figures: Figures) -> None:
    workflow, late = published(admin, "Ask", asking()), published(admin, "Ask soon", asking(due_in_s=1))
    start_many(admin, workflow, ({"n": n} for n in range(WAITS)))
    items = open_items(installation, workflow, WAITS)
    parts = {"two at once": items[0::3], "workers dead": items[1::3], "after a cancel": items[2::3]}
    installation.kill_workers()
    with ThreadPoolExecutor(8) as pool:
        dead = Counter(pool.map(lambda item: answer(admin, item), parts["workers dead"]))
        installation.keep_workers(2)
        both = [pool.submit(answer, admin, item) for item in parts["two at once"] for _ in range(2)]
        pairs = Counter(future.result() for future in both)
        for item in parts["after a cancel"]:
            admin("POST", f"/runs/{item['run_id']}/cancel")
        eventually(lambda: not installation.unsettled(workflow["id"]), within_s=90, what="every run ended")
        cancelled = Counter(pool.map(lambda item: answer(admin, item), parts["after a cancel"]))
    [expired_run] = start_many(admin, late, [{"n": 0}])
    expired_item = open_items(installation, late, 1)[0]
    admin.run_until(expired_run, "succeeded", "failed")
    twos, lone, gone = (len(parts[name]) for name in parts)
    figures.note(
        "R13",
        "two answers at once",
        f"{twos} x 200, {twos} x 409",
        str(dict(pairs)),
        pairs == {200: twos, 409: twos},
    )
    figures.note(
        "R13", "answers while all workers are dead", f"{lone} x 200", str(dict(dead)), dead == {200: lone}
    )
    figures.note(
        "R13", "answers after a cancel", f"{gone} x 409", str(dict(cancelled)), cancelled == {409: gone}
    )
    expired = answer(admin, expired_item)
    figures.note("R13", "answer after expiry", "409", str(expired), expired == 409)
    statuses = installation.statuses(workflow["id"])
    wanted = {"succeeded": twos + lone, "cancelled": gone}
    figures.note("R13", "end of runs", str(wanted), str(statuses), statuses == wanted)
    figures.check()


INTENTS_AFTER_CANCEL = """SELECT count(*) AS n FROM runtime_attempt a JOIN runtime_run r ON r.id = a.run_id
    WHERE r.workflow_id = %s AND a.started_at > r.cancel_requested_at + interval '100 milliseconds'"""
ENDS = """SELECT max(n) AS n FROM (SELECT count(*) AS n FROM runtime_event WHERE type = 'run.ended'
    AND run_id IN (SELECT id FROM runtime_run WHERE workflow_id = %s) GROUP BY run_id) AS ends"""
SLOWEST = """SELECT coalesce(max(extract(epoch FROM ended_at - cancel_requested_at)), 0)::float AS s
    FROM runtime_run WHERE workflow_id = %s AND status = 'cancelled'"""


def test_nothing_starts_after_a_cancel_and_the_run_ends_soon(
    installation: Installation, admin: Api, effects: EffectsServer, figures: Figures
) -> None:
    workflow = published(admin, "Cancel", calling(["put", "send", "put", "look"]))
    bodies = [{"name": f"cancel-{n}", "ms": CALL_MS} for n in range(CANCELLED)]

    def start_and_cancel(number: int) -> None:
        [run_id] = start_many(admin, workflow, [bodies[number]])
        time.sleep(random.Random(f"{figures.seed}/{number}").uniform(0, 4 * CALL_MS / 1000))
        admin.http.post(f"/api/v1/runs/{run_id}/cancel", json={})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(start_and_cancel, range(CANCELLED)))
    eventually(lambda: not installation.unsettled(workflow["id"]), within_s=60, what="every run ended")
    statuses = installation.statuses(workflow["id"])
    late = installation.rows(INTENTS_AFTER_CANCEL, workflow["id"])[0]["n"]
    figures.note(
        "R14",
        "runs cancelled at a random moment",
        str(CANCELLED),
        str(statuses),
        sum(statuses.values()) == CANCELLED and set(statuses) <= {"cancelled", "succeeded"},
    )
    figures.at_most("R14", "intents after the cancel", 0, late)
    figures.at_most(
        "R14", "slowest end after a cancel", 10.0, installation.rows(SLOWEST, workflow["id"])[0]["s"], " s"
    )
    figures.at_most("R14", "terminal states of one run", 1, installation.rows(ENDS, workflow["id"])[0]["n"])
    figures.at_most("R14", "once calls repeated", 0, len(effects.log("cancel-").repeated("send")))
    figures.check()
