"""Who keeps a lease."""

from __future__ import annotations

import asyncio
import threading
from uuid import uuid4

import pytest
from django.db import OperationalError

from runtime.engine import lease
from runtime.engine.lease import Lease


def keepers() -> int:
    return sum(thread.name == "host-lease" for thread in threading.enumerate())


async def until(count: int) -> None:
    for _ in range(500):
        if keepers() == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{keepers()} threads keep the lease")


async def test_a_lease_that_was_lost_and_taken_again_is_kept_by_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renewed = threading.Event()
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.01)
    monkeypatch.setattr(Lease, "_renew", lambda self: renewed.set())
    monkeypatch.setattr(Lease, "is_lost", lambda self: False)
    kept, others = Lease(uuid4(), "here"), keepers()
    loop = asyncio.get_running_loop()
    kept.keep(loop, lambda: None)
    await until(others + 1)
    kept.keep(loop, lambda: None)
    await until(others + 1)

    renewed.clear()
    assert await asyncio.to_thread(renewed.wait, 10)
    kept.stop()
    await until(others)


async def test_a_database_that_does_not_answer_is_asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_again = threading.Event()

    def answers_the_second_time(self: Lease) -> None:
        if lease.RENEW_EVERY_S == 60:
            asked_again.set()
            return
        monkeypatch.setattr(lease, "RENEW_EVERY_S", 60)
        raise OperationalError("away")

    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.01)
    monkeypatch.setattr(lease, "TRY_AGAIN_S", 0.01)
    monkeypatch.setattr(Lease, "_renew", answers_the_second_time)
    monkeypatch.setattr(Lease, "is_lost", lambda self: False)
    kept, others = Lease(uuid4(), "here"), keepers()
    kept.keep(asyncio.get_running_loop(), lambda: None)
    assert await asyncio.to_thread(asked_again.wait, 10)
    kept.stop()
    await until(others)
