"""Calls over a connection's rate wait for their turn, over all workers, and use up no try."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.test_budgets import started, writing
from tests.support.cluster import Cluster
from tests.support.product import Api, Embedded, eventually
from tests.support.scripted_model import ScriptedModel, scripted_model
from tests.support.workspaces import own_workspace


@pytest.fixture(params=["product", "cluster"])
def place(request: pytest.FixtureRequest) -> Embedded | Cluster:
    found: Embedded | Cluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with scripted_model() as server:
        server.says("writer", "Dear customer.")
        yield server


def connected(api: Api, model: ScriptedModel, **rates: int) -> str:
    connection = {"slug": "m", "preset": "other", "base_url": model.url, "models": ["writer"], **rates}
    return str(api("POST", "/model-connections", connection)["id"])


def turns(api: Api, runs: list[str]) -> list[dict[str, Any]]:
    """The steps that wait for their turn."""
    steps = [api.steps(run).get("write0") or {} for run in runs]
    return [step for step in steps if (step.get("waiting_for") or {}).get("kind") == "turn"]


def test_calls_over_the_requests_a_minute_wait_for_their_turn(
    place: Embedded | Cluster, model: ScriptedModel
) -> None:
    api = own_workspace(place)["admin"]
    connected(api, model, requests_per_minute=2)
    workflow = writing(api)
    runs = [started(api, workflow) for _ in range(6)]

    # Should the minute change just now, two more are let through.
    waiting = eventually(lambda: len(found := turns(api, runs)) >= 2 and found, what="steps being held back")

    for step in waiting:
        assert (step["status"], step["attempts"]) == ("waiting", 0)
        assert step["error"]["code"] == "llm_rate_limited"
        assert step["waiting_for"]["due_at"]
    assert 2 <= len(model.asked) <= 4
    assert len(model.asked) + len(turns(api, runs)) == 6


def test_calls_over_the_tokens_a_minute_wait_for_their_turn(
    place: Embedded | Cluster, model: ScriptedModel
) -> None:
    api = own_workspace(place)["admin"]
    connected(api, model, tokens_per_minute=150)
    workflow = writing(api)

    def one_waits() -> bool:
        # 110 tokens each: the second call of a minute finds room, the third does not.
        run_id = started(api, workflow)
        api.run_until(run_id, "succeeded", "waiting")
        return bool(turns(api, [run_id]))

    eventually(one_waits, what="a step being held back")
    assert len(model.asked) <= 5


def test_a_step_that_waited_is_called_in_its_turn(cluster: Cluster, model: ScriptedModel) -> None:
    api = own_workspace(cluster)["admin"]
    connection = connected(api, model, requests_per_minute=1)
    workflow = writing(api)
    runs = [started(api, workflow) for _ in range(3)]
    eventually(lambda: turns(api, runs), what="a step being held back")

    # As if the minute were over: the limit is higher, and what waits is due.
    api("PATCH", f"/model-connections/{connection}", {"requests_per_minute": None})
    with psycopg.connect(cluster.env["DATABASE_URL"]) as database:
        database.execute(
            "UPDATE runtime_wait SET due_at = now() WHERE kind = 'turn' AND run_id = ANY(%s::uuid[])", [runs]
        )
        database.execute(
            "UPDATE runtime_run SET due_at = now() WHERE due_at IS NOT NULL AND id = ANY(%s::uuid[])", [runs]
        )

    for run_id in runs:
        assert api.run_until(run_id, "succeeded", "failed")["status"] == "succeeded"
        assert api.steps(run_id)["write0"]["attempts"] == 1


def test_rates_are_set_and_taken_away(api: Api) -> None:
    body = {"slug": "rated", "preset": "other", "base_url": "http://127.0.0.1:9/v1", "models": ["x"]}
    made = api("POST", "/model-connections", {**body, "requests_per_minute": 60, "tokens_per_minute": 9000})
    assert (made["requests_per_minute"], made["tokens_per_minute"]) == (60, 9000)

    changed = api("PATCH", f"/model-connections/{made['id']}", {"tokens_per_minute": None})

    assert (changed["requests_per_minute"], changed["tokens_per_minute"]) == (60, None)
    api("PATCH", f"/model-connections/{made['id']}", {"requests_per_minute": 0}, expect=422)
    api("DELETE", f"/model-connections/{made['id']}")
