"""Runs are counted once each, by day and status, and stay counted when they are removed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.cluster import Cluster
from tests.support.product import Api, Embedded, a_document, a_node, eventually, manage, published
from tests.support.workspaces import own_workspace

ASK = {"title": "Go on?", "choices": [{"id": "yes", "title": "Yes"}]}


@pytest.fixture(params=["product", "cluster"])
def place(request: pytest.FixtureRequest) -> Embedded | Cluster:
    found: Embedded | Cluster = request.getfixturevalue(request.param)
    return found


def counts(api: Api, workflow: dict[str, Any] | None = None) -> dict[str, Any]:
    """The sums of the days, and what is open."""
    found = api("GET", f"/runs/counts?workflow={workflow['id']}" if workflow else "/runs/counts")
    days = found["days"]
    sums = {name: sum(day[name] for day in days) for name in ("succeeded", "failed", "cancelled")}
    return {**sums, "open": found["open"]}


def counted(place: Embedded | Cluster, workflow: dict[str, Any]) -> list[str]:
    """Every row of counts of a workflow's workspace."""
    code = (
        "import json; from builder.workflows.models import Workflow; from runtime.models import RunCount; "
        f"workspace = Workflow.objects.get(pk='{workflow['id']}').workspace_id; "
        "rows = RunCount.objects.filter(workspace_id=workspace).values_list(); "
        "print(json.dumps(sorted(map(str, rows))))"
    )
    rows: list[str] = json.loads(manage("shell", "--no-imports", "-c", code, env=place.env))
    return rows


def started(api: Api, workflow: dict[str, Any], *, draft: bool = False) -> str:
    return str(api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}, "draft": draft})["id"])


def workflows(api: Api) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """One whose runs succeed, one whose runs fail, one whose runs wait."""
    start, end = a_node("start", "manual_trigger"), a_node("end", "reply", {"text": "."})
    stop = a_node("end", "stop", {"outcome": "failure", "message": "No."})
    return (
        published(api, "Goes well", a_document([start, end], "start>end")),
        published(api, "Fails", a_document([start, stop], "start>end")),
        published(api, "Waits", a_document([start, a_node("ask", "human_handoff", ASK)], "start>ask")),
    )


def test_every_end_is_counted_once_and_open_runs_as_they_are(place: Embedded | Cluster) -> None:
    api = own_workspace(place)["admin"]
    good, bad, slow = workflows(api)
    runs = [started(api, good) for _ in range(12)] + [started(api, bad) for _ in range(3)]
    cancelled, waiting = started(api, slow), started(api, slow)
    api.run_until(waiting, "waiting")
    api.run_until(cancelled, "waiting")
    api("POST", f"/runs/{cancelled}/cancel")
    tests = [started(api, good, draft=True) for _ in range(2)]
    for run_id in [*runs, cancelled, *tests]:
        api.run_until(run_id, "succeeded", "failed", "cancelled")
    expected = {"succeeded": 12, "failed": 3, "cancelled": 1, "open": {"waiting": 1}}

    eventually(lambda: counts(api) == expected, what="every run being counted")

    assert counts(api, bad) == {"succeeded": 0, "failed": 3, "cancelled": 0, "open": {}}
    today = api("GET", "/runs/counts?days=1")["days"]
    assert [day["succeeded"] for day in today] == [12]
    assert today[0]["median_ms"] > 0
    assert len(api("GET", "/runs/counts?days=7")["days"]) == 7

    rows = counted(place, good)
    manage("recount_runs", env=place.env)
    assert counts(api) == expected
    assert counted(place, good) == rows


def test_removed_runs_stay_counted(place: Embedded | Cluster) -> None:
    api = own_workspace(place)["admin"]
    start, end = a_node("start", "manual_trigger"), a_node("end", "reply", {"text": "."})
    graph = a_document([start, end], "start>end")
    graph["settings"] = {"keep_days": 1}
    workflow = published(api, "Kept for a day", graph)
    run_id = started(api, workflow)
    api.run_until(run_id, "succeeded")
    manage_code = (
        "from runtime.models import Run; from datetime import *; "
        f"Run.objects.filter(pk='{run_id}').update(keep_until=datetime(2020, 1, 1, tzinfo=UTC))"
    )
    manage("shell", "--no-imports", "-c", manage_code, env=place.env)

    manage("remove_old_runs", env=place.env)

    api("GET", f"/runs/{run_id}", expect=404)
    assert counts(api, workflow)["succeeded"] == 1
