"""Counting what a run costs PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

NAME = "counting"
"""Of the connection, for who ends all others."""


@contextmanager
def counted_commits(database_url: str) -> Iterator[Callable[[str], int]]:
    """How many transactions wrote the row of a run, by its id; of runs that are written in here."""
    with psycopg.connect(database_url, autocommit=True, application_name=NAME) as database:
        database.execute("CREATE TABLE written (run uuid, by xid8)")
        database.execute(
            # What is counted for pages is folded in later, for many runs at once.
            "CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF TG_OP = 'INSERT' OR NEW.uncounted = OLD.uncounted THEN"
            " INSERT INTO written VALUES (NEW.id, pg_current_xact_id()); END IF; RETURN NEW; END $$"
        )
        database.execute(
            "CREATE TRIGGER note_write BEFORE INSERT OR UPDATE ON runtime_run"
            " FOR EACH ROW EXECUTE FUNCTION note_write()"
        )

        def count(run_id: str) -> int:
            (found,) = database.execute(
                "SELECT count(DISTINCT by) FROM written WHERE run = %s", [run_id]
            ).fetchone() or (0,)
            return int(found)

        yield count
        database.execute("DROP FUNCTION note_write() CASCADE")
        database.execute("DROP TABLE written")
