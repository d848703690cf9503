"""Random graphs mean in the product what they mean to an interpreter that shares nothing with it."""

from __future__ import annotations

import os

import pytest

from tests.support.interpreter import Meaning
from tests.support.product import Api, published
from tests.support.random_graphs import a_random_graph

COUNT = int(os.environ.get("RANDOM_GRAPHS", "200"))
PER_TEST = 20
ENDED = ("succeeded", "failed", "cancelled")


@pytest.mark.parametrize("first", range(0, COUNT, PER_TEST))
def test_random_graphs_end_as_the_interpreter_says(api: Api, first: int) -> None:
    started = {}
    for seed in range(first, first + PER_TEST):
        graph, plan, edges = a_random_graph(seed)
        workflow = published(api, f"Random {seed}", graph)
        run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
        started[seed] = workflow["id"], run["id"], Meaning(plan, edges, "start")
    for seed, (workflow_id, run_id, meaning) in started.items():
        run = api.run_until(run_id, *ENDED)
        wanted = meaning.run()
        found = {path: step["status"] for path, step in api.steps(run_id).items()}
        hint = f"seed {seed}: RANDOM_GRAPHS={seed + 1} pytest {__name__.replace('.', '/')}.py"
        assert (run["status"], found) == (meaning.end, wanted), hint
        api("DELETE", f"/workflows/{workflow_id}", expect=204)
