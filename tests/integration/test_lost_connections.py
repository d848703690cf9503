"""A database that was away for a moment is forgotten at once: no request meets a connection that died meanwhile, no call is given up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.support.cluster import Cluster
from tests.support.effects import EffectsServer
from tests.support.product import a_document, a_node, eventually, one_process, published
from tests.support.services import end_connections, end_others, postgresql_and_redis, require_services

pytestmark = pytest.mark.timeout(120)

CALLS = 5
CALL_MS = 18_000
"""Longer than a lease: what begins with it is given up unless the lease is renewed meanwhile."""
AT_ONCE = 40
"""Requests; more than a process has connections."""


def statuses(base: str, token: str, count: int) -> list[int]:
    """What so many requests at once are answered."""
    headers = {"Authorization": token}
    with (
        httpx2.Client(base_url=base, headers=headers, trust_env=False) as http,
        ThreadPoolExecutor(count) as pool,
    ):
        return list(pool.map(lambda _: http.get("/api/v1/workflows").status_code, range(count)))


def test_requests_after_the_database_has_ended_every_connection_are_answered(cluster: Cluster) -> None:
    token = cluster.api().http.headers["Authorization"]
    assert set(statuses(cluster.base, token, 16)) == {200}
    end_connections(cluster.env["DATABASE_URL"])
    assert set(statuses(cluster.base, token, 16)) == {200}


def test_a_process_full_of_dead_connections_is_ready_at_once(cluster: Cluster) -> None:
    token = cluster.api().http.headers["Authorization"]
    assert set(statuses(cluster.base, token, AT_ONCE)) == {200}
    end_connections(cluster.env["DATABASE_URL"])
    assert httpx2.get(f"{cluster.base}/readyz", timeout=3, trust_env=False).status_code == 200
    assert set(statuses(cluster.base, token, AT_ONCE)) == {200}


WAITING = """
SELECT count(*) > 10 FROM pg_locks WHERE NOT granted AND relation = 'llm_connections_modelconnection'::regclass
"""


@contextmanager
def connections_in_use(database_url: str, base: str, token: str) -> Iterator[psycopg.Connection]:
    """Requests hold all connections that a process may have, and whoever is thrown out asks anew; gives what holds them up."""
    is_over = threading.Event()
    headers = {"Authorization": token}

    def ask() -> None:
        with httpx2.Client(base_url=base, headers=headers, timeout=60, trust_env=False) as http:
            while not is_over.is_set():
                http.get("/api/v1/model-connections")

    with psycopg.connect(database_url) as lock, ThreadPoolExecutor(AT_ONCE) as pool:
        lock.execute("LOCK TABLE llm_connections_modelconnection")
        for _ in range(AT_ONCE):
            pool.submit(ask)
        try:
            eventually(lambda: lock.execute(WAITING).fetchone() == (True,), what="connections in use")
            yield lock
        finally:
            is_over.set()
            lock.rollback()


def test_calls_go_on_although_nobody_gets_a_connection(tmp_path: Path) -> None:
    """Web and host in one process: what keeps the host's lease does not wait behind requests."""
    require_services()
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node(
                "send",
                "mcp_tool",
                {"server": "effects", "tool": "send", "arguments": {"label": "lost", "ms": CALL_MS}},
            ),
        ],
        "start>send",
    )
    effects = EffectsServer(tmp_path)
    try:
        with postgresql_and_redis("patchbay_test_lost", 15) as env, one_process(tmp_path, env) as product:
            api = product.api()
            effects.register(api)
            workflow = published(api, "Send", graph)
            runs = [api("POST", f"/workflows/{workflow['id']}/runs", {})["id"] for _ in range(CALLS)]
            eventually(lambda: len(effects.log().calls) == CALLS, what="every call under way")
            token = api.http.headers["Authorization"]
            with connections_in_use(env["DATABASE_URL"], product.base, token) as lock:
                end_others(lock)
                eventually(lambda: all(call["ended_at"] for call in effects.log().calls), within_s=30)
            for run_id in runs:
                run = api.run_until(run_id, "succeeded", "failed", "needs_attention")
                assert run["status"] == "succeeded", run["error"]
            assert len(effects.log().calls) == CALLS
    finally:
        effects.process.kill()
