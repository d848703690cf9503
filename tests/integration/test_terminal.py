"""The product in a terminal: it ends with it, without a trace of a process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.effects import EffectsServer
from tests.support.person import hidden_fields
from tests.support.product import ROOT, Api, Embedded, a_document, a_node, eventually, one_process, published

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


class Terminal:
    """A pseudo-terminal in which the product with its demo was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self._end, inner = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env={**os.environ, **Embedded(folder).env},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(inner)

    def read_until(self, words: str, within_s: float = 60.0) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.printed:
            readable, _, _ = select.select([self._end], [], [], max(0.0, deadline - time.monotonic()))
            assert readable, f"{words!r} was not printed, only: {self.printed}"
            self.printed += os.read(self._end, 65_536).decode()

    def press_ctrl_c(self) -> None:
        os.write(self._end, b"\x03")

    def close(self) -> None:
        if self._end >= 0:
            os.close(self._end)
            self._end = -1

    def processes(self) -> list[str]:
        """Everything that was started with this product's environment and still lives."""
        self.process.poll()
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.folder).encode() in (place / "environ").read_bytes():
                    found.append((place / "cmdline").read_text().replace("\0", " "))
        return found

    def wait_until_gone(self) -> None:
        eventually(lambda: not self.processes(), within_s=20, what="the end of every process")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    yield opened
    opened.close()
    opened.process.kill()
    opened.process.wait(10)


def test_ctrl_c_stops_everything_and_says_so(terminal: Terminal) -> None:
    terminal.read_until("Ctrl-C stops everything")
    assert len(terminal.processes()) >= 3
    terminal.press_ctrl_c()
    terminal.read_until("Stopped.", within_s=20)
    terminal.wait_until_gone()
    assert "Traceback" not in terminal.printed
    assert terminal.process.wait(10) == 0


def test_closing_the_terminal_stops_everything(terminal: Terminal) -> None:
    terminal.read_until("Ctrl-C stops everything")
    terminal.close()
    terminal.wait_until_gone()


@pytest.fixture
def in_flight(tmp_path: Path) -> Iterator[tuple[Embedded, str]]:
    """An installation in which a call is under way that must not be made twice, and the run."""
    effects = EffectsServer(tmp_path)
    try:
        with one_process(tmp_path) as product:
            api = product.api()
            effects.register(api, "effects")
            call = {"server": "effects", "tool": "send", "arguments": {"label": "in-flight", "ms": 2000}}
            nodes = [a_node("start", "manual_trigger"), a_node("send", "mcp_tool", call)]
            workflow = published(api, "In flight", a_document(nodes, "start>send"))
            run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]
            eventually(lambda: effects.log("in-flight").calls, what="the call")
            yield product, run
    finally:
        effects.process.kill()


def a_slow_workflow(api: Api, name: str, trigger: dict[str, Any]) -> dict[str, Any]:
    call = {"server": "effects", "tool": "send", "arguments": {"label": "held", "ms": 6000}}
    nodes = [trigger, a_node("send", "mcp_tool", call), a_node("tell", "reply", {"text": "Sent."})]
    return published(api, name, a_document(nodes, "start>send, send>tell"))


def filled_in(form: str) -> httpx2.Response:
    """What a visitor sees who sends a public form."""
    with httpx2.Client(timeout=40, trust_env=False) as visitor:
        return visitor.post(form, data=hidden_fields(visitor.get(form).text))


def test_who_waits_for_a_run_is_told_of_it_when_the_product_is_stopped(tmp_path: Path) -> None:
    effects = EffectsServer(tmp_path)
    try:
        with one_process(tmp_path) as product, ThreadPoolExecutor(4) as pool:
            api = product.api()
            effects.register(api, "effects")
            hooked = a_slow_workflow(
                api, "Held hook", a_node("start", "webhook_trigger", {"respond": "when_replied"})
            )
            public = {"fields": [], "public": True}
            filled = a_slow_workflow(api, "Held form", a_node("start", "manual_trigger", public))
            start = f"{product.base}/api/v1/workflows/{filled['id']}/runs"
            token = {"Authorization": f"Bearer {product.token()}"}
            hook, run = (
                pool.submit(httpx2.post, url, timeout=40, trust_env=False, **given)
                for url, given in (
                    (hooked["hook"], {"json": {}}),
                    (start, {"json": {"input": {}, "wait_s": 30}, "headers": token}),
                )
            )
            page = pool.submit(filled_in, filled["hook"])
            eventually(lambda: len(effects.log("held").calls) == 3, what="the calls")
            assert product.process is not None
            assert product.process.stop() == 0

            assert (hook.result(40).status_code, run.result(40).status_code) == (202, 201)
            assert "is being worked on" in page.result(40).text
            product.start()
            for started in (hook.result().json()["run_id"], run.result().json()["id"]):
                ended = product.api().run_until(started, "succeeded", "needs_attention")
                assert ended["result"] == {"text": "Sent."}
            assert len(effects.log("held").calls) == 3
    finally:
        effects.process.kill()


def test_a_supervisor_that_stops_it_lets_the_calls_in_flight_end(in_flight: tuple[Embedded, str]) -> None:
    product, run = in_flight
    assert product.process is not None
    assert product.process.stop() == 0

    product.start()
    ended = product.api().run_until(run, "succeeded", "failed", "needs_attention")
    assert ended["status"] == "succeeded", ended["error"]
