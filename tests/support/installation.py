"""A cluster to be broken: a Redis of its own, two web processes, and a look into its database from outside."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.support.cluster import Cluster
from tests.support.fault_proxy import FaultProxy
from tests.support.own_redis import OwnRedis
from tests.support.product import Process, eventually

SETTLED = ("succeeded", "failed", "cancelled", "needs_attention")
LEASE_S = 12.0


class Installation(Cluster):
    """`kill_workers()` and the like break it; `rows()` asks its database without the product's help."""

    def __init__(
        self,
        folder: Path,
        *,
        number: int = 2,
        env: Mapping[str, str] | None = None,
        through_proxy: bool = False,
    ) -> None:
        """through_proxy   all ways to Redis lead through `proxy`, which can swallow everything"""
        self.redis = OwnRedis(folder)
        self.redis.start()
        self.proxy = FaultProxy(self.redis.port) if through_proxy else None
        address = f"redis://127.0.0.1:{self.proxy.port}" if self.proxy else self.redis.url
        urls = {"BROKER_URL": f"{address}/0", "REDIS_URL": f"{address}/1"}
        super().__init__(folder, number=number, env={**urls, **(env or {})})

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.env["DATABASE_URL"], row_factory=dict_row, autocommit=True) as connection:
            return list(connection.execute(query, values))

    def run_sql(self, query: str, *values: Any, **named: Any) -> int:
        """values, named   the one or the other, as the query asks for them"""
        with psycopg.connect(self.env["DATABASE_URL"], autocommit=True) as connection:
            return connection.execute(query, named or values).rowcount

    def keep_workers(self, count: int) -> None:
        """Start as many as are missing, as a supervisor would."""
        self.workers = [worker for worker in self.workers if worker.is_running]
        for _ in range(count - len(self.workers)):
            self.add_worker()

    def kill_workers(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def wait_for_hosts(self, count: int, within_s: float = 40.0) -> None:
        alive = "SELECT count(*) AS n FROM runtime_host WHERE lease_until > clock_timestamp()"
        eventually(
            lambda: self.rows(alive)[0]["n"] >= count, within_s=within_s, what=f"{count} living host(s)"
        )

    def unsettled(self, workflow_id: str) -> int:
        query = "SELECT count(*) AS n FROM runtime_run WHERE workflow_id = %s AND NOT status = ANY(%s)"
        return int(self.rows(query, workflow_id, list(SETTLED))[0]["n"])

    def statuses(self, workflow_id: str) -> dict[str, int]:
        query = "SELECT status, count(*) AS n FROM runtime_run WHERE workflow_id = %s GROUP BY status"
        return {row["status"]: row["n"] for row in self.rows(query, workflow_id)}

    def stop(self) -> None:
        super().stop()
        if self.proxy is not None:
            self.proxy.close()
        self.redis.kill()


@contextmanager
def frozen(process: Process) -> Any:
    """The process stands still; afterwards it goes on as if no time had passed."""
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGCONT)
