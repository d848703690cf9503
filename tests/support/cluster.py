"""The product as it is deployed: PostgreSQL, Redis, one web process and any number of workers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.product import ROOT, Api, Process, free_port, manage, manage_all, wait_ready
from tests.support.services import drop_database, fresh_database, redis_database


class Cluster:
    """`start()` brings up web and workers; workers may be killed and added at any time."""

    def __init__(self, folder: Path, *, number: int = 0) -> None:
        self.folder = folder
        self.name = f"patchbay_test_{os.getpid()}_{number}"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        slot = 1 + 2 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 2 * 3 + number % 3)
        self.env = {
            "PORT": str(self.port),
            "PATCHBAY_DATA_DIR": str(folder / "data"),
            "PATCHBAY_OUTBOUND_ALLOW": "127.0.0.1,localhost",
            "PATCHBAY_STDIO_TEMPLATES": str(ROOT / "examples" / "stdio-templates.toml"),
            "PATCHBAY_DEMO": "0",
            "DATABASE_URL": fresh_database(self.name),
            "BROKER_URL": redis_database(slot),
            "REDIS_URL": redis_database(slot + 1),
            "PATCHBAY_PASSWORD": "a long password",
        }
        self.web: Process | None = None
        self.workers: list[Process] = []

    def start(self, workers: int = 2) -> None:
        manage_all(
            ["migrate", "--verbosity", "0"],
            ["create_workspace", "shop"],
            *(
                ["add_member", f"{role}@shop.example", "--workspace", "shop", "--role", role]
                for role in ("admin", "builder", "agent", "operator", "viewer")
            ),
            env=self.env,
        )
        for _ in range(workers):
            self.add_worker()
        arguments = [sys.executable, "-m", "uvicorn", "builder.asgi:application", "--port", str(self.port)]
        arguments += ["--log-level", "warning", "--lifespan", "off"]
        self.web = Process(arguments, env=self.env, log=self.folder / "web.log")
        wait_ready(self.base, self.web)

    def add_worker(self) -> Process:
        number = len(self.workers)
        arguments = [sys.executable, "-m", "celery", "-A", "runtime", "worker", "--loglevel", "WARNING"]
        arguments += ["--hostname", f"w{number}@%h", "--without-gossip", "--without-mingle"]
        worker = Process(arguments, env=self.env, log=self.folder / f"worker-{number}.log")
        self.workers.append(worker)
        return worker

    def api(self, role: str = "admin") -> Api:
        token = manage(
            "create_token",
            "--user",
            f"{role}@shop.example",
            "--workspace",
            "shop",
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
        drop_database(self.name)
