"""R19: a worker that has done thousands of steps has no more memory and no more open files than one that has begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.figures import Figures, beyond_daily, sized
from tests.chaos.load import TOOLS_OF_SIX_STEPS, calling, start_many
from tests.support.installation import Installation
from tests.support.product import Api, Process, eventually, published

STEPS = sized(3000, 3000, 20_000)
WARM_STEPS = STEPS // 3 if STEPS < 6000 else 2000
STEPS_PER_RUN = len(TOOLS_OF_SIX_STEPS) + 1
RUNS_PER_ROUND = 50
GROWTH_MIB, MORE_FILES = 50.0, 10

pytestmark = [beyond_daily, pytest.mark.timeout(sized(300, 300, 1500))]


def resident_mib(process: Process) -> float:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the process has no memory")


def open_files(process: Process) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def test_a_worker_grows_neither_in_memory_nor_in_open_files(
    broken: Installation, admin: Api, figures: Figures
) -> None:
    workflow = published(admin, "Thousands", calling())
    broken.kill_workers()
    broken.keep_workers(1)
    broken.wait_for_hosts(1)
    [worker] = broken.workers
    done, samples = 0, []
    try:
        while done < STEPS:
            start_many(
                admin, workflow, [{"name": f"many-{done}-{n}", "ms": 1} for n in range(RUNS_PER_ROUND)]
            )
            eventually(lambda: not broken.unsettled(workflow["id"]), within_s=60, what="a round of runs")
            done += RUNS_PER_ROUND * STEPS_PER_RUN
            samples.append((done, resident_mib(worker), open_files(worker)))
    finally:
        broken.keep_workers(2)
    statuses = broken.statuses(workflow["id"])
    warm = next(sample for sample in samples if sample[0] >= WARM_STEPS)
    late = [sample for sample in samples if sample[0] > warm[0]]
    growth = max(mib for _, mib, _ in late) - warm[1]
    files = max(abs(count - warm[2]) for _, _, count in late)
    figures.note("R19", "steps in one worker", f"≥ {STEPS}", str(done), set(statuses) == {"succeeded"})
    figures.at_most(
        "R19", f"growth after the first {warm[0]} (then {warm[1]:.0f} MiB)", GROWTH_MIB, growth, " MiB"
    )
    figures.at_most("R19", f"open files, more or less than the {warm[2]} then", MORE_FILES, files)
    figures.check()
