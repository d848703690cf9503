"""What is measured side by side: the floor, the product in one process, and the product on PostgreSQL and Redis."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.bench.workloads import MODEL, WORKLOADS
from tests.support.cluster import Cluster
from tests.support.product import Api, Process, free_port, one_process, published, stopping, wait_ready
from tests.support.services import drop_database, fresh_database, postgresql_and_redis


@dataclass(frozen=True)
class Outside:
    """The servers that everybody calls."""

    model: str
    crm: str


@dataclass(frozen=True)
class Installation:
    """urls: workload -> where to post; pids: its processes without the stores"""

    name: str
    urls: dict[str, str]
    pids: Callable[[], list[int]]
    database_url: str = ""

    def commits(self) -> int | None:
        """Transactions of its PostgreSQL server so far that wrote something; None on SQLite."""
        return self._asked("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")

    def transactions(self) -> int | None:
        """All transactions in its database, as every process of the server has told some seconds ago."""
        name = self.database_url.rpartition("/")[2]
        return self._asked("SELECT xact_commit FROM pg_stat_database WHERE datname = %s", name)

    def _asked(self, question: str, *given: str) -> int | None:
        if not self.database_url:
            return None
        # Over another database, so that the question itself does not count.
        with psycopg.connect(self.database_url.rpartition("/")[0] + "/postgres") as connection:
            row = connection.execute(question, given).fetchone()
        return int(row[0]) if row else None


@contextmanager
def outside(folder: Path) -> Iterator[Outside]:
    found = {}
    processes = []
    try:
        for what in ("model", "crm"):
            port = free_port()
            arguments = ["-m", "tests.bench.outside", what, "--port", str(port)]
            arguments += ["--data", str(folder / f"{what}.sqlite3")]
            process = Process([sys.executable, *arguments], env={}, log=folder / f"{what}.log")
            processes.append(process)
            found[what] = f"http://127.0.0.1:{port}"
            wait_ready(found[what], process, page="spent")
        yield Outside(**found)
    finally:
        for process in processes:
            process.kill()


@contextmanager
def floor(folder: Path, outside: Outside) -> Iterator[Installation]:
    url, port = fresh_database("patchbay_bench_floor"), free_port()
    env = {"DATABASE_URL": url, "FLOOR_MODEL": outside.model, "FLOOR_CRM": outside.crm}
    arguments = [sys.executable, "-m", "tests.bench.floor", "--port", str(port)]
    try:
        with stopping(Process(arguments, env=env, log=folder / "floor.log")) as process:
            base = f"http://127.0.0.1:{port}"
            wait_ready(base, process, page="healthz")
            yield Installation(
                "floor", {name: f"{base}/{name}" for name in WORKLOADS}, lambda: [process.pid], url
            )
    finally:
        drop_database("patchbay_bench_floor")


@contextmanager
def on_sqlite(folder: Path, outside: Outside) -> Iterator[Installation]:
    with _one_process("SQLite", folder, outside, {}) as found:
        yield found


@contextmanager
def on_postgresql(folder: Path, outside: Outside) -> Iterator[Installation]:
    """Web and worker in one process, with PostgreSQL and Redis."""
    with (
        postgresql_and_redis("patchbay_bench_one", 13) as env,
        _one_process("PostgreSQL", folder, outside, env) as found,
    ):
        yield found


@contextmanager
def _one_process(name: str, folder: Path, outside: Outside, env: Mapping[str, str]) -> Iterator[Installation]:
    with one_process(folder, env) as product:
        urls = set_up(product.api(), outside)
        yield Installation(
            name,
            urls,
            lambda: [product.process.pid] if product.process else [],
            product.env["DATABASE_URL"],
        )


@contextmanager
def apart(folder: Path, outside: Outside) -> Iterator[Installation]:
    """A web process and a worker, with PostgreSQL and Redis between them."""
    product = Cluster(folder, number=2)
    try:
        product.start(workers=1)
        urls = set_up(product.api(), outside)
        yield Installation(
            "apart",
            urls,
            lambda: [process.pid for process in [product.web, *product.workers] if process],
            product.env["DATABASE_URL"],
        )
    finally:
        product.stop()


def set_up(api: Api, outside: Outside) -> dict[str, str]:
    """Register model and server, publish every workload; workload -> its webhook."""
    connection = {"slug": "m", "preset": "other", "base_url": f"{outside.model}/v1", "models": [MODEL]}
    api("POST", "/model-connections", {**connection, "default_model": MODEL})
    server = {"slug": "crm", "name": "crm", "transport": "http", "url": f"{outside.crm}/mcp", "enable": "all"}
    registered = api("POST", "/mcp-servers", server)
    answer = api("POST", f"/mcp-servers/{registered['id']}/refresh")
    if answer["status"] != "ok":
        raise SystemExit(f"the example server cannot be reached: {answer}")
    return {name: published(api, name, workload.graph)["hook"] for name, workload in WORKLOADS.items()}
