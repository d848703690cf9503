"""R1, R5 in one process: it is killed again and again under webhooks whose replies are waited for, which it begins before they are stored."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.support.effects import EffectsServer
from tests.support.histories import unlike_their_events
from tests.support.product import Embedded, a_document, a_node, eventually, one_process, published
from tests.support.services import postgresql_and_redis

STORM_S = sized(10.0, 30.0, 90.0)
KILL_EVERY_S = 6.0
SENDERS = 8
SETTLED_WITHIN_S = 30.0

pytestmark = [beyond_daily, pytest.mark.timeout(sized(120, 240, 400))]

TOOLS = ("put", "send")
GRAPH = a_document(
    [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        *(
            a_node(
                tool, "mcp_tool", {"server": "effects", "tool": tool, "arguments": {"label": label, "ms": 40}}
            )
            for tool in TOOLS
            for label in [f"{{{{ trigger.body.name }}}}/{tool}"]
        ),
        a_node("tell", "reply", {"data": "{{ trigger.body.name }}"}),
    ],
    "start>put, put>send, send>tell",
)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def product(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Embedded]:
    stores: AbstractContextManager[dict[str, str]] = nullcontext({})
    if request.param == "PostgreSQL":
        stores = postgresql_and_redis("patchbay_test_one_process_storm", 13)
    with stores as env, one_process(tmp_path, env) as found:
        yield found


@dataclass
class Storm:
    """Senders that post one name after the other and wait for its reply; answered: run -> name."""

    hook: str
    prefix: str
    answered: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def over(self, product: Embedded) -> int:
        """Kill the process every few seconds meanwhile; how often that was."""
        started, kills = time.monotonic(), 0
        with ThreadPoolExecutor(SENDERS) as pool:
            senders = [pool.submit(self._send) for _ in range(SENDERS)]
            try:
                while time.monotonic() - started < STORM_S:
                    time.sleep(KILL_EVERY_S)
                    assert product.process is not None
                    product.process.kill()
                    product.start()
                    kills += 1
            finally:
                self._is_over.set()
            for sender in senders:
                sender.result(60)
        return kills

    def _send(self) -> None:
        with httpx2.Client(timeout=40, trust_env=False) as http:
            while not self._is_over.is_set():
                name = f"{self.prefix}-{next(self._numbers)}"
                try:
                    answer = http.post(self.hook, json={"name": name})
                except httpx2.HTTPError:
                    time.sleep(0.1)
                    continue
                if answer.status_code == 200:
                    assert answer.json() == name
                    self.answered[answer.headers["x-run-id"]] = name
                else:
                    assert answer.status_code in {202, 503}, answer.text


def test_what_was_answered_is_stored_and_done_once_however_often_the_process_dies(
    product: Embedded, effects: EffectsServer, figures: Figures
) -> None:
    api = product.api()
    effects.register(api)
    workflow = published(api, "Storm", GRAPH)
    prefix = "one-postgresql" if product.env["DATABASE_URL"] else "one-sqlite"
    storm = Storm(workflow["hook"], prefix)
    kills = storm.over(product)
    last_kill = time.monotonic()
    settled = {"succeeded", "failed", "cancelled", "needs_attention"}

    def unsettled() -> int:
        return sum(run["status"] not in settled for run in api.all_of(f"/runs?workflow={workflow['id']}"))

    eventually(lambda: unsettled() == 0, within_s=3 * SETTLED_WITHIN_S, what="every run being settled")
    settled_s = time.monotonic() - last_kill
    runs = list(api.all_of(f"/runs?workflow={workflow['id']}"))
    stored = {run["id"]: run for run in runs}
    log = effects.log(prefix)
    parked = sum(run["status"] == "needs_attention" for run in runs)
    lost = [run for run in storm.answered if stored.get(run, {}).get("status") != "succeeded"]
    figures.note(
        "R5",
        f"{prefix}: process killed",
        "again and again",
        f"{kills} times, {len(storm.answered)} answers",
        kills > 1,
    )
    figures.at_most("R5", f"{prefix}: answered but lost", 0, len(lost))
    figures.at_most("R1", f"{prefix}: idempotent effects doubled", 0, len(log.doubled("put")))
    figures.at_most("R1", f"{prefix}: non-idempotent calls repeated", 0, len(log.repeated("send")))
    figures.at_most("R1", f"{prefix}: runs that failed", 0, sum(run["status"] == "failed" for run in runs))
    figures.at_most("R1", f"{prefix}: parked, a call for each sender and kill", kills * SENDERS, parked)
    figures.at_most("R1", f"{prefix}: settled after the last kill", SETTLED_WITHIN_S, settled_s, " s")
    product.stop()
    where = product.env["DATABASE_URL"] or Path(product.env["PATCHBAY_DATA_DIR"]) / "patchbay.sqlite3"
    figures.at_most("R1", f"{prefix}: runs unlike their events", 0, len(unlike_their_events(where)))
    figures.check()
