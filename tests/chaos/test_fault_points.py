"""R7: the engine fails at every named point in every way, on every kind of step; what follows is written down here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from runtime.engine.faults import POINTS, STAGES
from runtime.engine.faults import WAYS as EVERY_WAY
from tests.chaos.figures import Figures, beyond_daily
from tests.chaos.load import calling, start_many
from tests.support.effects import EffectsServer
from tests.support.histories import unlike_their_events
from tests.support.installation import Installation
from tests.support.nursery import Nursery
from tests.support.product import Api, a_document, a_node, eventually, published
from tests.support.services import require_services

pytestmark = [beyond_daily, pytest.mark.timeout(900)]

CALL_MS = 50
LONG_CALL_MS = 60_000
ASK = {"title": "Go on?", "choices": [{"id": "yes", "title": "Yes"}]}

STEPS_WITH: dict[str, tuple[str, ...]] = {
    "intent": ("put", "send"),
    "call": ("put", "send", "values"),
    "record": ("put", "send"),
    "advance": ("values", "wait", "person"),
    "wait": ("wait", "person"),
    "resume": ("wait", "person"),
    "cancel": ("put", "send", "wait", "person"),
    "publish": ("put", "send", "values", "wait", "person"),
    # No step of a run: tests/integration/test_watches_on_postgresql.py.
    "watch": (),
}


@dataclass(frozen=True)
class Expected:
    """How the run ends, and how often its tool was called at the most."""

    status: str
    calls: int = 0


def normally(step: str, stage: str) -> Expected:
    """Without a fault."""
    calls = int(step in ("put", "send"))
    return Expected("cancelled" if stage == "cancel" else "succeeded", calls)


def dies(point: str, step: str) -> Expected:
    """What follows from a death: of a call that must not be repeated nobody knows what became of it."""
    as_usual, stage = normally(step, point.partition("_")[2]), point.partition("_")[2]
    # The first news of a run with a call is that of its intent.
    is_open = point in ("after_intent", "before_call", "after_call", "before_record") or stage == "publish"
    was_sent = point in ("after_call", "before_record")
    if step == "send" and is_open:
        return Expected("needs_attention", int(was_sent))
    if step == "put" and was_sent:
        return Expected(as_usual.status, 2)
    if step == "put" and stage == "cancel":
        return as_usual
    return as_usual


def breaks(point: str, step: str) -> Expected:
    """What nobody foresaw ends the run, so that it is seen; news that cannot be told does not."""
    stage = point.partition("_")[2]
    as_usual = normally(step, stage)
    if stage == "publish":
        return as_usual
    if stage == "call":
        was_sent = int(point == "after_call" and step != "values")
        return Expected("needs_attention" if step == "send" else "failed", was_sent)
    if point in ("after_record", "after_advance", "after_wait"):
        return as_usual
    calls = int(step in ("put", "send") and stage in ("record", "cancel"))
    return Expected("failed", calls)


def loses_database(point: str, step: str) -> Expected:
    """A write is tried again, and knows itself when it had been committed; elsewhere it is like anything unforeseen."""
    stage = point.partition("_")[2]
    return breaks(point, step) if stage in ("call", "cancel") else normally(step, stage)


EXPECTED = {"exit": dies, "kill": dies, "exception": breaks, "database": loses_database}
ELSEWHERE = ("segfault", "spin", "eat")
"""Another death, and a life without progress: test_poison.py."""
TABLE = [
    (point, way, step)
    for point, way in itertools.product(POINTS, EXPECTED)
    for step in STEPS_WITH[point.partition("_")[2]]
]


def test_every_stage_and_every_way_has_an_expectation() -> None:
    assert set(STEPS_WITH) == set(STAGES)
    assert set(EXPECTED) | set(ELSEWHERE) == set(EVERY_WAY)


@pytest.fixture(scope="module")
def fragile(
    tmp_path_factory: pytest.TempPathFactory, effects: EffectsServer
) -> Iterator[tuple[Installation, Nursery]]:
    """An installation without any worker: its hosts come from the nursery."""
    require_services()
    installation = Installation(tmp_path_factory.mktemp("fragile"), number=4)
    installation.start(workers=0, ready=False)
    nursery = Nursery(installation.folder, installation.env)
    first = nursery.start()
    installation.wait_for_hosts(1)
    try:
        effects.register(installation.api("admin"))
        nursery.kill(first)
        yield installation, nursery
        assert unlike_their_events(installation.env["DATABASE_URL"]) == []
    finally:
        nursery.close()
        installation.stop()


@pytest.fixture(scope="module")
def workflows(fragile: tuple[Installation, Nursery]) -> tuple[Api, dict[str, dict[str, Any]]]:
    api = fragile[0].api("admin")
    between = {
        "values": a_node("step", "set_values", {"values": [{"id": "n", "value": "1"}]}),
        "wait": a_node("step", "wait", {"for_s": 0.2}),
        "person": a_node("step", "human_handoff", ASK),
    }
    graphs = {tool: calling([tool]) for tool in ("put", "send")}
    for step, node in between.items():
        nodes = [a_node("start", "webhook_trigger"), node, a_node("end", "reply", {"text": "."})]
        port = ".yes" if step == "person" else ""
        graphs[step] = a_document(nodes, f"start>step, step{port}>end")
    return api, {step: published(api, f"One {step}", graph) for step, graph in graphs.items()}


@pytest.mark.parametrize("point", POINTS)
def test_a_fault_ends_as_written_down(
    fragile: tuple[Installation, Nursery],
    workflows: tuple[Api, dict[str, dict[str, Any]]],
    effects: EffectsServer,
    figures: Figures,
    point: str,
) -> None:
    cases = [(way, step) for at, way, step in TABLE if at == point]
    wrong, visited = [], 0
    for way, step in cases:
        seen, was_reached = outcome(fragile, workflows, effects, point, way, step)
        visited += was_reached
        if seen != (wanted := EXPECTED[way](point, step)):
            wrong.append(f"{way} x {step}: {seen}, wanted {wanted}")
    figures.at_most("R7", f"{point}: {len(cases)} cases, unlike the table", 0, len(wrong))
    figures.note("R7", f"{point}: visited", f"{len(cases)}", str(visited), visited == len(cases))
    assert not wrong, "\n".join(wrong)
    figures.check()


def outcome(
    fragile: tuple[Installation, Nursery],
    workflows: tuple[Api, dict[str, dict[str, Any]]],
    effects: EffectsServer,
    point: str,
    way: str,
    step: str,
) -> tuple[Expected, bool]:
    """What became of one run, and whether the fault struck."""
    (installation, nursery), (api, published_of) = fragile, workflows
    name, log_before = f"{point}-{way}-{step}", nursery.log.stat().st_size
    is_cancelled = point.endswith("_cancel")
    body = {"name": name, "ms": LONG_CALL_MS if is_cancelled else CALL_MS}
    [run_id] = start_many(api, published_of[step], [body])
    host = nursery.start(f"{point}:{way}")

    def was_reached() -> bool:
        return "fault reached" in nursery.log.read_text()[log_before:]

    try:
        if is_cancelled:
            eventually(lambda: is_under_way(installation, effects, run_id, name), what=f"{name} going on")
            api.http.post(f"/api/v1/runs/{run_id}/cancel", json={})

        def is_settled() -> bool:
            answer_open_items(installation, api, run_id)
            return status_of(installation, run_id) in SETTLED

        eventually(lambda: nursery.ended(host) or is_settled(), within_s=30, what=f"{name} settling")
        with suppress(AssertionError):
            # An end is told of after it can be seen.
            eventually(lambda: nursery.ended(host) or was_reached(), within_s=5)
        if nursery.ended(host):
            # The lease of the dead would run out by itself; the test does not wait for it.
            installation.run_sql("UPDATE runtime_host SET lease_until = clock_timestamp()")
            host = nursery.start()
            eventually(is_settled, within_s=30, what=f"{name} recovering")
    finally:
        nursery.kill(host)
        installation.run_sql("DELETE FROM runtime_host")
    calls = len(effects.log(f"{name}/").calls)
    return Expected(str(status_of(installation, run_id)), calls), was_reached()


SETTLED = ("succeeded", "failed", "cancelled", "needs_attention")


def status_of(installation: Installation, run_id: str) -> str:
    return str(installation.rows("SELECT status FROM runtime_run WHERE id = %s", run_id)[0]["status"])


def is_under_way(installation: Installation, effects: EffectsServer, run_id: str, name: str) -> bool:
    """Whether a run has got to where a cancel meets something."""
    return status_of(installation, run_id) == "waiting" or bool(effects.log(f"{name}/").calls)


def answer_open_items(installation: Installation, api: Api, run_id: str) -> None:
    """As a person would, unless the run is to be cancelled."""
    find = """SELECT i.id::text FROM inbox_inboxitem i JOIN runtime_run r ON r.id = i.run_id
        WHERE r.id = %s AND i.status = 'open' AND r.cancel_requested_at IS NULL"""
    for item in installation.rows(find, run_id):
        api.http.post(f"/api/v1/inbox/{item['id']}/answer", json={"choice": "yes", "answers": {}})
