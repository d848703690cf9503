"""R3: Redis dies, stands still or drops everybody, and work goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.chaos.figures import Figures, beyond_daily
from tests.chaos.load import calling, start_many
from tests.support.installation import Installation
from tests.support.own_redis import OwnRedis
from tests.support.product import Api, eventually, published

pytestmark = [beyond_daily, pytest.mark.timeout(180)]

KILLED_S, FROZEN_S, DROPS = 8.0, 20.0, 6


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
