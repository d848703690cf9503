"""Group commit: what comes while something is being written goes together, and nobody suffers from a neighbour."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import OperationalError

from runtime.engine import store
from runtime.engine.writer import HITCH_S, Writer
from runtime.errors import LeaseLost


def a_write(
    name: str, *, alone: bool = False, is_inserted: bool = True, insert_until: float = math.inf
) -> Any:
    claim = SimpleNamespace(is_inserted=is_inserted, insert_until=insert_until)
    return SimpleNamespace(name=name, stands_alone=alone, claim=claim)


class Database:
    """Notes what is committed together; `answers` says what becomes of a write that is alone."""

    def __init__(self, **answers: bool | Exception) -> None:
        self.committed: list[list[str]] = []
        self.patience_s: list[float] = []
        self.gate = asyncio.Event()
        self._answers = answers

    async def call(self, _: Callable[..., Any], writes: Sequence[Any], *, patience_s: float) -> list[bool]:
        names = [write.name for write in writes]
        self.patience_s.append(patience_s)
        self.committed.append(names)
        await self.gate.wait()
        if len(names) > 1:
            if any(isinstance(self._answers.get(name), OSError) for name in names):
                raise OSError
            return [self._answers.get(name, True) is True for name in names]
        answer = self._answers.get(names[0], True)
        if isinstance(answer, Exception):
            raise answer
        return [answer]


async def written(database: Database, *writes: Any) -> list[Any]:
    """The first is under way when the others come."""
    writer = Writer(database.call, at_once=1)
    first = asyncio.create_task(writer.write(writes[0]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(writer.write(write)) for write in writes[1:]]
    await asyncio.sleep(0)
    database.gate.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


async def test_what_comes_meanwhile_goes_together() -> None:
    database = Database()
    assert await written(database, a_write("a"), a_write("b"), a_write("c"), a_write("d")) == [True] * 4
    assert database.committed == [["a"], ["b", "c", "d"]]


async def test_a_run_that_nobody_waits_for_any_more_is_not_inserted() -> None:
    database = Database()
    late = a_write("late", is_inserted=False, insert_until=0.0)
    [refused] = await written(database, late)
    assert isinstance(refused, OperationalError)
    assert database.committed == []


async def test_nor_together_with_others() -> None:
    database = Database()
    late = a_write("late", is_inserted=False, insert_until=0.0)
    found = await written(database, a_write("a"), a_write("b"), late, a_write("c"))
    assert [found[0], found[1], found[3]] == [True] * 3
    assert isinstance(found[2], OperationalError)
    assert database.committed == [["a"], ["b", "c"]]


async def test_what_touches_more_than_its_run_goes_alone_and_waits_for_nobody() -> None:
    database = Database()
    await written(database, a_write("a"), a_write("b", alone=True), a_write("c"))
    assert database.committed == [["a"], ["b"], ["c"]]


async def test_one_that_is_refused_learns_why_and_the_others_are_written() -> None:
    lost = LeaseLost("gone")
    database = Database(c=lost, d=False)
    found = await written(database, a_write("a"), a_write("b"), a_write("c"), a_write("d"))
    assert found == [True, True, lost, False]
    assert database.committed == [["a"], ["b", "c", "d"], ["c"], ["d"]]


async def test_one_that_breaks_the_transaction_harms_nobody_else() -> None:
    broken = OSError()
    database = Database(c=broken)
    assert await written(database, a_write("a"), a_write("b"), a_write("c")) == [True, True, broken]
    assert database.committed == [["a"], ["b", "c"], ["b"], ["c"]]


async def test_an_outage_is_not_waited_out_for_a_run_that_somebody_waits_to_be_accepted() -> None:
    database = Database()
    await written(database, a_write("a"), a_write("b"), a_write("c", is_inserted=False))
    assert database.patience_s == [math.inf, HITCH_S]


async def test_one_whose_owner_was_stopped_is_written_and_disturbs_nobody() -> None:
    database = Database()
    writer = Writer(database.call, at_once=1)
    tasks = [asyncio.create_task(writer.write(a_write(name))) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    database.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[1], asyncio.CancelledError)
    assert [found[0], found[2]] == [True, True]


@pytest.mark.parametrize("at_once", [1, 2])
async def test_no_more_transactions_than_allowed_are_under_way(at_once: int) -> None:
    database = Database()
    writer = Writer(database.call, at_once=at_once)
    tasks = [asyncio.create_task(writer.write(a_write(str(number)))) for number in range(10)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(database.committed) <= at_once
    database.gate.set()
    assert await asyncio.gather(*tasks) == [True] * 10


async def test_two_that_end_at_once_leave_nothing_for_the_second_to_write(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = Database()
    writer = Writer(database.call, at_once=2)
    tasks = [asyncio.create_task(writer.write(a_write(name))) for name in "abc"]
    for _ in range(3):
        await asyncio.sleep(0)
    database.gate.set()
    assert await asyncio.gather(*tasks) == [True] * 3
    for _ in range(5):
        await asyncio.sleep(0)
    assert database.committed == [["a"], ["b"], ["c"]]
    assert caplog.records == []


class OnLoop:
    """What becomes of a write that goes to the database without a thread."""

    def __init__(
        self, answer: bool | Exception, monkeypatch: pytest.MonkeyPatch, *, holds_up_the_loop: bool = False
    ) -> None:
        self.seen: list[str] = []
        self.holds_up_the_loop = holds_up_the_loop
        self._answer = answer
        monkeypatch.setattr(store, "commit_on_loop", self._commit)

    async def _commit(self, write: Any, database: Any) -> bool:
        assert database is self
        self.seen.append(write.name)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def written_on_loop(
    database: Database, on_loop: Any, *writes: Any, is_alone: bool = True
) -> list[bool]:
    writer = Writer(database.call, at_once=2, on_loop=on_loop, is_alone=lambda: is_alone)
    database.gate.set()
    return [await writer.write(write) for write in writes]


async def test_a_plain_change_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    database, on_loop = Database(), OnLoop(True, monkeypatch)
    writes = [a_write("a"), a_write("b", alone=True), a_write("c")]
    assert await written_on_loop(database, on_loop, *writes) == [True] * 3
    assert (on_loop.seen, database.committed) == (["a", "c"], [["b"]])


@pytest.mark.parametrize("is_alone", [True, False])
async def test_the_loop_stands_still_only_for_a_run_that_is_alone(
    is_alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, on_loop = Database(), OnLoop(True, monkeypatch, holds_up_the_loop=True)
    assert await written_on_loop(database, on_loop, a_write("a"), is_alone=is_alone) == [True]
    assert (on_loop.seen, database.committed) == ((["a"], []) if is_alone else ([], [["a"]]))


@pytest.mark.parametrize(
    "answer",
    [
        False,
        TimeoutError(),
        psycopg.OperationalError("gone"),
        sqlite3.OperationalError("database is locked"),
        OperationalError("gone"),
    ],
)
async def test_what_did_not_come_through_is_left_to_the_way_that_finds_out_why(
    answer: bool | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, on_loop = Database(a=False), OnLoop(answer, monkeypatch)
    assert await written_on_loop(database, on_loop, a_write("a"), a_write("b")) == [False, True]
    assert (on_loop.seen, database.committed) == (["a", "b"], [["a"], ["b"]])
