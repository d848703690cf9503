"""Hints by the broker: they arrive, may be lost, and never pile up; whatever else is in the queue harms nobody."""

from __future__ import annotations

import json
import socket
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import redis
from kombu import Connection

from runtime import tasks
from runtime.engine import process, sealing
from runtime.engine.hints import Hint
from runtime.engine.new_runs import NewRun
from runtime.engine.process import HINTS_QUEUE, BrokerSender
from runtime.engine.sealing import MAX_BYTES
from runtime.identifiers import new_id
from runtime.models import Run
from tests.support.own_redis import OwnRedis


class Listening:
    """A host that only remembers what it was offered."""

    def __init__(self) -> None:
        self.runs: list[UUID] = []
        self.new: list[NewRun] = []
        self.errands = 0

    def offer(self, run_id: UUID) -> None:
        self.runs.append(run_id)

    def offer_new(self, new: NewRun) -> None:
        self.new.append(new)

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
        send([Hint(new_id())])
        most = max(most, waiting(broker))
    assert 20 < most <= 25


def test_a_queue_that_is_taken_from_is_left_alone(broker: OwnRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOOK_EVERY", 1)
    send = BrokerSender(f"{broker.url}/0")
    for _ in range(3):
        send([Hint(new_id())])
    assert waiting(broker) == 3
    with redis.Redis.from_url(broker.url) as client:
        client.delete(HINTS_QUEUE)
    send([])
    assert waiting(broker) == 1


def test_a_hint_is_sent_again_over_a_new_connection_after_the_broker_was_away(broker: OwnRedis) -> None:
    send = BrokerSender(f"{broker.url}/0")
    send([Hint(new_id())])
    broker.kill()
    with pytest.raises(Exception, match=r"refused|closed|reset|Connection"):
        send([Hint(new_id())])
    broker.start()
    send([Hint(new_id())])
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
    tasks.take({"runs": {str(run): "" for run in runs}, "errands": True}, None)
    assert (host.runs, host.errands) == (runs, 1)


def a_new_run(**given: Any) -> NewRun:
    facts = {"input": {"text": "Grüße\u0000"}, "created_at": datetime(2026, 1, 2, 3, 4, 5, 6, UTC)}
    return NewRun(Run(id=new_id(), workspace_id=new_id(), workflow_id=new_id(), **facts | given), 7)


def rows(new: NewRun) -> dict[str, Any]:
    return {name: value for name, value in vars(new.run).items() if name != "_state"}


def test_a_host_is_given_the_row_of_a_run_that_is_new(broker: OwnRedis, host: Listening) -> None:
    new = a_new_run()
    BrokerSender(f"{broker.url}/0")([Hint(new.run.pk, new)])
    with redis.Redis.from_url(broker.url) as client:
        message = json.loads(client.lpop(HINTS_QUEUE))
    body = b64decode(message["body"])
    assert b"text" not in body, "the broker can read it"

    tasks.take(json.loads(body), None)
    [given] = host.new
    assert (rows(given), given.settings) == (rows(new), 7)
    assert host.runs == []


def test_a_row_that_was_altered_swapped_or_is_too_large_is_read_from_the_database(host: Listening) -> None:
    new, large = a_new_run(), a_new_run(input={"text": "x" * MAX_BYTES})
    sealed = new.sealed()
    assert large.sealed() == ""
    altered = sealed[:-1] + ("0" if sealed[-1] != "0" else "1")
    for run_id, text in ((new.run.pk, altered), (new_id(), sealed), (large.run.pk, ""), (new_id(), "{}")):
        tasks.take({"runs": {str(run_id): text}}, None)
    assert (len(host.runs), host.new) == (4, [])


def test_a_row_from_another_installation_is_not_believed(host: Listening, settings: Any) -> None:
    new = a_new_run()
    sealed = new.sealed()
    settings.SECRET_KEY = "that of another installation"
    sealing._cipher.cache_clear()
    tasks.take({"runs": {str(new.run.pk): sealed}}, None)
    sealing._cipher.cache_clear()
    assert (host.runs, host.new) == ([new.run.pk], [])


@pytest.mark.parametrize(
    "body",
    [
        None,
        "runs",
        [],
        {"runs": "all"},
        {"runs": [str(UUID(int=1))], "errands": "yes"},
        {"runs": {"x": "", "7": None}},
        {"runs": {"a": 1}},
        {"errands": 1},
    ],
)
def test_what_is_no_hint_is_dropped(host: Listening, body: Any) -> None:
    tasks.take(body, None)
    assert (host.runs, host.errands) == ([], 0)


def test_a_message_of_endless_runs_is_cut_short(host: Listening) -> None:
    tasks.take({"runs": {str(new_id()): "" for _ in range(tasks.MAX_RUNS + 50)}}, None)
    assert len(host.runs) == tasks.MAX_RUNS


def test_a_lost_connection_is_left_without_a_complaint() -> None:
    hints = tasks.Hints(None)
    with Connection("memory://") as connection:
        consumer = SimpleNamespace(connection=connection)
        hints.start(consumer)
        consumer.connection = None
        hints.stop(consumer)
        hints.shutdown(consumer)
        consumer.connection = connection
        hints.start(consumer)
        hints.stop(consumer)
