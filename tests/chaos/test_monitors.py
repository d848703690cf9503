"""R23: everybody who watches a run sees what the database says soon after Redis was emptied and the web restarted."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.chaos.figures import Figures, beyond_daily
from tests.chaos.load import calling, start_many
from tests.support.installation import Installation
from tests.support.person import hidden_fields
from tests.support.product import Api, eventually, free_port, published, wait_ready

SOCKETS = 100
RUNS = 10
SHOWN_WITHIN_S = 5.0
AGAIN_S = 0.2

pytestmark = [beyond_daily, pytest.mark.timeout(240)]

LAST = "SELECT id::text, status, event_seq FROM runtime_run WHERE id = ANY(%s::uuid[])"


class Monitor:
    """As the run view does it: it asks for what comes after the last number that it has, and connects again."""

    def __init__(self, port: int, run_id: str, cookie: str) -> None:
        self.run_id = run_id
        self.seen: list[int] = []
        self.status = ""
        self.connected: list[float] = []
        self._address = f"ws://127.0.0.1:{port}/ws/runs/{run_id}"
        self._headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{port}"}

    async def watch(self) -> None:
        while True:
            try:
                after = self.seen[-1] if self.seen else 0
                url = f"{self._address}?after={after}"
                async with connect(url, additional_headers=self._headers, open_timeout=5) as socket:
                    self.connected.append(time.monotonic())
                    async for frame in socket:
                        self._take(json.loads(frame))
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(AGAIN_S)

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] != "events":
            return
        self.seen += [event["seq"] for event in frame["events"]]
        self.status = frame["run"]["status"]


def session_cookie(base: str) -> str:
    """The cookie of somebody who signed in on the page."""
    with httpx2.Client(base_url=base, timeout=30, trust_env=False) as http:
        page = http.get("/sign-in").text
        fields = {"email": "operator@shop.example", "password": "a long password"}
        answer = http.post("/sign-in", data={**hidden_fields(page), **fields})
        assert answer.status_code == 302, answer.text
        return "; ".join(f"{name}={value}" for name, value in http.cookies.items())


async def watched(monitors: list[Monitor], happens: Any) -> None:
    """All of them watch while it happens, which blocks, in a thread."""
    tasks = [asyncio.create_task(monitor.watch()) for monitor in monitors]
    try:
        await asyncio.to_thread(happens)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_who_watches_a_run_sees_what_is_stored_soon_after_everything_was_restarted(
    installation: Installation, admin: Api, figures: Figures
) -> None:
    workflow = published(admin, "Watched", calling())
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    webs = [installation.web_process(port)]
    wait_ready(base, webs[0])
    cookie = session_cookie(base)
    run_ids = start_many(admin, workflow, [{"name": f"watched-{n}", "ms": 2000} for n in range(RUNS)])
    monitors = [Monitor(port, run_ids[n % RUNS], cookie) for n in range(SOCKETS)]
    shown_s: list[float] = []

    def stored() -> dict[str, tuple[str, int]]:
        return {row["id"]: (row["status"], row["event_seq"]) for row in installation.rows(LAST, run_ids)}

    def is_shown() -> bool:
        now = stored()
        return all(now[m.run_id] == (m.status, m.seen[-1] if m.seen else 0) for m in monitors)

    def happens() -> None:
        eventually(lambda: all(m.seen for m in monitors), what="everybody seeing something")
        installation.redis.flush()
        webs[0].kill()
        # What happens meanwhile nobody is told.
        time.sleep(4)
        webs.append(installation.web_process(port))
        eventually(lambda: all(len(m.connected) > 1 for m in monitors), within_s=40, what="all being back")
        back = max(m.connected[-1] for m in monitors)
        eventually(is_shown, within_s=20, what="everybody seeing what is stored")
        shown_s.append(time.monotonic() - back)
        eventually(lambda: not installation.unsettled(workflow["id"]), within_s=60, what="every run settled")
        ended = time.monotonic()
        eventually(is_shown, within_s=20, what="everybody seeing the end")
        shown_s.append(time.monotonic() - ended)

    try:
        asyncio.run(watched(monitors, happens))
    finally:
        for web in webs:
            web.kill()
    final = stored()
    gaps = [m for m in monitors if m.seen != list(range(1, final[m.run_id][1] + 1))]
    stale = [m for m in monitors if m.status != final[m.run_id][0]]
    figures.at_most("R23", f"{SOCKETS} sockets: shown after they were back", SHOWN_WITHIN_S, shown_s[0], " s")
    figures.at_most("R23", "the end shown after it", SHOWN_WITHIN_S, shown_s[1], " s")
    figures.at_most("R23", "stale views", 0, len(stale))
    figures.at_most("R23", "views that miss a number, or have one twice", 0, len(gaps))
    figures.check()
