"""A database that was away for a moment is forgotten at once: no request meets a connection that died meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.support.cluster import Cluster
from tests.support.services import end_connections

pytestmark = pytest.mark.timeout(120)

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
