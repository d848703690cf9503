"""The product as real processes, and a client that talks to it as any other program would."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from tests.support.commands import ROOT, commands_for

Found = TypeVar("Found")


def free_port() -> int:
    """A free port below the ephemeral range, so that no outgoing connection takes it meanwhile."""
    # Neighbouring processes start far apart: two that probe the same port at once would both get it.
    first = 20_000 + os.getpid() * 331 % 11_000
    for port in range(first, 32_000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in _given:
                    _given.add(port)
                    return port
    raise RuntimeError("no free port")


_given: set[int] = set()


def eventually(
    look: Callable[[], Found | None], *, within_s: float = 20.0, what: str = "the condition"
) -> Found:
    """What `look` finds, asked until it is truthy; fails after the bound."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {within_s} s")


class Process:
    """One process in a session of its own; `kill` takes the whole group at once."""

    def __init__(self, arguments: list[str], *, env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                arguments,
                cwd=ROOT,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to the process and everything in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def stop(self, within_s: float = 40.0) -> int:
        """SIGTERM, and the exit code."""
        if self.is_running:
            self._process.terminate()
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


_clients: list[httpx2.Client] = []


def close_clients() -> None:
    """Close what the tests of this process opened."""
    for client in _clients:
        client.close()


class Api:
    """The REST API with a token; `expect` is the status that the test is about."""

    def __init__(self, base: str, token: str = "") -> None:
        self.base = base
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx2.Client(base_url=base, headers=headers, timeout=60, trust_env=False)
        _clients.append(self.http)

    def __call__(
        self, method: str, path: str, body: Any = None, *, expect: int | None = None, **options: Any
    ) -> Any:
        response = self.http.request(method, f"/api/v1{path}", json=body, **options)
        wanted = expect or (201 if method == "POST" and response.status_code == 201 else 200)
        assert response.status_code == wanted or (expect is None and response.status_code == 204), (
            response.text
        )
        return response.json() if response.content else None

    def run_until(self, run_id: str, *statuses: str, within_s: float = 30.0) -> dict[str, Any]:
        """The run, once it has one of these statuses."""

        def look() -> dict[str, Any] | None:
            run: dict[str, Any] = self("GET", f"/runs/{run_id}")
            return run if run["status"] in statuses else None

        return eventually(look, within_s=within_s, what=f"run {run_id} being {' or '.join(statuses)}")

    def workflow(self, slug: str) -> dict[str, Any]:
        """A workflow by its slug, however many there are."""
        for row in self.all_of("/workflows"):
            if row["slug"] == slug:
                return row
        raise AssertionError(f"there is no workflow {slug}")

    def all_of(self, path: str) -> Iterator[dict[str, Any]]:
        """The items of a list, page after page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self("GET", f"{path}{'&' if '?' in path else '?'}limit=200&cursor={cursor}")
            yield from page["items"]
            cursor = page["next"]

    def steps(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Path -> step."""
        return {step["path"]: step for step in self("GET", f"/runs/{run_id}/steps")["items"]}


def manage(*arguments: str, env: Mapping[str, str]) -> str:
    """Run a management command and give what it printed."""
    return manage_all(list(arguments), env=env)


def manage_all(*commands: list[str], env: Mapping[str, str]) -> str:
    """Run management commands one after another, and give what they printed."""
    return commands_for(env).run(*commands)


def wait_ready(base: str, process: Process, within_s: float = 40.0, *, page: str = "readyz") -> None:
    def look() -> bool:
        assert process.is_running, process.log.read_text()[-3000:]
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{base}/{page}", timeout=2, trust_env=False).status_code == 200
        return False

    eventually(look, within_s=within_s, what=f"{base}/{page}")


class Embedded:
    """Everything in one process, as `make run` starts it."""

    def __init__(self, folder: Path, *, demo: bool = True, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = {
            "PORT": str(self.port),
            "PATCHBAY_DATA_DIR": str(folder / "data"),
            "PATCHBAY_DEMO": "1" if demo else "0",
            "PATCHBAY_PASSWORD": "a long password",
            "PATCHBAY_OUTBOUND_ALLOW": "127.0.0.1,localhost",
            "PATCHBAY_STDIO_TEMPLATES": str(ROOT / "examples" / "stdio-templates.toml"),
            "DATABASE_URL": "",
            "BROKER_URL": "",
            "REDIS_URL": "",
            **(env or {}),
        }
        self.process: Process | None = None

    def start(self) -> None:
        log = self.folder / "serve.log"
        self.process = Process([sys.executable, "manage.py", "serve"], env=self.env, log=log)
        wait_ready(self.base, self.process)
        eventually(lambda: "is ready:" in log.read_text(), within_s=60, what="the address being printed")

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def token(self, role: str = "admin") -> str:
        return manage(
            "create_token",
            "--user",
            f"{role}@demo.example",
            "--workspace",
            "demo",
            "--role",
            role,
            env=self.env,
        )

    def api(self, role: str = "admin") -> Api:
        return Api(self.base, self.token(role))


@contextlib.contextmanager
def one_process(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Embedded]:
    """Everything in one process, without the demo: an empty workspace `demo` and its admin."""
    product = Embedded(folder, demo=False, env=env)
    try:
        product.start()
        admin = ["add_member", "admin@demo.example", "--workspace", "demo", "--role", "admin"]
        manage_all(["create_workspace", "demo"], admin, env=product.env)
        yield product
    finally:
        product.stop()


class Example:
    """One of the example servers as a process of its own, which no worker's death touches."""

    def __init__(self, module: str, folder: Path, *, delay_ms: int = 0) -> None:
        self.port = free_port()
        self.data = folder / f"{module}-{self.port}.sqlite3"
        arguments = [sys.executable, "-m", f"examples.{module}", "--port", str(self.port)]
        if module != "demo_model":
            arguments += ["--data", str(self.data)]
        env = {"PATCHBAY_EXAMPLE_DELAY_MS": str(delay_ms)}
        self.process = Process(arguments, env=env, log=folder / f"{module}-{self.port}.log")
        eventually(self._answers, what=f"{module} listening")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of the server's own database."""
        import sqlite3

        with contextlib.closing(sqlite3.connect(self.data)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]


def a_node(node_id: str, kind: str, config: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": node_id,
        "type": kind,
        "version": 1,
        "config": config or {},
        "position": {"x": 0, "y": 0},
        **more,
    }


def a_document(nodes: list[dict[str, Any]], edges: str) -> dict[str, Any]:
    """A graph from its nodes and "a>b, b.error>c"."""
    found = []
    for part in filter(None, (piece.strip() for piece in edges.split(","))):
        source, _, target = part.partition(">")
        source, _, port = source.partition(".")
        found.append({"source": source.strip(), "port": port.strip() or "out", "target": target.strip()})
    return {"schema": 1, "settings": {}, "nodes": nodes, "edges": found, "notes": []}


def published(api: Api, name: str, graph: dict[str, Any]) -> dict[str, Any]:
    """A published workflow; its first webhook's address is under "hook"."""
    workflow: dict[str, Any] = api("POST", "/workflows", {"name": name, "graph": graph})
    answer = api("POST", f"/workflows/{workflow['id']}/publish", {})
    hooks = [trigger["url"] for trigger in answer["triggers"] if trigger["url"]]
    return {**workflow, "hook": hooks[0] if hooks else ""}


@contextlib.contextmanager
def stopping(process: Any) -> Iterator[Any]:
    try:
        yield process
    finally:
        process.stop()
