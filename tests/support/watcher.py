"""Somebody who is signed in at a browser and watches a run over its socket."""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.person import SignedIn


class Browser(SignedIn):
    """Opens sockets with its session."""

    def watch(self, run_id: str) -> Watcher:
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        return Watcher(self.base, run_id, cookies)


class Watcher:
    """A socket of a run; a context manager.

    seen   numbers of the events that it was told, in the order in which they came
    code   what the socket was closed with, at `closed_at`; None while it is open
    """

    def __init__(self, base: str, run_id: str, cookies: str) -> None:
        self.seen: list[int] = []
        self.run: dict[str, Any] = {}
        self.code: int | None = None
        self.closed_at = math.inf
        address = f"{base.replace('http', 'ws', 1)}/ws/runs/{run_id}"
        self._connecting = connect(
            address, additional_headers={"Cookie": cookies, "Origin": base}, proxy=None
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Watcher:
        self._socket = self._connecting.__enter__()
        self._listener.start()
        return self

    def __exit__(self, *how: Any) -> None:
        self._connecting.__exit__(*how)
        self._listener.join(10)

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                frame = json.loads(self._socket.recv())
                if frame["type"] == "events":
                    self.run = frame["run"]
                    self.seen += [event["seq"] for event in frame["events"]]
        self.code, self.closed_at = self._socket.close_code, time.monotonic()
