"""RabbitMQ as the broker: hints reach the worker over it, and nothing is left lying there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kombu import Connection
from kombu.exceptions import ChannelError

from runtime.engine.process import HINTS_QUEUE
from tests.support.cluster import Cluster
from tests.support.product import a_document, a_node, eventually, published
from tests.support.services import RABBITMQ_URL, redis_database, require_services


def is_there() -> bool:
    parts = urlsplit(RABBITMQ_URL)
    with socket.socket() as line:
        line.settimeout(3)
        return line.connect_ex((parts.hostname or "", parts.port or 5672)) == 0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    require_services()
    if not is_there():
        pytest.skip("RabbitMQ does not answer (TEST_RABBITMQ_URL).")
    product = Cluster(tmp_path, number=2, env={"BROKER_URL": RABBITMQ_URL, "REDIS_URL": redis_database(14)})
    product.start(workers=1)
    yield product
    product.stop()


def state_of_queue() -> tuple[int, int]:
    """(messages, consumers)"""
    with Connection(RABBITMQ_URL) as connection:
        try:
            found = connection.default_channel.queue_declare(HINTS_QUEUE, passive=True)
        except ChannelError:  # no worker has declared it yet
            return 0, 0
        return found.message_count, found.consumer_count


def test_runs_are_announced_over_rabbitmq(cluster: Cluster) -> None:
    api = cluster.api()
    steps = [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node("tell", "reply", {"data": 7}),
    ]
    hook = published(api, "By RabbitMQ", a_document(steps, "start>tell"))["hook"]
    eventually(lambda: state_of_queue() == (0, 1), what="the worker listening")

    for _ in range(20):
        assert api.http.post(hook, json={}).json() == 7

    eventually(lambda: state_of_queue() == (0, 1), what="every hint being taken")
