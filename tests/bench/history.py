"""W5: what it costs to look at runs when there are a million of them, on PostgreSQL.

`python -m tests.bench.history [--sizes 10000 1000000]` fills a database of its own with ended and open runs of one
workspace, over sixty days, with their steps and events, and asks for what the pages ask for: in the process itself,
query and answer, and over HTTP from a web process. Figures are milliseconds; compare them with each other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from tests.support.cluster import Cluster
from tests.support.product import Api, a_document, a_node

SIZES = (10_000, 1_000_000)
TIMES = 60
WARM_UP = 10
WORKFLOWS = 20
DAYS = 60
TABLES = ("runtime_run", "runtime_step", "runtime_event")

# Number n of them stands at its share of the sixty days; most belong to few workflows, and one in a hundred is open.
RUNS = """
INSERT INTO runtime_run (id, workspace_id, workflow_id, graph_id, version, trigger, input, started_by, facts,
  origin_id, forked_from, parent_path, parent_key, depth, status, attention, result, error, handled_errors,
  created_at, started_at, ended_at, progress_at, cancel_reason, due_at, fence, wakes, event_seq, steps_done, tokens,
  cost_usd, charges, slot_key, slot_limit, has_slot, state_bytes, active_ms, budget_grants, uncounted)
SELECT id, %(workspace)s, (%(workflows)s::uuid[])[1 + floor((%(many)s - 1) * power(random(), 3))::int],
  %(graph)s, 1, CASE WHEN n %% 997 = 0 THEN 'every_night' ELSE 'start' END,
  jsonb_build_object('body', jsonb_build_object('message', 'Where is my order #' || n || '? ' || md5(n::text),
    'customer', md5((n %% 5000)::text))), 'webhook', '{}', id, '', '', '', 0, status, '',
  '{"text": "It left yesterday."}', CASE WHEN status = 'failed' THEN jsonb_build_object('code', 'mcp_timeout',
    'message', 'The server took too long.', 'retryable', true, 'details', '{}'::jsonb, 'node', 'lookup',
    'path', 'lookup') END, 0, at, at, CASE WHEN ended THEN at + took END, at, '', NULL, 1, 0, 4, 3, 900, 0.0012, 0,
  '', 0, true, 700, 1200, 0, NOT ended
FROM (SELECT n, at, random() * interval '4 s' AS took, status, status IN ('succeeded', 'failed', 'cancelled') AS ended,
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
      || substr(md5('x' || n), 1, 15))::uuid AS id
  FROM (SELECT n, now() - interval '1 day' * %(days)s * (1 - n::float8 / %(size)s) - interval '1 min' AS at,
      CASE WHEN n %% 100 < 94 THEN 'succeeded' WHEN n %% 100 < 98 THEN 'failed' WHEN n %% 100 = 98 THEN 'cancelled'
        WHEN n %% 1000 = 99 THEN 'needs_attention' ELSE 'waiting' END AS status
    FROM generate_series(1, %(size)s) AS n) AS numbered) AS made
"""
STEPS = """
INSERT INTO runtime_step (run_id, path, node, type, position, status, ports, attempts, input, output, started_at,
  ended_at)
SELECT id, path, path, 'mcp_tool', position, 'succeeded', '["out"]', 1, '{"order_id": "12347"}',
  '{"status": "shipped", "carrier": "DHL", "days_late": 2}', created_at, created_at
FROM runtime_run, (VALUES ('start', 0), ('lookup', 1), ('answer', 2)) AS step (path, position)
"""
EVENTS = """
INSERT INTO runtime_event (run_id, seq, at, type, path, data)
SELECT id, seq, created_at, type, path, '{"node": "lookup", "type": "mcp_tool"}'
FROM runtime_run, (VALUES (1, 'run.queued', ''), (2, 'run.started', ''), (3, 'step.started', 'lookup'),
  (4, 'step.ended', 'lookup')) AS event (seq, type, path)
"""


def fill(database: str, size: int, workspace: UUID, workflows: list[str], graph: str) -> None:
    """Rows first, indexes after: so a million runs take minutes."""
    values = {
        "size": size,
        "days": DAYS,
        "workspace": workspace,
        "workflows": workflows,
        "many": len(workflows),
        "graph": graph,
    }
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {', '.join(TABLES)}, runtime_runcount")
        indexes = [_without_indexes(connection, table) for table in TABLES]
        connection.execute(RUNS, values)
        connection.execute(STEPS)
        connection.execute(EVENTS)
        for statements in indexes:
            for statement in statements:
                connection.execute(statement)
        for table in TABLES:
            connection.execute(f"VACUUM ANALYZE {table}")


def _without_indexes(connection: psycopg.Connection[Any], table: str) -> list[str]:
    """Take a table's indexes away; returns what makes them anew."""
    found = connection.execute(
        "SELECT i.relname, pg_get_indexdef(i.oid), pg_get_constraintdef(c.oid) FROM pg_index x "
        "JOIN pg_class i ON i.oid = x.indexrelid LEFT JOIN pg_constraint c ON c.conindid = i.oid "
        "WHERE x.indrelid = %s::regclass",
        [table],
    ).fetchall()
    anew = []
    for name, definition, constraint in found:
        if constraint:
            connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
            anew.append(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {constraint}')
        else:
            connection.execute(f'DROP INDEX "{name}"')
            anew.append(definition)
    return anew


def sizes_of(database: str) -> list[tuple[str, int, int]]:
    """Table, bytes with its indexes, rows."""
    with psycopg.connect(database) as connection:
        return [
            (
                table,
                *connection.execute(
                    f"SELECT pg_total_relation_size('{table}'), count(*) FROM {table}"
                ).fetchone(),
            )  # type: ignore[misc]
            for table in TABLES
        ]


Questions = Mapping[str, Callable[[], Any]]


def timed(questions: Questions) -> dict[str, list[float]]:
    """Milliseconds of each question, asked in turn so that none profits from standing alone."""
    times: dict[str, list[float]] = {name: [] for name in questions}
    for number in range(WARM_UP + TIMES):
        for name, ask in questions.items():
            started = time.perf_counter()
            ask()
            if number >= WARM_UP:
                times[name].append((time.perf_counter() - started) * 1000)
    return times


def admin_of(workspace: Any) -> Any:
    """Its admin, as pages know one."""
    from builder.accounts.access import Member
    from builder.accounts.models import Membership

    membership = Membership.objects.select_related("user", "workspace").get(workspace=workspace, role="admin")
    return Member(membership.user, membership.workspace, "admin")


def queries(member: Any, workflows: list[str]) -> Questions:
    """What the pages ask, in this process."""
    from builder.http.paging import newest_first
    from builder.monitoring.counts import overview
    from builder.monitoring.queries import runs_of, steps_of
    from builder.monitoring.schemas import RunOut
    from runtime.engine import clock
    from runtime.models import Event, Run

    rows = Run.objects.order_by("-pk").values_list("pk", flat=True)
    some = rows[Run.objects.count() // 2]
    deep = newest_first(runs_of(member).filter(pk__lte=some), cursor=None, limit=1, show=str)["next"]
    ten_days = _days_ago(clock.now(), 10), _days_ago(clock.now(), 9)

    def page(cursor: str | None = None, **filters: Any) -> Callable[[], Any]:
        return lambda: newest_first(runs_of(member, **filters), cursor=cursor, limit=50, show=RunOut.of)

    def opened() -> None:
        run = Run.objects.get(pk=some)
        steps_of(run)
        list(Event.objects.filter(run_id=run.pk, seq__gt=0).order_by("seq")[:501])

    busy, rare, none = UUID(workflows[0]), UUID(workflows[-2]), UUID(workflows[-1])
    return {
        "first page": page(),
        "deep page": page(deep),
        "status: failed": page(status="failed"),
        "status: needs attention": page(status="needs_attention"),
        "busy workflow": page(workflow=busy),
        "rare workflow": page(workflow=rare),
        "workflow without runs": page(workflow=none),
        "workflow and status": page(workflow=busy, status="failed"),
        "rare trigger": page(trigger="every_night"),
        "one day": page(since=ten_days[0], until=ten_days[1]),
        "one day, failed": page(since=ten_days[0], until=ten_days[1], status="failed"),
        "text: an id": page(text=str(some)),
        "text: every workflow": page(text="workflow"),
        "text: rare workflows": page(text="seldom"),
        "text: a frequent error": page(text="mcp_timeout"),
        "text: of no run": page(text="nothing of the kind"),
        "counts of 30 days, open": lambda: overview(member),
        "counts of a workflow": lambda: overview(member, workflow_id=busy),
        "open one run": opened,
    }


def over_http(api: Api, workflows: list[str], run_id: str) -> Questions:
    return {
        "first page": lambda: api("GET", "/runs"),
        "status: failed": lambda: api("GET", "/runs?status=failed"),
        "busy workflow": lambda: api("GET", f"/runs?workflow={workflows[0]}"),
        "counts of 30 days, open": lambda: api("GET", "/runs/counts"),
        "open one run": lambda: (api("GET", f"/runs/{run_id}"), api("GET", f"/runs/{run_id}/steps")),
    }


def _days_ago(at: Any, days: int) -> Any:
    from datetime import timedelta

    return at - timedelta(days=days)


def show(title: str, found: Mapping[int, Mapping[str, list[float]]]) -> None:
    sizes = list(found)
    print(f"\n{title}")
    print(f"{'':26}" + "".join(f"{f'{size:,} p50':>16}{'p95':>9}" for size in sizes) + f"{'ratio':>8}")
    for name in found[sizes[0]]:
        medians = [statistics.median(found[size][name]) for size in sizes]
        cells = [
            f"{middle:16.2f}{sorted(found[size][name])[int(TIMES * 0.95) - 1]:9.2f}"
            for size, middle in zip(sizes, medians, strict=True)
        ]
        print(f"{name:26}{''.join(cells)}{medians[-1] / medians[0]:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    sizes = parser.parse_args().sizes
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), number=2)
        try:
            cluster.start(workers=0, ready=False)
            _measure(cluster, sizes)
        finally:
            cluster.stop()


def _measure(cluster: Cluster, sizes: list[int]) -> None:
    os.environ |= cluster.env | {"DJANGO_SETTINGS_MODULE": "builder.settings"}
    import django

    django.setup()
    from django.db import connection

    from builder.accounts.models import Workspace
    from runtime.engine import run_counts
    from runtime.models import Graph, Run

    api, database = cluster.api(), cluster.env["DATABASE_URL"]
    nodes = [a_node("start", "manual_trigger"), a_node("end", "reply", {"text": "."})]
    graph = a_document(nodes, "start>end")
    names = [f"Workflow {number}" for number in range(WORKFLOWS)] + ["Seldom A", "Seldom B", "Seldom never"]
    workflows = [api("POST", "/workflows", {"name": name, "graph": graph})["id"] for name in names]
    api("POST", f"/workflows/{workflows[0]}/publish")
    workspace, digest = Workspace.objects.get(slug="shop"), Graph.objects.all()[0].digest
    inside: dict[int, dict[str, list[float]]] = {}
    outside: dict[int, dict[str, list[float]]] = {}
    for size in sizes:
        started = time.perf_counter()
        fill(database, size, workspace.pk, workflows[:-3], digest)
        _some_seldom(database, workflows)
        filled = time.perf_counter()
        counted = run_counts.recount()
        print(
            f"{size:,} runs: filled in {filled - started:.0f} s, "
            f"{counted:,} counted in {time.perf_counter() - filled:.1f} s"
        )
        connection.close()
        inside[size] = timed(queries(admin_of(workspace), workflows))
        run_id = str(Run.objects.order_by("-pk").values_list("pk", flat=True)[size // 3])
        outside[size] = timed(over_http(api, workflows, run_id))
    show("Query and answer, in one process (ms)", inside)
    show("Over HTTP, one client (ms)", outside)
    print(f"\n{'table':16} {'rows':>12} {'MiB':>10} {'bytes a run':>12}")
    for table, taken, count in sizes_of(database):
        print(f"{table:16} {count:12,} {taken / 2**20:10,.0f} {taken / sizes[-1]:12,.0f}")


def _some_seldom(database: str, workflows: list[str]) -> None:
    """Three runs each for two workflows, from long ago; the last one has none."""
    with psycopg.connect(database, autocommit=True) as connection:
        for workflow in workflows[-3:-1]:
            connection.execute(
                "UPDATE runtime_run SET workflow_id = %s WHERE id IN "
                "(SELECT id FROM runtime_run WHERE workflow_id = %s ORDER BY id LIMIT 3)",
                [workflow, workflows[0]],
            )
        connection.execute("ANALYZE runtime_run")


if __name__ == "__main__":
    main()
