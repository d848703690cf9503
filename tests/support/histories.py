"""Every run of a database, with its steps and events, compared with what its events alone tell."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.support.folding import differences

RUNS = "SELECT id, status FROM runtime_run WHERE host_id IS NULL"
STEPS = "SELECT run_id, path, status FROM runtime_step"
EVENTS = "SELECT run_id, seq, type, path, data FROM runtime_event ORDER BY run_id, seq"


def unlike_their_events(database: Path | str) -> list[str]:
    """What differs in a SQLite file, or in the PostgreSQL database at an address; runs that a host holds are left out."""
    runs, steps, events = (_read(database, query) for query in (RUNS, STEPS, EVENTS))
    steps_of, events_of = defaultdict(list), defaultdict(list)
    for step in steps:
        steps_of[step["run_id"]].append(step)
    for event in events:
        events_of[event["run_id"]].append(event)
    return [found for run in runs for found in differences(run, steps_of[run["id"]], events_of[run["id"]])]


def _read(database: Path | str, query: str) -> list[dict[str, Any]]:
    if isinstance(database, str):
        with psycopg.connect(database, row_factory=dict_row) as connection:
            return list(connection.execute(query))
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute(query)]
    for row in rows:
        if "data" in row:
            row["data"] = json.loads(row["data"])
    return rows
