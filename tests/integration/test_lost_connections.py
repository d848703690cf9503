"""A database that was away for a moment is forgotten at once: no request meets a connection that died meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx2
import psycopg

from tests.support.cluster import Cluster


def statuses(cluster: Cluster, token: str, count: int) -> list[int]:
    """What so many requests at once are answered."""
    headers = {"Authorization": token}
    with (
        httpx2.Client(base_url=cluster.base, headers=headers, trust_env=False) as http,
        ThreadPoolExecutor(count) as pool,
    ):
        return list(pool.map(lambda _: http.get("/api/v1/workflows").status_code, range(count)))


def test_requests_after_the_database_has_ended_every_connection_are_answered(cluster: Cluster) -> None:
    token = cluster.api().http.headers["Authorization"]
    assert set(statuses(cluster, token, 16)) == {200}
    with psycopg.connect(cluster.env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert set(statuses(cluster, token, 16)) == {200}
