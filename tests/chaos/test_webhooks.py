"""R5, R6: what was acknowledged is a run, while web processes die and while there is no Redis."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.chaos.figures import Figures, sized
from tests.support.installation import Installation
from tests.support.product import Api, Process, a_document, a_node, eventually, free_port, published

DELIVERIES = sized(300, 300, 2000)
STORM_S = sized(10.0, 20.0, 60.0)
KILL_EVERY_S = 2.0
WITHOUT_REDIS = sized(300, 500, 500)

pytestmark = pytest.mark.timeout(sized(120, 150, 240))

ECHO = a_document(
    [a_node("start", "webhook_trigger"), a_node("end", "reply", {"data": "{{ trigger.body.n }}"})],
    "start>end",
)
RUNS = "SELECT id::text, (input->'body'->>'n')::int AS n FROM runtime_run WHERE workflow_id = %s"


@contextmanager
def two_webs(installation: Installation) -> Iterator[list[tuple[int, Process]]]:
    """Two more web processes, and their ports; whoever kills one puts another in its place."""
    webs = [(port, installation.web_process(port)) for port in (free_port(), free_port())]
    try:
        yield webs
    finally:
        for _, web in webs:
            web.kill()


def deliver(
    http: httpx2.Client, webs: list[tuple[int, Process]], path: str, number: int, stop: threading.Event
) -> set[str]:
    """The run ids of all answers, from the first try to one that was acknowledged."""
    found: set[str] = set()
    turn = number
    while not stop.is_set() and not found:
        turn += 1
        port = webs[turn % len(webs)][0]
        try:
            headers = {"webhook-id": f"delivery-{number}"}
            answer = http.post(f"http://127.0.0.1:{port}{path}", json={"n": number}, headers=headers)
        except httpx2.HTTPError:
            time.sleep(0.05)
            continue
        if answer.is_success:
            found.add(answer.json()["run_id"])
    return found


def test_each_acknowledged_delivery_is_one_run_while_web_processes_are_killed(
    installation: Installation, admin: Api, figures: Figures
) -> None:
    workflow = published(admin, "Echo while dying", ECHO)
    path = httpx2.URL(workflow["hook"]).path
    stop, kills = threading.Event(), 0
    pace = STORM_S / DELIVERIES
    acknowledged: list[set[str]] = []
    with (
        two_webs(installation) as webs,
        httpx2.Client(timeout=5, trust_env=False) as http,
        ThreadPoolExecutor(32) as pool,
    ):
        started = time.monotonic()

        def send(number: int) -> set[str]:
            time.sleep(max(started + number * pace - time.monotonic(), 0))
            return deliver(http, webs, path, number, stop)

        sent = [pool.submit(send, number) for number in range(DELIVERIES)]
        while time.monotonic() - started < STORM_S:
            time.sleep(KILL_EVERY_S)
            port, web = webs[kills % 2]
            web.kill()
            webs[kills % 2] = (port, installation.web_process(port))
            kills += 1
        try:
            acknowledged = [future.result(timeout=60) for future in sent]
        finally:
            stop.set()
    runs = installation.rows(RUNS, workflow["id"])
    told = dict(enumerate(acknowledged))
    of_delivery = Counter(row["n"] for row in runs)
    stored = {row["id"]: row["n"] for row in runs}
    lost = [number for number, ids in told.items() if not all(stored.get(run) == number for run in ids)]
    figures.note("R5", "web processes killed", "every 2 s", str(kills), kills > 0)
    figures.at_most("R5", "deliveries never acknowledged", 0, sum(not ids for ids in acknowledged))
    figures.at_most("R5", "acknowledged but lost", 0, len(lost))
    figures.at_most("R5", "deliveries with more than one run", 0, sum(n > 1 for n in of_delivery.values()))
    figures.check()


def test_webhooks_are_accepted_without_redis_and_start_when_it_is_back(
    installation: Installation, admin: Api, figures: Figures
) -> None:
    workflow = published(admin, "Echo without Redis", ECHO)
    installation.redis.kill()
    began = time.monotonic()

    def send(number: int) -> tuple[int, float]:
        started = time.monotonic()
        answer: Any = admin.http.post(workflow["hook"], json={"n": number})
        return answer.status_code, time.monotonic() - started

    try:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(WITHOUT_REDIS)))
    finally:
        away_s = time.monotonic() - began
        installation.redis.start()
    back = time.monotonic()
    started = "SELECT count(*) AS n FROM runtime_run WHERE workflow_id = %s AND started_at IS NOT NULL"
    eventually(
        lambda: installation.rows(started, workflow["id"])[0]["n"] == WITHOUT_REDIS,
        within_s=60,
        what="every run having started",
    )
    figures.at_most("R6", "webhooks refused", 0, sum(status != 202 for status, _ in answers))
    slowest = sorted(took for _, took in answers)[int(len(answers) * 0.95)]
    figures.at_most("R6", f"answer without Redis for {away_s:.0f} s, p95", 2.0, slowest, " s")
    figures.at_most("R6", "all started after Redis is back", 10.0, time.monotonic() - back, " s")
    figures.check()
