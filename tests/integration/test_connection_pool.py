"""Connections to PostgreSQL that are kept between uses: which one is given out, how many, and what a loss costs."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator

import psycopg
import pytest

from builder.postgresql import pool as module
from builder.postgresql.pool import Link, Pool
from tests.support.services import drop_database, end_connections, fresh_database, require_services

DATABASE = "patchbay_test_pool"
SIZE = 8


class Database:
    """One of its own, with a pool whose every connection is counted."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opened = 0
        self.is_away = False
        self.pool = Pool(self._connected, max_size=SIZE, timeout=0.2)

    def _connected(self) -> Link:
        if self.is_away:
            raise psycopg.OperationalError("refused")
        self.opened += 1
        return psycopg.connect(self.url, autocommit=True)

    def taken(self, count: int) -> list[Link]:
        return [self.pool.getconn() for _ in range(count)]

    def given_back(self, links: list[Link]) -> None:
        for link in links:
            self.pool.putconn(link)

    def fill(self) -> None:
        self.given_back(self.taken(SIZE))
        assert self.opened == SIZE


@pytest.fixture
def database() -> Iterator[Database]:
    require_services()
    found = Database(fresh_database(DATABASE))
    yield found
    found.pool.close()
    drop_database(DATABASE)


def answers(link: Link) -> bool:
    return link.execute("SELECT 1").fetchone() == (1,)


def test_the_one_that_was_used_last_is_given_out_first(database: Database) -> None:
    first, last = database.taken(2)
    database.given_back([first, last])
    assert database.taken(2) == [last, first]
    assert database.opened == 2
    database.given_back([first, last])


def test_nobody_gets_one_more_than_there_may_be(database: Database) -> None:
    links = database.taken(SIZE)
    with pytest.raises(psycopg.OperationalError):
        database.pool.getconn()
    threading.Timer(0.05, database.pool.putconn, [links.pop()]).start()
    links.append(database.pool.getconn())
    assert database.opened == SIZE
    database.given_back(links)


def test_after_a_loss_of_all_nobody_is_given_a_dead_one(database: Database) -> None:
    database.fill()
    end_connections(database.url)
    links = database.taken(SIZE)
    assert all(answers(link) for link in links)
    database.given_back(links)


def test_one_that_breaks_in_use_takes_the_others_along(database: Database) -> None:
    """They may be dead as well and not know it yet, as after the loss of a machine."""
    database.fill()
    broken = database.pool.getconn()
    with pytest.raises(psycopg.OperationalError):
        broken.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    database.pool.putconn(broken)
    links = database.taken(SIZE)
    assert database.opened == 2 * SIZE
    database.given_back(links)


def test_one_in_the_middle_of_a_transaction_is_not_given_to_another(database: Database) -> None:
    link = database.pool.getconn()
    link.execute("BEGIN")
    database.pool.putconn(link)
    assert link.closed
    database.given_back(database.taken(SIZE))


def test_an_outage_is_told_at_once_and_takes_no_room(database: Database) -> None:
    database.is_away = True
    for _ in range(SIZE + 1):
        with pytest.raises(psycopg.OperationalError, match="refused"):
            database.pool.getconn()
    database.is_away = False
    database.fill()


def test_what_the_server_says_of_its_own_is_no_loss(database: Database) -> None:
    link = database.pool.getconn()
    link.execute("LISTEN news")
    database.pool.putconn(link)
    with psycopg.connect(database.url, autocommit=True) as other:
        other.execute("NOTIFY news")
    assert select.select([link], [], [], 10)[0]
    assert database.pool.getconn() is link
    assert answers(link)
    database.pool.putconn(link)


def test_one_that_nobody_needed_for_long_is_closed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.fill()
    monkeypatch.setattr(module, "KEPT_IDLE_S", 0.0)
    for _ in range(SIZE):
        database.given_back(database.taken(1))
    monkeypatch.undo()
    links = database.taken(SIZE)
    assert database.opened > SIZE
    database.given_back(links)
