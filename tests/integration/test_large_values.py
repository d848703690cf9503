"""Values over 256 kB: kept once beside the rows of steps, and read wherever a value is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.cluster import Cluster
from tests.support.product import Api, Embedded, a_document, a_node, eventually, manage, published

LARGE = "Ä€x" * 60_000
SMALL = "y" * 1000
GRAPH = a_document(
    [
        a_node("start", "webhook_trigger"),
        a_node("keep", "set_values", {"values": [{"id": "text", "value": "{{ trigger.body.text }}"}]}),
        a_node("nap", "wait", {"for_s": 1}),
        a_node("again", "set_values", {"values": [{"id": "text", "value": "{{ steps.keep.text }}"}]}),
        a_node("end", "reply", {"data": "{{ {'size': size(steps.again.text), 'first': steps.keep.text} }}"}),
    ],
    "start>keep, keep>nap, nap>again, again>end",
)


class Embedding:
    """SQLite, in one process."""

    def __init__(self, product: Embedded) -> None:
        self.path = f"{product.env['PATCHBAY_DATA_DIR']}/patchbay.sqlite3"
        self.api = product.api("admin")

    def rows(self, query: str, run: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.path)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query.replace("%s", "?"), [run.replace("-", "")])]


class Clustered:
    """PostgreSQL, several processes."""

    def __init__(self, cluster: Cluster) -> None:
        self.address = cluster.env["DATABASE_URL"]
        self.api = cluster.api("admin")

    def rows(self, query: str, run: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.address, row_factory=dict_row) as database:
            return list(database.execute(query, [run]))


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest) -> Any:
    if request.param == "SQLite":
        return Embedding(request.getfixturevalue("product"))
    return Clustered(request.getfixturevalue("cluster"))


def a_run(api: Api, name: str, text: str) -> dict[str, Any]:
    workflow = published(api, name, GRAPH)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"body": {"text": text}}})
    return api.run_until(run["id"], "succeeded", "failed")


def kept(place: Any, run: dict[str, Any]) -> int:
    return len(place.rows("SELECT digest FROM runtime_storedvalue WHERE run_id = %s", run["id"]))


def test_a_large_value_is_kept_once_and_read_everywhere(place: Any) -> None:
    run = a_run(place.api, "Large values", LARGE)
    assert run["status"] == "succeeded", run["error"]
    assert run["result"] == {"size": len(LARGE), "first": LARGE}
    steps = place.api.steps(run["id"])
    assert steps["keep"]["output"] == steps["again"]["output"] == {"text": LARGE}
    assert steps["start"]["output"]["body"] == {"text": LARGE}
    # What was posted, what was rendered, what two steps gave alike, and the reply.
    written = place.rows(
        "SELECT path, length(CAST(input AS text)) AS i, length(CAST(output AS text)) AS o FROM runtime_step"
        " WHERE run_id = %s",
        run["id"],
    )
    assert all((row[side] or 0) < 1000 for row in written for side in ("i", "o")), written
    assert kept(place, run) == len(
        {
            str(step[side])
            for step in steps.values()
            for side in ("input", "output")
            if len(str(step[side])) > 1000
        }
    )
    events = place.api("GET", f"/runs/{run['id']}/events?limit=200")["items"]
    assert len(str(events)) < 10_000


def test_small_values_stay_in_their_rows(place: Any) -> None:
    run = a_run(place.api, "Small values", SMALL)
    assert run["result"] == {"size": 1000, "first": SMALL}
    assert kept(place, run) == 0


def test_a_fork_takes_large_values_over(place: Any) -> None:
    run = a_run(place.api, "Forked with large values", LARGE)
    before = kept(place, run)
    fork = place.api("POST", f"/runs/{run['id']}/replay", {"from": "again"})
    done = place.api.run_until(fork["id"], "succeeded", "failed")
    assert done["result"] == run["result"]
    assert place.api.steps(fork["id"])["keep"]["output"] == {"text": LARGE}
    assert kept(place, run) == before
    edited = {"from": "again", "data": {"keep": {"text": LARGE + "!"}}}
    other = place.api("POST", f"/runs/{run['id']}/replay", edited)
    assert place.api.run_until(other["id"], "succeeded")["result"]["size"] == len(LARGE) + 1


def test_large_values_count_for_the_budget_of_a_run(place: Any) -> None:
    graph = {**GRAPH, "settings": {"budgets": {"bytes": 500_000}}}
    workflow = published(place.api, "Too much data", graph)
    run = place.api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"body": {"text": LARGE}}})
    held = place.api.run_until(run["id"], "needs_attention", "succeeded", "failed")
    assert (held["status"], held["attention"]) == ("needs_attention", "budget_exceeded")


def test_large_values_go_with_their_run(product: Embedded) -> None:
    place = Embedding(product)
    graph = {**GRAPH, "settings": {"keep_days": 1}}
    workflow = published(place.api, "Removed with large values", graph)
    run = place.api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"body": {"text": LARGE}}})
    place.api.run_until(run["id"], "succeeded")
    assert kept(place, run) > 0
    with closing(sqlite3.connect(place.path, timeout=20)) as database, database:
        database.execute(
            "UPDATE runtime_run SET keep_until = '2020-01-01 00:00:00' WHERE id = ?",
            [run["id"].replace("-", "")],
        )

    def is_gone() -> bool:
        # A run is removed only once it is counted.
        manage("remove_old_runs", env=product.env)
        return not place.rows("SELECT id FROM runtime_run WHERE id = %s", run["id"])

    eventually(is_gone, what="the run being removed")
    assert kept(place, run) == 0
