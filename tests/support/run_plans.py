"""Fills a PostgreSQL with runs and prints, as JSON, how it would find what the pages of runs ask for.

A program of its own, because the database that Django uses is fixed at its start: `python -m tests.support.run_plans SIZE`
with DATABASE_URL set.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import django


def plans(size: int) -> dict[str, str]:
    """Question -> the plans of its statements."""
    from django.db import connection

    from builder.accounts.models import Workspace
    from builder.workflows.actions import create_workflow
    from runtime.engine import commands, run_counts
    from runtime.graph.schema import parse_graph
    from tests.bench import history

    workspace = Workspace.objects.get(slug="shop")
    member = history.admin_of(workspace)
    workflows = [
        str(create_workflow(member, name=f"Workflow {number}").pk) for number in range(history.WORKFLOWS)
    ]
    digest = commands.freeze(parse_graph({"schema": 1, "nodes": [], "edges": []}))
    history.fill(os.environ["DATABASE_URL"], size, workspace.pk, workflows, digest)
    run_counts.recount()
    connection.close()
    return {name: _plans(ask) for name, ask in history.queries(member, workflows).items()}


def _plans(ask: Callable[[], Any]) -> str:
    """Of every statement that a question leads to."""
    from django.db import connection

    seen: list[str] = []

    def explained(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        with context["connection"].connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}", params)
            seen.extend(row[0] for row in cursor.fetchall())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        ask()
    return "\n".join(seen)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "builder.settings")
    django.setup()
    print(json.dumps(plans(int(sys.argv[1]))))
