"""R3: Redis dies, stands still, drops everybody or is behind a line that swallows everything; work goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.chaos.load import calling, start_many
from tests.support.effects import EffectsServer
from tests.support.installation import Installation
from tests.support.own_postgres import OwnPostgres
from tests.support.own_redis import OwnRedis
from tests.support.product import Api, a_document, a_node, eventually, published

pytestmark = [beyond_daily, pytest.mark.timeout(180)]

KILLED_S, FROZEN_S, DROPS = 8.0, 20.0, 6
SWALLOWED_S = sized(15.0, 15.0, 60.0)
HEARD_WITHIN_S = 30.0
HELD = a_document(
    [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node("end", "reply", {"data": "{{ trigger.body.n }}"}),
    ],
    "start>end",
)


def die(redis: OwnRedis) -> None:
    redis.kill()
    time.sleep(KILLED_S)
    redis.start()


def stand_still(redis: OwnRedis) -> None:
    redis.freeze()
    time.sleep(FROZEN_S)
    redis.thaw()


def drop_everybody(redis: OwnRedis) -> None:
    for _ in range(DROPS):
        redis.drop_clients()
        time.sleep(0.5)


@pytest.mark.parametrize("fault", [die, stand_still, drop_everybody])
def test_work_goes_on_after_redis_was_away(
    installation: Installation, admin: Api, figures: Figures, fault: Callable[[OwnRedis], None]
) -> None:
    name = fault.__name__
    workflow = published(admin, f"Redis: {name}", calling(["put", "look"]))
    before = [{"name": f"{name}-before-{n}", "ms": 100} for n in range(20)]
    start_many(admin, workflow, before)
    fault(installation.redis)
    ended = time.monotonic()
    [first] = start_many(admin, workflow, [{"name": f"{name}-first", "ms": 10}])
    admin.run_until(first, "succeeded", "failed")
    first_s = time.monotonic() - ended
    start_many(admin, workflow, [{"name": f"{name}-after-{n}", "ms": 100} for n in range(20)])
    eventually(lambda: not installation.unsettled(workflow["id"]), within_s=30, what="every run settled")
    statuses = installation.statuses(workflow["id"])
    figures.at_most("R3", f"{name}: first run after the end", 15.0, first_s, " s")
    figures.note(
        "R3", f"{name}: runs", "41 succeeded", str(statuses), statuses == {"succeeded": len(before) + 21}
    )
    restarts = 2 - sum(worker.is_running for worker in installation.workers)
    figures.at_most("R3", f"{name}: workers to be restarted", 0, restarts)
    figures.check()


def test_work_goes_on_while_and_after_a_line_to_redis_swallows_everything(
    tmp_path_factory: pytest.TempPathFactory, postgres: OwnPostgres, effects: EffectsServer, figures: Figures
) -> None:
    folder = tmp_path_factory.mktemp("swallowed")
    installation = Installation(folder, number=5, env={"DATABASE_URL": postgres.url}, through_proxy=True)
    try:
        installation.start(workers=2)
        api = installation.api("admin")
        effects.register(api)
        workflow = published(api, "Swallowed", calling(["put", "look"]))
        proxy = installation.proxy
        assert proxy is not None
        held = published(api, "Swallowed, held", HELD)
        assert api.http.post(held["hook"], json={"n": 1}).status_code == 200
        deaf = installation.redis.listeners(1)
        assert deaf, "the web process listens to nothing"
        start_many(api, workflow, [{"name": f"swallowed-before-{n}", "ms": 100} for n in range(20)])
        proxy.swallow()
        began = time.monotonic()
        during, slowest_s = 0, 0.0
        while time.monotonic() < began + SWALLOWED_S:
            asked = time.monotonic()
            start_many(api, workflow, [{"name": f"swallowed-during-{during}", "ms": 10}])
            slowest_s = max(slowest_s, time.monotonic() - asked)
            during += 1
            time.sleep(0.5)
        settled_during = installation.statuses(workflow["id"]).get("succeeded", 0)
        proxy.forward()
        ended = time.monotonic()
        [first] = start_many(api, workflow, [{"name": "swallowed-first", "ms": 10}])
        api.run_until(first, "succeeded", "failed")
        first_s = time.monotonic() - ended
        # The web process listens again: whoever waits for a reply is told at once instead of at the next look.
        eventually(
            lambda: installation.redis.listeners(1) - deaf,
            within_s=60,
            what="the web process listening again",
        )
        listens_s = time.monotonic() - ended
        eventually(lambda: not installation.unsettled(workflow["id"]), within_s=30, what="every run settled")
        statuses = installation.statuses(workflow["id"])
        wanted = {"succeeded": 21 + during}
        figures.note(
            "R3",
            f"swallowed for {SWALLOWED_S:g} s: succeeded meanwhile",
            "> 20",
            str(settled_during),
            settled_during > 20,
        )
        figures.at_most("R3", "swallowed: slowest start meanwhile", 5.0, slowest_s, " s")
        figures.at_most("R3", "swallowed: first run after the end", 15.0, first_s, " s")
        figures.at_most("R3", "swallowed: news are heard again", HEARD_WITHIN_S, listens_s, " s")
        figures.note("R3", "swallowed: runs", f"{wanted}", str(statuses), statuses == wanted)
        restarts = 2 - sum(worker.is_running for worker in installation.workers)
        figures.at_most("R3", "swallowed: workers to be restarted", 0, restarts)
        figures.check()
    finally:
        installation.stop()
