"""A workspace spends no more on models than its admin lets it, and runs go on once there is room."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster import Cluster
from tests.support.product import Api, Embedded, a_document, a_node, eventually, published
from tests.support.scripted_model import ScriptedModel, scripted_model
from tests.support.workspaces import own_workspace

TOKENS = 110
"""What the scripted model says that each call took."""
PRICES = {"writer": {"input": 1000.0, "output": 1000.0}}
COST = TOKENS * 1000 / 1_000_000


@pytest.fixture(params=["product", "cluster"])
def place(request: pytest.FixtureRequest) -> Embedded | Cluster:
    found: Embedded | Cluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with scripted_model() as server:
        server.says("writer", "Dear customer.")
        yield server


@pytest.fixture
def admin(place: Embedded | Cluster, model: ScriptedModel) -> Api:
    api = own_workspace(place)["admin"]
    connection = {"slug": "m", "preset": "other", "base_url": model.url, "models": ["writer"]}
    api("POST", "/model-connections", {**connection, "prices": PRICES})
    return api


def writing(api: Api, name: str = "Writes", texts: int = 1) -> dict[str, Any]:
    """A workflow that asks the model so many times, one after the other."""
    steps = [f"write{number}" for number in range(texts)]
    nodes = [a_node(step, "llm_write", {"instructions": "Write.", "input": "x"}) for step in steps]
    end = a_node("end", "reply", {"text": "."})
    path = ["start", *steps, "end"]
    edges = ", ".join(f"{a}>{b}" for a, b in itertools.pairwise(path))
    return published(api, name, a_document([a_node("start", "manual_trigger"), *nodes, end], edges))


def started(api: Api, workflow: dict[str, Any]) -> str:
    return str(api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"])


def held(api: Api, run_id: str) -> dict[str, Any]:
    """The run, once a budget holds it back."""
    run = api.run_until(run_id, "needs_attention")
    assert run["attention"] == "budget_exceeded"
    return run


def test_what_steps_cost_is_counted_for_the_workspace(admin: Api) -> None:
    admin.run_until(started(admin, writing(admin, texts=2)), "succeeded")

    used = admin("GET", "/workspace/limits")["used"]

    assert used["tokens_today"] == used["tokens_this_month"] == 2 * TOKENS
    assert used["cost_usd_today"] == pytest.approx(2 * COST)


@pytest.mark.parametrize(
    ("budget", "limit", "more"),
    [("tokens_per_day", TOKENS + 1, TOKENS * 10), ("cost_usd_per_month", COST * 1.5, COST * 10)],
)
def test_a_run_is_held_at_the_budget_and_goes_on_when_it_is_raised(
    admin: Api, model: ScriptedModel, budget: str, limit: float, more: float
) -> None:
    admin("PATCH", "/workspace/limits", {budget: limit})
    run_id = started(admin, writing(admin, texts=3))
    held(admin, run_id)

    step = admin.steps(run_id)["write2"]
    assert (step["status"], step["attempts"], step["waiting_for"]["kind"]) == ("waiting", 0, "budget")
    assert step["error"]["code"] == "budget_exceeded"
    assert step["error"]["details"]["budget"] == budget
    assert "Settings, Budgets" in step["error"]["message"]
    assert len(model.asked) == 2
    [event] = [
        event
        for event in admin("GET", f"/runs/{run_id}/events")["items"]
        if event["type"] == "run.needs_attention"
    ]
    assert event["data"] == {"code": "budget_exceeded", "budget": f"workspace_{budget}"}

    admin("PATCH", "/workspace/limits", {budget: more})

    assert admin.run_until(run_id, "succeeded", "failed")["status"] == "succeeded"
    assert admin.steps(run_id)["write2"]["attempts"] == 1
    assert len(model.asked) == 3


def test_a_budget_that_is_taken_away_lets_every_held_run_go_on(admin: Api) -> None:
    admin("PATCH", "/workspace/limits", {"tokens_per_month": 0})
    workflow = writing(admin)
    runs = [started(admin, workflow) for _ in range(3)]
    for run_id in runs:
        held(admin, run_id)

    admin("PATCH", "/workspace/limits", {"tokens_per_month": None})

    for run_id in runs:
        admin.run_until(run_id, "succeeded")


def test_resuming_a_run_does_not_get_around_the_budget(admin: Api, model: ScriptedModel) -> None:
    admin("PATCH", "/workspace/limits", {"tokens_per_day": 0})
    run_id = started(admin, writing(admin))
    first = held(admin, run_id)

    admin("POST", f"/runs/{run_id}/resume")

    def held_again() -> bool:
        events = admin("GET", f"/runs/{run_id}/events")["items"]
        return [event["type"] for event in events].count("run.needs_attention") == 2

    eventually(held_again, what="the run being held a second time")
    assert held(admin, run_id)["id"] == first["id"]
    assert model.asked == []


def test_a_held_run_can_be_cancelled(admin: Api) -> None:
    admin("PATCH", "/workspace/limits", {"tokens_per_day": 0})
    run_id = started(admin, writing(admin))
    held(admin, run_id)

    admin("POST", f"/runs/{run_id}/cancel")

    assert admin.run_until(run_id, "cancelled")["attention"] == ""


def test_steps_that_ask_no_model_go_on_without_a_budget(admin: Api) -> None:
    admin("PATCH", "/workspace/limits", {"tokens_per_day": 0, "cost_usd_per_month": 0})
    plain = a_document(
        [a_node("start", "manual_trigger"), a_node("end", "reply", {"text": "."})], "start>end"
    )

    admin.run_until(started(admin, published(admin, "No model", plain)), "succeeded")


def test_setting_budgets_is_for_admins_and_leaves_an_audit_entry(place: Embedded | Cluster) -> None:
    apis = own_workspace(place, "builder", "viewer")
    admin = apis["admin"]
    apis["builder"]("PATCH", "/workspace/limits", {"tokens_per_day": 5}, expect=403)
    assert apis["viewer"]("GET", "/workspace/limits")["tokens_per_day"] is None

    answer = admin("PATCH", "/workspace/limits", {"tokens_per_day": 5, "cost_usd_per_month": 2.5})

    assert (answer["tokens_per_day"], answer["cost_usd_per_month"]) == (5, 2.5)
    assert admin("PATCH", "/workspace/limits", {})["tokens_per_day"] == 5
    entries = [entry for entry in admin("GET", "/audit")["items"] if entry["verb"] == "workspace.set_limits"]
    assert len(entries) == 2
    admin("PATCH", "/workspace/limits", {"tokens_per_day": -1}, expect=422)
    admin("PATCH", "/workspace/limits", {"tokens_a_day": 1}, expect=422)
