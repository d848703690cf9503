"""PostgreSQL asked from an event loop: connections are kept, and one that was lost or interrupted is not used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from runtime.engine import loop_database
from runtime.engine.loop_database import LoopDatabase
from tests.support.services import POSTGRES_URL, require_services


@pytest.fixture
async def database() -> AsyncIterator[LoopDatabase]:
    require_services()
    given = psycopg.conninfo.conninfo_to_dict(POSTGRES_URL)
    # As Django's backend gives them.
    found = LoopDatabase({**given, "cursor_factory": psycopg.Cursor, "prepare_threshold": 3})
    yield found
    await found.close()


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    require_services()
    with psycopg.connect(POSTGRES_URL, autocommit=True) as link:
        yield link


async def backend(database: LoopDatabase) -> int:
    return await database.number("SELECT pg_backend_pid() WHERE %s", [True])


def is_there(other: psycopg.Connection, pid: int) -> bool:
    return other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is not None


async def test_one_connection_is_enough_for_who_comes_after_another(database: LoopDatabase) -> None:
    assert len({await backend(database) for _ in range(5)}) == 1


async def test_values_are_read_by_their_places_whatever_they_hold(database: LoopDatabase) -> None:
    large = "Grüße \u2028 " * 500_000
    statement = "SELECT length(%s::text) + %s::int * length(%s::json->>'a')"
    for _ in range(3):
        assert await database.number(statement, [large, 2, '{"a": "xy"}']) == len(large) + 4
    assert await database.number("SELECT coalesce(%s::int, 7)", [None]) == 7


async def test_an_error_is_told_and_the_next_statement_goes_on(database: LoopDatabase) -> None:
    for given in ("not a number", "1", "1"):
        if given == "1":
            assert await database.number("SELECT %s::int", [given]) == 1
        else:
            with pytest.raises(psycopg.DatabaseError, match="not a number"):
                await database.number("SELECT %s::int", [given])
    with pytest.raises(psycopg.DatabaseError, match="nowhere"):
        await database.number("SELECT 1 FROM nowhere", [])
    assert await backend(database)


async def test_those_that_come_at_once_do_not_wait_for_each_other(database: LoopDatabase) -> None:
    at_once = [database.number("SELECT pg_backend_pid() FROM pg_sleep(%s::float)", [0.3]) for _ in range(3)]
    assert len(set(await asyncio.gather(*at_once))) == 3


async def test_a_connection_that_is_lost_while_it_is_used_is_told_once_and_not_used_again(
    database: LoopDatabase, other: psycopg.Connection
) -> None:
    lost = await backend(database)
    asked = asyncio.create_task(database.number("SELECT count(*) FROM pg_sleep(%s::float)", [60]))
    await asyncio.sleep(0.1)
    other.execute("SELECT pg_terminate_backend(%s, 5000)", [lost])
    with pytest.raises(psycopg.DatabaseError):
        await asked
    assert await backend(database) not in {0, lost}


async def test_a_connection_that_is_lost_in_between_is_not_used_again(
    database: LoopDatabase, other: psycopg.Connection
) -> None:
    lost = await backend(database)
    other.execute("SELECT pg_terminate_backend(%s, 5000)", [lost])
    # It hears of that by itself.
    await asyncio.sleep(0.1)
    assert await backend(database) not in {0, lost}


async def test_who_is_told_to_stop_leaves_no_statement_behind(
    database: LoopDatabase, other: psycopg.Connection
) -> None:
    pid = await backend(database)
    task = asyncio.create_task(database.number("SELECT count(*) FROM pg_sleep(%s::float)", [60]))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(50):
        if not is_there(other, pid):
            break
        await asyncio.sleep(0.1)
    assert not is_there(other, pid)
    assert await backend(database) != pid


async def test_what_takes_longer_than_a_lease_is_given_up(
    database: LoopDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_database, "LEASE_S", 0.2)
    with pytest.raises(TimeoutError):
        await database.number("SELECT count(*) FROM pg_sleep(%s::float)", [60])
    assert await backend(database)
