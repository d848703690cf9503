"""Hints by the broker: they arrive, may be lost, and never pile up; whatever else is in the queue harms nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis

from runtime import tasks
from runtime.engine import process
from runtime.engine.process import HINTS_QUEUE, BrokerSender
from runtime.identifiers import new_id
from tests.support.own_redis import OwnRedis


class Listening:
    """A host that only remembers what it was offered."""

    def __init__(self) -> None:
        self.runs: list[UUID] = []
        self.errands = 0

    def offer(self, run_id: UUID) -> None:
        self.runs.append(run_id)

    def offer_errand(self) -> None:
        self.errands += 1


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Listening:
    listening = Listening()
    monkeypatch.setattr(tasks, "current_host", lambda: listening)
    return listening


def waiting(broker: OwnRedis) -> int:
    with redis.Redis.from_url(broker.url) as client:
        return int(client.llen(HINTS_QUEUE))


def test_hints_that_nobody_takes_do_not_fill_the_broker(
    broker: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MAX_UNHEARD", 20)
    monkeypatch.setattr(process, "LOOK_EVERY", 5)
    send = BrokerSender(f"{broker.url}/0")
    most = 0
    for _ in range(100):
        send([str(new_id())])
        most = max(most, waiting(broker))
    assert 20 < most <= 25


def test_a_queue_that_is_taken_from_is_left_alone(broker: OwnRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOOK_EVERY", 1)
    send = BrokerSender(f"{broker.url}/0")
    for _ in range(3):
        send([str(new_id())])
    assert waiting(broker) == 3
    with redis.Redis.from_url(broker.url) as client:
        client.delete(HINTS_QUEUE)
    send([])
    assert waiting(broker) == 1


def test_a_hint_is_sent_again_over_a_new_connection_after_the_broker_was_away(broker: OwnRedis) -> None:
    send = BrokerSender(f"{broker.url}/0")
    send([str(new_id())])
    broker.kill()
    with pytest.raises(Exception, match=r"refused|closed|reset|Connection"):
        send([str(new_id())])
    broker.start()
    send([str(new_id())])
    assert waiting(broker) == 1


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="The system has no such option.")
def test_a_worker_notices_soon_that_its_line_to_the_broker_was_cut_off(broker: OwnRedis) -> None:
    from runtime.celery import app

    with app.connection_for_read(f"{broker.url}/0") as connection:
        pool = connection.default_channel.client.connection_pool
        line = pool.get_connection()
        try:
            assert line._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            idle, every, times = (
                line._sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
            )
        finally:
            pool.release(line)
    assert idle + every * times <= 30


def test_a_host_is_offered_what_a_message_names(host: Listening) -> None:
    runs = [new_id(), new_id()]
    tasks.take({"runs": [str(run) for run in runs], "errands": True}, None)
    assert (host.runs, host.errands) == (runs, 1)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "runs",
        [],
        {"runs": "all"},
        {"runs": [None, 7, "x", {}], "errands": "yes"},
        {"runs": {"a": 1}},
        {"errands": 1},
    ],
)
def test_what_is_no_hint_is_dropped(host: Listening, body: Any) -> None:
    tasks.take(body, None)
    assert (host.runs, host.errands) == ([], 0)


def test_a_message_of_endless_runs_is_cut_short(host: Listening) -> None:
    run = str(new_id())
    tasks.take({"runs": [run] * (tasks.MAX_RUNS + 50)}, None)
    assert len(host.runs) == tasks.MAX_RUNS
