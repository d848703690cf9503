"""Callers: each posts, waits for the answer and posts again, so that as many calls are under way as there are callers."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2


@dataclass(frozen=True)
class Timing:
    """times_ms of each call, sorted; runs_per_s over all callers."""

    times_ms: Sequence[float]
    runs_per_s: float

    @property
    def p50(self) -> float:
        return statistics.median(self.times_ms)

    @property
    def p95(self) -> float:
        return self.times_ms[max(int(len(self.times_ms) * 0.95) - 1, 0)]


async def _post_all(url: str, body: Any, callers: int, calls: int) -> Timing:
    times: list[float] = []
    left = iter(range(calls))

    async def caller(http: httpx2.AsyncClient) -> None:
        for _ in left:
            started = time.perf_counter()
            answer = await http.post(url, json=body)
            times.append((time.perf_counter() - started) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{url}: {answer.status_code} {answer.text[:300]}")

    limits = httpx2.Limits(max_connections=callers, max_keepalive_connections=callers)
    async with httpx2.AsyncClient(timeout=60, limits=limits, trust_env=False) as http:
        began = time.perf_counter()
        await asyncio.gather(*(caller(http) for _ in range(callers)))
        took_s = time.perf_counter() - began
    return Timing(sorted(times), calls / took_s)


def post_all(url: str, body: Any, *, callers: int, calls: int) -> Timing:
    """raises   SystemExit when an answer is not 200"""
    return asyncio.run(_post_all(url, body, callers, calls))
