"""The asking server as a process of its own, and a look into its log."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import httpx2

from tests.support.product import Process, eventually, free_port


class Asking:
    """A context manager; `old` is one of the revisions before 2026-07-28."""

    def __init__(self, folder: Path, *, old: bool = False) -> None:
        self.port = free_port()
        arguments = [sys.executable, "-m", "tests.support.asking_server", "--port", str(self.port)]
        self._process = Process(
            [*arguments, *(["--old"] if old else [])], env={}, log=folder / f"asking-{self.port}.log"
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def __enter__(self) -> Asking:
        eventually(self._answers, what="the asking server listening")
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()

    def log(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx2.get(f"http://127.0.0.1:{self.port}/log", trust_env=False).json()
        return found

    def calls(self, tool: str) -> list[dict[str, Any]]:
        return [call for call in self.log()["calls"] if call["tool"] == tool]

    def done(self, tool: str) -> list[dict[str, Any]]:
        return [row for row in self.log()["done"] if row["tool"] == tool]

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
