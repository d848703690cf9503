"""The effects server as a process, and what its log says about calls that were repeated."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.support.product import Api, Process, eventually, free_port


@dataclass(frozen=True)
class Effects:
    """Every call in its order, and every effect that a call had; each step of each run has a label of its own."""

    calls: list[dict[str, Any]]
    effects: list[dict[str, Any]]

    def doubled(self, tool: str) -> list[str]:
        """Labels whose tool took effect more than once."""
        counts = Counter(effect["label"] for effect in self.effects if effect["tool"] == tool)
        return [label for label, count in counts.items() if count > 1]

    def repeated(self, tool: str) -> list[str]:
        """Labels whose tool was called more than once."""
        counts = Counter(call["label"] for call in self.calls if call["tool"] == tool)
        return [label for label, count in counts.items() if count > 1]

    @property
    def most_at_once(self) -> int:
        return max((call["running"] for call in self.calls), default=0)


class EffectsServer:
    """Its tools are `put` (idempotent), `send` (once) and `look` (no effect); see effects_server.py."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        arguments = [sys.executable, "-m", "tests.support.effects_server", "--port", str(port)]
        self.process = Process(arguments, env={}, log=folder / f"effects-{port}.log")
        eventually(self._answers, what="the effects server")

    def log(self, prefix: str = "") -> Effects:
        """What happened under labels that begin like this."""
        found = httpx2.get(f"{self.url}/log", timeout=30, trust_env=False).json()
        kept = {
            name: [row for row in found[name] if row["label"].startswith(prefix)]
            for name in ("calls", "effects")
        }
        return Effects(**kept)

    def register(self, api: Api, slug: str = "effects") -> None:
        server = {
            "slug": slug,
            "name": "Effects",
            "transport": "http",
            "url": f"{self.url}/mcp",
            "enable": "all",
        }
        registered = api("POST", "/mcp-servers", server)
        answer = api("POST", f"/mcp-servers/{registered['id']}/refresh")
        assert answer["status"] == "ok", answer

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/log", timeout=2, trust_env=False).status_code == 200
        except httpx2.HTTPError:
            return False
