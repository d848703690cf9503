"""R5, R6: what was acknowledged is a run, while web processes die and while there is no Redis. R5's deliveries are signed."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.chaos.figures import Figures, sized
from tests.support.installation import Installation
from tests.support.product import Api, Process, a_document, a_node, eventually, free_port, published
from tests.support.signing import signed

DELIVERIES = sized(300, 300, 2000)
STORM_S = sized(10.0, 20.0, 60.0)
KILL_EVERY_S = 2.0
WITHOUT_REDIS = sized(300, 500, 500)
FORGED = "whsec_" + base64.b64encode(b"not the secret of anybody here").decode()

pytestmark = pytest.mark.timeout(sized(120, 150, 240))

ECHO = a_document(
    [a_node("start", "webhook_trigger"), a_node("end", "reply", {"data": "{{ trigger.body.n }}"})],
    "start>end",
)
SIGNED_ECHO = a_document(
    [
        a_node("start", "webhook_trigger", {"auth": {"kind": "standard_webhooks"}}),
        a_node("end", "reply", {"data": "{{ trigger.body.n }}"}),
    ],
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


@dataclass(frozen=True)
class Sender:
    """One that signs each try anew, and tries until it is acknowledged."""

    http: httpx2.Client
    webs: list[tuple[int, Process]]
    path: str
    secret: str
    stop: threading.Event

    def post(self, number: int, port: int, secret: str) -> httpx2.Response:
        body = json.dumps({"n": number}).encode()
        headers = signed(secret, f"delivery-{number}", body)
        return self.http.post(f"http://127.0.0.1:{port}{self.path}", content=body, headers=headers)

    def deliver(self, number: int) -> tuple[set[str], bool]:
        """The run ids of all answers up to one that was acknowledged, and whether a forged try was refused."""
        found: set[str] = set()
        turn, forged_refused = number, False
        while not self.stop.is_set() and not (found and forged_refused):
            turn += 1
            port = self.webs[turn % len(self.webs)][0]
            try:
                if not forged_refused:
                    forged = self.post(number, port, FORGED)
                    assert forged.status_code in {401, 503}, forged.text
                    forged_refused = forged.status_code == 401
                answer = self.post(number, port, self.secret)
            except httpx2.HTTPError:
                time.sleep(0.05)
                continue
            if answer.is_success:
                found.add(answer.json()["run_id"])
        return found, forged_refused


def test_each_acknowledged_delivery_is_one_run_while_web_processes_are_killed(
    installation: Installation, admin: Api, figures: Figures
) -> None:
    workflow = admin("POST", "/workflows", {"name": "Echo while dying", "graph": SIGNED_ECHO})
    [trigger] = admin("POST", f"/workflows/{workflow['id']}/publish", {})["triggers"]
    stop, kills = threading.Event(), 0
    pace = STORM_S / DELIVERIES
    delivered: list[tuple[set[str], bool]] = []
    with (
        two_webs(installation) as webs,
        httpx2.Client(timeout=5, trust_env=False) as http,
        ThreadPoolExecutor(32) as pool,
    ):
        started = time.monotonic()
        sender = Sender(http, webs, httpx2.URL(trigger["url"]).path, trigger["secret"], stop)

        def send(number: int) -> tuple[set[str], bool]:
            time.sleep(max(started + number * pace - time.monotonic(), 0))
            return sender.deliver(number)

        sent = [pool.submit(send, number) for number in range(DELIVERIES)]
        while time.monotonic() - started < STORM_S:
            time.sleep(KILL_EVERY_S)
            port, web = webs[kills % 2]
            web.kill()
            webs[kills % 2] = (port, installation.web_process(port))
            kills += 1
        try:
            delivered = [future.result(timeout=60) for future in sent]
        finally:
            stop.set()
    runs = installation.rows(RUNS, workflow["id"])
    acknowledged = [ids for ids, _ in delivered]
    told = dict(enumerate(acknowledged))
    of_delivery = Counter(row["n"] for row in runs)
    stored = {row["id"]: row["n"] for row in runs}
    lost = [number for number, ids in told.items() if not all(stored.get(run) == number for run in ids)]
    figures.note("R5", "web processes killed", "every 2 s", str(kills), kills > 0)
    figures.at_most("R5", "deliveries never acknowledged", 0, sum(not ids for ids in acknowledged))
    figures.at_most("R5", "acknowledged but lost", 0, len(lost))
    figures.at_most("R5", "forged deliveries not refused", 0, sum(not refused for _, refused in delivered))
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
