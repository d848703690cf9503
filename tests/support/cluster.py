"""The product as it is deployed: PostgreSQL, Redis, one web process and any number of workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.product import ROOT, Api, Process, free_port, manage, manage_all, wait_ready
from tests.support.services import drop_database, fresh_database, redis_database


class Cluster:
    """`start()` brings up web and workers; workers may be killed and added at any time."""

    def __init__(self, folder: Path, *, number: int = 0, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.name = f"patchbay_test_{os.getpid()}_{number}"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
        self.env = {
            "PORT": str(self.port),
            "PATCHBAY_DATA_DIR": str(folder / "data"),
            "PATCHBAY_OUTBOUND_ALLOW": "127.0.0.1,localhost",
            "PATCHBAY_STDIO_TEMPLATES": str(ROOT / "examples" / "stdio-templates.toml"),
            "PATCHBAY_DEMO": "0",
            "PATCHBAY_PASSWORD": "a long password",
            **(env or {}),
        }
        self._owns_database = "DATABASE_URL" not in self.env
        if self._owns_database:
            self.env["DATABASE_URL"] = fresh_database(self.name)
        if "BROKER_URL" not in self.env:
            url = redis_database(1 + worker % 4 * 3 + number % 3)
            self.env |= {"BROKER_URL": url, "REDIS_URL": url}
        self.web: Process | None = None
        self.workers: list[Process] = []
        self._started = 0

    def start(self, workers: int = 2, *, ready: bool = True, is_filled: bool = False) -> None:
        """ready      wait until the whole is ready, which it never is without a host
        is_filled  its database has the workspace already
        """
        self.migrate(is_filled=is_filled)
        self.start_processes(workers, ready=ready)

    def migrate(self, *, is_filled: bool = False) -> None:
        workspace = [] if is_filled else self._workspace("shop")
        manage_all(["migrate", "--verbosity", "0"], *workspace, env=self.env)

    def start_processes(self, workers: int, *, ready: bool) -> None:
        for _ in range(workers):
            self.add_worker()
        self.web = self.web_process(self.port)
        wait_ready(self.base, self.web, page="readyz" if ready else "healthz")

    def add_workspace(self, slug: str) -> None:
        """One more, with the people of the first."""
        manage_all(*self._workspace(slug), env=self.env)

    def _workspace(self, slug: str) -> list[list[str]]:
        people = (
            ["add_member", f"{role}@shop.example", "--workspace", slug, "--role", role]
            for role in ("admin", "builder", "agent", "operator", "viewer")
        )
        return [["create_workspace", slug], *people]

    def web_process(self, port: int) -> Process:
        """A web process that is starting, as production starts it."""
        arguments = [sys.executable, "-m", "uvicorn", "builder.asgi:application", "--port", str(port)]
        arguments += ["--lifespan", "off"]
        return Process(arguments, env=self.env, log=self.folder / f"web-{port}.log")

    def add_worker(self, env: Mapping[str, str] | None = None) -> Process:
        """env   what this one has besides"""
        number = self._started
        self._started += 1
        arguments = [sys.executable, "-m", "celery", "-A", "runtime", "worker", "--loglevel", "WARNING"]
        arguments += ["--hostname", f"w{number}@%h", "--without-gossip", "--without-mingle"]
        worker = Process(arguments, env={**self.env, **(env or {})}, log=self.folder / f"worker-{number}.log")
        self.workers.append(worker)
        return worker

    def api(self, role: str = "admin", workspace: str = "shop") -> Api:
        token = manage(
            "create_token",
            "--user",
            f"{role}@shop.example",
            "--workspace",
            workspace,
            "--role",
            role,
            env=self.env,
        )
        return Api(self.base, token)

    def stop(self) -> None:
        if self.web is not None:
            self.web.stop()
        for worker in self.workers:
            if worker.is_running:
                worker.kill()
        if self._owns_database:
            drop_database(self.name)
