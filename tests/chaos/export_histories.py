"""`python -m tests.chaos.export_histories RELEASE COUNT`: histories of a release, from runs of the whole product."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.product import ROOT, Api, Embedded, close_clients, published
from tests.support.random_graphs import a_random_graph

HISTORIES = ROOT / "tests" / "histories"
MOST_STEPS = 60


def history_of(api: Api, seed: int) -> dict[str, Any]:
    graph, _, _ = a_random_graph(seed)
    workflow = published(api, f"History {seed}", graph)
    started = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    run = api.run_until(started["id"], "succeeded", "failed", "cancelled")
    steps = {
        path: {"status": step["status"], "ports": step["ports"], "output": untimed(step["output"])}
        for path, step in api.steps(run["id"]).items()
    }
    return {
        "graph": graph,
        "trigger": "start",
        "input": {},
        "status": run["status"],
        "result": run["result"],
        "steps": steps,
    }


def untimed(output: Any) -> Any:
    """Without how long it happened to wait, which no replay repeats."""
    return {**output, "waited_s": 0.0} if isinstance(output, dict) and "waited_s" in output else output


def main() -> None:
    release, count = sys.argv[1], int(sys.argv[2])
    folder = HISTORIES / release
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        product = Embedded(Path(data))
        product.start()
        try:
            api = product.api("admin")
            for seed in range(count):
                history = history_of(api, seed)
                if len(history["steps"]) <= MOST_STEPS:
                    text = json.dumps(history, ensure_ascii=False, separators=(",", ":"))
                    (folder / f"random-{seed}.json").write_text(text + "\n")
        finally:
            product.stop()
            close_clients()


if __name__ == "__main__":
    main()
