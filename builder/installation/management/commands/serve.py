import contextlib
import fcntl
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from builder.installation import demo
from builder.installation.children import Children, end_with_parent, end_with_terminal, free_port
from runtime.engine.process import start_host, stop_host
from runtime.engine.waiting import stop_waiting
from runtime.mcp.confinement import protect_process_memory

logger = logging.getLogger(__name__)
READY_TIMEOUT_S = 30.0


class Command(BaseCommand):
    help = "Run everything in one process: web, worker and, with PATCHBAY_DEMO=1, the demo's servers."

    def handle(self, *args: Any, **options: Any) -> None:
        if os.environ.get("PATCHBAY_FOLLOW_PARENT") == "1":
            end_with_parent()
        _check_port(settings.PORT)
        alone = _alone_in(Path(settings.DATA_DIR)) if settings.EMBEDDED else contextlib.nullcontext()
        with alone:
            self._serve()

    def _serve(self) -> None:
        protect_process_memory()
        call_command("migrate", interactive=False, verbosity=0)
        children = Children()
        seeded = self._start_demo(children) if settings.DEMO else demo.Seeded(False)
        connection.close()
        start_host()
        server = uvicorn.Server(
            uvicorn.Config(
                "builder.asgi:application",
                host="127.0.0.1",
                port=settings.PORT,
                log_level="warning",
                lifespan="off",
                timeout_graceful_shutdown=2,
                ws_max_size=1024 * 1024,
            )
        )

        def stop() -> None:
            stop_waiting()
            server.should_exit = True

        # uvicorn hands a signal on when it has shut down: without these, the process would be gone before its runs are handed over.
        for asked in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(asked, lambda *_: stop())
        end_with_terminal(stop)
        threading.Thread(target=self._when_ready, args=(server, seeded), daemon=True).start()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                server.run()
        finally:
            # Who presses Ctrl-C once more does not want to wait for the calls in flight.
            with contextlib.suppress(KeyboardInterrupt):
                stop_host()
            children.stop()
            with contextlib.suppress(OSError):
                self.stdout.write("Stopped.")

    def _start_demo(self, children: Children) -> demo.Seeded:
        """Start the demo's servers and make its rows, as far as they are not there."""
        model_port, crm_port, carrier_port = free_port(), free_port(), free_port()
        data = Path(settings.DATA_DIR)
        children.start("examples.demo_model", "--port", str(model_port))
        for module, port in {"crm": crm_port, "carrier": carrier_port}.items():
            file = str(data / f"demo-{module}.sqlite3")
            children.start(f"examples.{module}_server", "--port", str(port), "--data", file)
        for port in (model_port, crm_port, carrier_port):
            _wait_for_port(port)
        return demo.seed_rows(
            demo.Addresses(
                model_url=f"http://127.0.0.1:{model_port}/v1",
                crm_url=f"http://127.0.0.1:{crm_port}/mcp",
                carrier_url=f"http://127.0.0.1:{carrier_port}/mcp",
            )
        )

    def _when_ready(self, server: uvicorn.Server, seeded: demo.Seeded) -> None:
        while not server.started and not server.should_exit:
            time.sleep(0.02)
        if settings.DEMO:
            self._fill_demo(seeded)
        self.stdout.write(f"\nPatchbay is ready:  http://127.0.0.1:{settings.PORT}/")
        if settings.DEMO:
            self.stdout.write(f"Sign in as          {demo.email_of('admin')}  /  {demo.PASSWORD}")
            others = ", ".join(f"{role}@" for role, _ in demo.PEOPLE[1:])
            self.stdout.write(f"or as {others} (the same password)")
        self.stdout.write("Ctrl-C stops everything.\n")
        self.stdout.flush()

    def _fill_demo(self, seeded: demo.Seeded) -> None:
        try:
            for trouble in demo.seed_by_running(seeded):
                self.stderr.write(f"The demo is not complete: {trouble}")
        except Exception:
            logger.exception("the demo could not be filled", extra={"action": "demo"})
        finally:
            connection.close()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two of them would not hear each other's news; the lock ends with the process, however that ends."""
    with (folder / "serve.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"An installation runs in {folder} already. Stop it, or choose another folder: PATCHBAY_DATA_DIR=… make run"
            ) from error
        yield


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} is taken. Stop what uses it, or choose another: PORT=8001 make run"
            ) from error


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.03)
    raise CommandError(f"A server of the demo did not start; see the log files in {settings.DATA_DIR}.")
