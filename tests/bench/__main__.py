"""`make bench`: what the engine adds to the calls that a run makes, beside a bare service that makes the same calls.

The floor and the product are measured in turns in one run on this machine; compare the ratios. Added latency is what
a caller waits beyond the outside servers' own time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.bench.installations import Installation, Outside, apart, floor, on_postgresql, on_sqlite, outside
from tests.bench.load import Timing, post_all
from tests.bench.processes import cpu_s, memory_mib
from tests.bench.workloads import BODY, WORKLOADS, Workload
from tests.support.product import Embedded, Process, stopping, wait_ready

WARM_UP = 20
ROUNDS = 3
"""Floor and product take turns, so that a noisy neighbour meets both."""
CALLS = {"order-status": 80, "decision": 80, "trivial-10": 120, "trivial-100": 40}
PARALLEL = {"order-status": (8, 32), "trivial-10": (8, 32)}
IDLE_S = 15.0
STATS_S = 11.0
"""After this time a process of PostgreSQL that has nothing to do has told what it counted."""
PARALLEL_CALLS = 30
"""Of each caller, when there are several."""


@dataclass(frozen=True)
class Measured:
    """All but the timing are per run; own_ms is what the outside servers took."""

    timing: Timing
    cpu_ms: float
    own_ms: float
    commits: float | None

    @property
    def added_p50(self) -> float:
        return self.timing.p50 - self.own_ms

    @property
    def added_p95(self) -> float:
        return self.timing.p95 - self.own_ms


def measure(where: Installation, what: Workload, servers: Outside, callers: int, calls: int) -> Measured:
    url = where.urls[what.name]
    post_all(url, BODY, callers=callers, calls=max(WARM_UP, callers * 2))
    own_ms(servers, what)
    cpu, commits = cpu_s(where.pids()), where.commits()
    timing = post_all(url, BODY, callers=callers, calls=calls)
    cpu_ms = (cpu_s(where.pids()) - cpu) * 1000 / calls
    committed = where.commits()
    per_run = (committed - commits) / calls if commits is not None and committed is not None else None
    return Measured(timing, cpu_ms, own_ms(servers, what), per_run)


def own_ms(servers: Outside, what: Workload) -> float:
    """What the outside servers took per run since the last question."""
    model, crm = (
        httpx2.get(f"{url}/spent", trust_env=False).json()["median_ms"]
        for url in (servers.model, servers.crm)
    )
    return float(model * what.model_calls + crm * what.tool_calls)


def middle(found: list[Measured]) -> Measured:
    """The round in the middle by its median."""
    return sorted(found, key=lambda one: one.timing.p50)[len(found) // 2]


HEAD = (
    f"{'work':14}{'callers':>8} {'where':11}{'p50 ms':>8}{'added':>8}{'p95 +':>8}{'runs/s':>8}{'steps/s':>9}"
    f"{'CPU ms':>8}{'commits':>8} | {'added':>6}{'p95 +':>7}{'CPU':>6}{'runs/s':>7}  beside the floor"
)


def line(where: str, what: Workload, callers: int, found: Measured, base: Measured | None) -> str:
    commits = "" if found.commits is None else f"{found.commits:.1f}"
    text = (
        f"{what.name:14}{callers:8} {where:11}{found.timing.p50:8.1f}{found.added_p50:8.2f}{found.added_p95:8.2f}"
        f"{found.timing.runs_per_s:8.1f}{found.timing.runs_per_s * what.steps:9.0f}{found.cpu_ms:8.2f}{commits:>8}"
    )
    if base is None:
        return text
    return text + (
        f" | {found.added_p50 / base.added_p50:6.2f}{found.added_p95 / base.added_p95:7.2f}"
        f"{found.cpu_ms / base.cpu_ms:6.2f}{found.timing.runs_per_s / base.timing.runs_per_s:7.2f}"
    )


def statements(where: Installation, works: list[str]) -> Iterator[str]:
    """What PostgreSQL executed for each run, reads included; those that are committed together count once.

    Its processes tell their counts late, and some statements are there without any run: both are waited for and taken off.
    """
    if where.transactions() is None:
        return
    time.sleep(STATS_S)
    began, before = time.perf_counter(), where.transactions() or 0
    time.sleep(STATS_S)
    at_rest_per_s = ((where.transactions() or 0) - before) / (time.perf_counter() - began)
    for name in works:
        began, before = time.perf_counter(), where.transactions() or 0
        post_all(where.urls[name], BODY, callers=1, calls=CALLS[name])
        time.sleep(STATS_S)
        took_s = time.perf_counter() - began
        found = (where.transactions() or 0) - before - at_rest_per_s * took_s
        yield f"{where.name}: {found / CALLS[name]:.1f} statements for a run of {name}"


def at_rest(where: Installation) -> str:
    """What its processes hold after all that, and what they need for doing nothing."""
    cpu = cpu_s(where.pids())
    time.sleep(IDLE_S)
    idle = (cpu_s(where.pids()) - cpu) / IDLE_S
    return f"{where.name}: {memory_mib(where.pids()):.0f} MiB loaded, idle {idle:.1%} of a core"


def cold_start_s(folder: Path) -> float:
    """Seconds from the start of an installation that exists to its page that says it is ready."""
    (folder / "cold").mkdir()
    product = Embedded(folder / "cold", demo=False)
    for _ in range(2):
        started = time.perf_counter()
        process = Process([sys.executable, "manage.py", "serve"], env=product.env, log=folder / "cold.log")
        with stopping(process):
            wait_ready(product.base, process)
            took_s = time.perf_counter() - started
    return took_s


def cases(names: list[str]) -> Iterator[tuple[Workload, int, int]]:
    """Workload, callers, calls."""
    for name in names:
        yield WORKLOADS[name], 1, CALLS[name]
        for callers in PARALLEL.get(name, ()):
            yield WORKLOADS[name], callers, callers * PARALLEL_CALLS


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--works", default=",".join(WORKLOADS), help="which workloads, with commas between")
    parser.add_argument(
        "--stores",
        default="SQLite,PostgreSQL,apart",
        help="SQLite and PostgreSQL with web and worker in one process; apart: PostgreSQL, in two",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    makers = {"SQLite": on_sqlite, "PostgreSQL": on_postgresql, "apart": apart}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = stack.enter_context(outside(folder))
        places = [stack.enter_context(floor(folder, servers))]
        for store in options.stores.split(","):
            (folder / store).mkdir()
            places.append(stack.enter_context(makers[store](folder / store, servers)))
        print(HEAD)
        for what, callers, calls in cases(options.works.split(",")):
            found: dict[str, list[Measured]] = {place.name: [] for place in places}
            for _ in range(options.rounds):
                for place in places:
                    found[place.name].append(measure(place, what, servers, callers, calls))
            base = middle(found["floor"])
            for place in places:
                print(line(place.name, what, callers, middle(found[place.name]), base), flush=True)
        for place in places:
            for told in statements(place, options.works.split(",")):
                print(told, flush=True)
            print(at_rest(place), flush=True)
        print(f"from its start until it is ready, one process: {cold_start_s(folder):.1f} s")


if __name__ == "__main__":
    main()
