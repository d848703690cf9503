"""R1, R5: who executes runs is killed again and again under webhooks whose replies are waited for, which it begins before they are stored."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.support.cluster import Cluster
from tests.support.effects import EffectsServer
from tests.support.histories import unlike_their_events
from tests.support.product import Api, a_document, a_node, eventually, one_process, published
from tests.support.services import postgresql_and_redis, require_services

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


@dataclass(frozen=True)
class Place:
    """An installation, and how the process that executes runs dies and is started anew.

    where   its database: the address, or the file of an SQLite
    stop    no process of it writes any more
    """

    name: str
    api: Api
    where: str | Path
    kill: Callable[[], None]
    stop: Callable[[], None]


@pytest.fixture(params=["SQLite", "PostgreSQL", "apart"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = apart(tmp_path) if request.param == "apart" else alone(request.param, tmp_path)
    with made as found:
        yield found


@contextmanager
def alone(store: str, folder: Path) -> Iterator[Place]:
    """Web and worker in one process."""
    stores: AbstractContextManager[dict[str, str]] = nullcontext({})
    if store == "PostgreSQL":
        stores = postgresql_and_redis("patchbay_test_one_process_storm", 13)
    with stores as env, one_process(folder, env) as product:

        def kill() -> None:
            assert product.process is not None
            product.process.kill()
            product.start()

        where = product.env["DATABASE_URL"] or Path(product.env["PATCHBAY_DATA_DIR"]) / "patchbay.sqlite3"
        yield Place(f"one-{store.lower()}", product.api(), where, kill, product.stop)


@contextmanager
def apart(folder: Path) -> Iterator[Place]:
    """A web process and two workers, one of which dies."""
    require_services()
    cluster = Cluster(folder, number=1)

    def kill() -> None:
        cluster.workers.pop(0).kill()
        cluster.add_worker()

    def stop() -> None:
        for worker in cluster.workers:
            worker.kill()

    try:
        cluster.start(workers=2)
        yield Place("apart", cluster.api(), cluster.env["DATABASE_URL"], kill, stop)
    finally:
        cluster.stop()


@dataclass
class Storm:
    """Senders that post one name after the other and wait for its reply; answered: run -> name."""

    hook: str
    prefix: str
    answered: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def over(self, place: Place) -> Iterator[int]:
        """Kill every few seconds; inside, after the last of so many times, only answers are still to come."""
        started, kills = time.monotonic(), 0
        with ThreadPoolExecutor(SENDERS) as pool:
            senders = [pool.submit(self._send) for _ in range(SENDERS)]
            try:
                while time.monotonic() - started < STORM_S:
                    time.sleep(KILL_EVERY_S)
                    place.kill()
                    kills += 1
            finally:
                self._is_over.set()
            yield kills
        for sender in senders:
            sender.result()

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


def test_what_was_answered_is_stored_and_done_once_however_often_a_process_dies(
    place: Place, effects: EffectsServer, figures: Figures
) -> None:
    api, prefix = place.api, place.name
    effects.register(api)
    workflow = published(api, "Storm", GRAPH)
    storm = Storm(workflow["hook"], prefix)
    settled = {"succeeded", "failed", "cancelled", "needs_attention"}

    def unsettled() -> int:
        return sum(run["status"] not in settled for run in api.all_of(f"/runs?workflow={workflow['id']}"))

    with storm.over(place) as kills:
        last_kill = time.monotonic()
        eventually(lambda: unsettled() == 0, within_s=3 * SETTLED_WITHIN_S, what="every run being settled")
        settled_s = time.monotonic() - last_kill
    assert unsettled() == 0
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
    place.stop()
    figures.at_most("R1", f"{prefix}: runs unlike their events", 0, len(unlike_their_events(place.where)))
    figures.check()
