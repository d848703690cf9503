"""What processes use, from the kernel's books: processor time and memory, of a process and all below it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds of processor time, children that have ended included."""
    return sum(_cpu_ticks(pid) for pid in with_children(pids)) / _TICKS_PER_S


def memory_mib(pids: Iterable[int]) -> float:
    """Proportional memory: what processes share counts once."""
    return sum(_pss_kib(pid) for pid in with_children(pids)) / 1024


def with_children(pids: Iterable[int]) -> list[int]:
    found: list[int] = []
    for pid in pids:
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += with_children(int(child) for child in task.read_text().split())
    return found


def _cpu_ticks(pid: int) -> int:
    # The name in brackets may hold spaces; the counters stand behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:15])


def _pss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
