"""On PostgreSQL the tables of runs can be cut by month while runs go on, and old months are dropped whole."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from runtime.identifiers import first_id_of
from tests.support.cluster import Cluster
from tests.support.commands import Commands
from tests.support.histories import unlike_their_events
from tests.support.product import Api, Embedded, a_document, a_node, eventually, manage, published
from tests.support.services import require_services

ASK = {"title": "Go on?", "choices": [{"id": "yes", "title": "Yes"}]}
TABLES = {
    "runtime_run": "id",
    "runtime_step": "run_id",
    "runtime_attempt": "run_id",
    "runtime_event": "run_id",
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of this module's own: its tables are cut."""
    require_services()
    cluster = Cluster(tmp_path_factory.mktemp("own"), number=2)
    cluster.start(workers=1)
    yield cluster
    assert unlike_their_events(cluster.env["DATABASE_URL"]) == []
    cluster.stop()


@pytest.fixture(scope="module")
def before(own: Cluster) -> dict[str, Any]:
    """Runs that were there when the tables were cut: some ended, one waits for a person."""
    api = own.api()
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("ask", "human_handoff", ASK),
        a_node("end", "reply", {"text": "."}),
    ]
    asks = published(api, "Asks", a_document(nodes, "start>ask, ask.yes>end"))
    plain = published(api, "Plain", a_document([nodes[0], nodes[2]], "start>end"))
    ended = [started(api, plain) for _ in range(5)]
    for run_id in ended:
        api.run_until(run_id, "succeeded")
    waiting = started(api, asks)
    api.run_until(waiting, "waiting")
    shown = {run_id: whole(api, run_id) for run_id in ended}
    assert "whole" in manage("partition_runs", "--show", env=own.env)
    oids = {table: sql(own, f"SELECT '{table}'::regclass::oid") for table in TABLES}
    first, second = at_the_same_time(own, ["partition_runs"], ["partition_runs"])
    assert first == second
    return {"oids": oids, "api": api, "plain": plain, "asks": asks, "shown": shown, "waiting": waiting}


def at_the_same_time(own: Cluster, *commands: list[str]) -> list[str]:
    """What commands print that come to the tables of runs at the same moment."""
    with (
        psycopg.connect(own.env["DATABASE_URL"], autocommit=True) as connection,
        ExitStack() as stack,
        ThreadPoolExecutor(len(commands)) as pool,
    ):
        connection.execute("SELECT pg_advisory_lock(hashtext('partitions'))")
        processes = [stack.enter_context(closing(Commands(own.env))) for _ in commands]
        printed = [
            pool.submit(process.run, command) for process, command in zip(processes, commands, strict=True)
        ]
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        eventually(
            lambda: sql(own, waiting) == [(len(commands),)], what="the commands waiting for their turn"
        )
        connection.execute("SELECT pg_advisory_unlock(hashtext('partitions'))")
        return [future.result() for future in printed]


def started(api: Api, workflow: dict[str, Any]) -> str:
    return str(api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"])


def whole(api: Api, run_id: str) -> list[Any]:
    return [api("GET", f"/runs/{run_id}{part}") for part in ("", "/steps", "/events")]


def sql(own: Cluster, query: str, *values: Any) -> list[Any]:
    with psycopg.connect(own.env["DATABASE_URL"], autocommit=True) as connection:
        cursor = connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def test_what_was_there_is_shown_as_before_and_nothing_was_copied(
    own: Cluster, before: dict[str, Any]
) -> None:
    api = before["api"]
    for run_id, shown in before["shown"].items():
        assert whole(api, run_id) == shown
    assert {run["id"] for run in api("GET", "/runs?status=succeeded")["items"]} >= before["shown"].keys()
    for table, key in TABLES.items():
        assert sql(own, f"SELECT '{table}_before'::regclass::oid") == before["oids"][table]
        months = sql(own, f"SELECT count(*) FROM pg_inherits WHERE inhparent = '{table}'::regclass")
        assert months[0][0] >= 4
        partitioned = sql(own, f"SELECT pg_get_partkeydef('{table}'::regclass)")
        assert partitioned == [(f"RANGE ({key})",)]


def test_indexes_and_rules_are_those_of_the_migrations(own: Cluster, before: dict[str, Any]) -> None:
    for table in TABLES:
        parent, child = (
            sql(
                own,
                "SELECT count(*), bool_and(indisvalid) FROM pg_index WHERE indrelid = %s::regclass",
                name,
            )
            for name in (table, f"{table}_before")
        )
        assert parent == child
        assert parent[0][1]
    names = {name for (name,) in sql(own, "SELECT indexname FROM pg_indexes WHERE tablename = 'runtime_run'")}
    assert {"run_due", "run_newest", "run_by_status", "run_uncounted", "runtime_run_pkey"} <= names
    with pytest.raises(psycopg.errors.CheckViolation):
        sql(own, "UPDATE runtime_run SET due_at = now() WHERE status = 'succeeded'")
    assert "No changes" in manage("makemigrations", "--check", "--dry-run", env=own.env)
    manage("migrate", env=own.env)


def test_runs_go_on_and_new_ones_start(own: Cluster, before: dict[str, Any]) -> None:
    api = before["api"]
    [item] = [item for item in api("GET", "/inbox")["items"] if item["run"] == before["waiting"]]
    api("POST", f"/inbox/{item['id']}/answer", {"choice": "yes", "answers": {}})
    api.run_until(before["waiting"], "succeeded")

    api.run_until(started(api, before["plain"]), "succeeded")


def test_cutting_twice_changes_nothing_and_months_are_made_ahead(
    own: Cluster, before: dict[str, Any]
) -> None:
    shown = manage("partition_runs", "--show", env=own.env)
    assert manage("partition_runs", env=own.env) == shown
    newest = sorted(line.split()[0] for line in shown.splitlines() if line.startswith("p2"))[-1]
    far = str(first_id_of(datetime.now(UTC) + timedelta(days=4000)))
    rest = "SELECT column_name FROM information_schema.columns WHERE table_name = 'runtime_run' AND column_name <> 'id'"
    columns = ", ".join(name for (name,) in sql(own, rest))
    # A month that is missing is made, and a run from a machine whose clock was far ahead is kept.
    for table in TABLES:
        sql(own, f"ALTER TABLE {table} DETACH PARTITION {table}_rest")
        sql(own, f"DROP TABLE {table}_rest")
        [(bounds,)] = sql(
            own, f"SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = '{table}_{newest}'"
        )
        first = bounds.split("'")[1]
        sql(own, f"DROP TABLE {table}_{newest}")
        sql(own, f"CREATE TABLE {table}_rest PARTITION OF {table} FOR VALUES FROM ('{first}') TO (MAXVALUE)")
    some = next(iter(before["shown"]))
    sql(
        own,
        f"INSERT INTO runtime_run (id, {columns}) SELECT %s, {columns} FROM runtime_run WHERE id = %s",
        far,
        some,
    )

    manage("partition_runs", env=own.env)

    after = manage("partition_runs", "--show", env=own.env)
    assert [line.split()[0] for line in after.splitlines()] == [
        line.split()[0] for line in shown.splitlines()
    ]
    assert sql(own, "SELECT count(*) FROM runtime_run_rest") == [(1,)]
    sql(own, "DELETE FROM runtime_run WHERE id = %s", far)


def test_an_old_month_is_dropped_whole_once_nothing_in_it_is_needed(
    own: Cluster, before: dict[str, Any]
) -> None:
    api = before["api"]
    run_id = started(api, before["plain"])
    api.run_until(run_id, "succeeded")
    held = started(api, before["asks"])
    api.run_until(held, "waiting")
    # As if those two had been begun three years ago, each in a month of its own.
    months = [first_id_of(datetime(2020, month, 1, tzinfo=UTC)) for month in (2, 3, 4)]
    old, old_held = (str(first_id_of(datetime(2020, month, 9, tzinfo=UTC))) for month in (2, 3))
    for table, key in TABLES.items():
        [(bounds,)] = sql(
            own, f"SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = '{table}_before'"
        )
        end = bounds.split("'")[1]
        sql(own, f"UPDATE {table} SET {key} = %s WHERE {key} = %s", old, run_id)
        sql(own, f"UPDATE {table} SET {key} = %s WHERE {key} = %s", old_held, held)
        sql(own, f"ALTER TABLE {table} DETACH PARTITION {table}_before")
        for name, start, stop in (("p2020_02", *months[:2]), ("p2020_03", *months[1:])):
            sql(
                own,
                f"CREATE TABLE {table}_{name} PARTITION OF {table} FOR VALUES FROM ('{start}') TO ('{stop}')",
            )
            sql(
                own,
                f"WITH gone AS (DELETE FROM {table}_before WHERE {key} >= '{start}' AND {key} < '{stop}' "
                f"RETURNING *) INSERT INTO {table} SELECT * FROM gone",
            )
        sql(
            own,
            f"ALTER TABLE {table} ATTACH PARTITION {table}_before FOR VALUES FROM ('{months[2]}') TO ('{end}')",
        )
    sql(own, "UPDATE runtime_wait SET run_id = %s WHERE run_id = %s", old_held, held)
    for owner in (old, old_held):
        sql(own, "INSERT INTO runtime_storedvalue (run_id, digest, value) VALUES (%s, 'd', '{}')", owner)

    printed = manage("remove_old_runs", "--days", "365", env=own.env)

    assert printed.splitlines()[0] == "partition p2020_02 dropped"
    assert "p2020_03" not in printed
    api("GET", f"/runs/{old}", expect=404)
    assert sql(own, "SELECT run_id::text FROM runtime_storedvalue") == [(old_held,)]
    assert api("GET", f"/runs/{old_held}")["status"] == "waiting"
    assert api("GET", "/runs/counts")["days"][-1]["succeeded"] >= 1
    for run in before["shown"]:
        api("GET", f"/runs/{run}")
    api("POST", f"/runs/{old_held}/cancel")
    api.run_until(old_held, "cancelled")

    # As if a run of today had waited for it and might be tried again.
    failed = started(api, before["asks"])
    api("POST", f"/runs/{failed}/cancel")
    api.run_until(failed, "cancelled")
    waited_for = "UPDATE runtime_run SET parent_id = %s, parent_key = %s WHERE id = %s"
    sql(own, waited_for, failed, "child", old_held)
    assert "dropped" not in manage("remove_old_runs", "--days", "365", env=own.env)
    api("GET", f"/runs/{old_held}")

    sql(own, waited_for, None, "", old_held)
    [(key,)] = sql(
        own,
        "INSERT INTO runtime_signal (id, key, delivery_id, payload, sent_at)"
        " SELECT gen_random_uuid(), key, 'd', '{}', now() FROM runtime_wait WHERE run_id = %s RETURNING key",
        old_held,
    )
    commands = ["remove_old_runs", "--days", "365"]
    printed = at_the_same_time(own, commands, commands)
    assert sorted(text.count("partition p2020_03 dropped") for text in printed) == [0, 1]
    api("GET", f"/runs/{old_held}", expect=404)
    assert sql(own, "SELECT 1 FROM runtime_signal WHERE key = %s", key) == []


def test_sqlite_keeps_its_tables_whole(product: Embedded) -> None:
    with pytest.raises(AssertionError, match="Partitions need PostgreSQL"):
        manage("partition_runs", env=product.env)
