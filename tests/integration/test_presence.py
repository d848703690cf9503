"""Handing a new run to a host: only to one of this database that has room, and nobody is left waiting for what it refuses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from builder.triggers.hooks import Accepted, own_instead
from runtime.engine import presence, sealing
from runtime.engine.live import RedisLiveUpdates, Subscription, answer_topic
from runtime.engine.new_runs import NewRun
from runtime.engine.presence import SPARE_ROOM, HandedOver, KnownHosts, Presence
from runtime.engine.sealing import MAX_BYTES
from runtime.identifiers import new_id
from runtime.models import Host, Run
from tests.support.own_redis import OwnRedis

pytestmark = pytest.mark.django_db(transaction=True)

ROOM = SPARE_ROOM + 2


class Place:
    """A process that has runs, and hosts that say of each which is handed to them whether they insert it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.inserts = True
        self.live = RedisLiveUpdates(url)
        self.known = KnownHosts(self.live)
        self.begun: asyncio.Queue[NewRun] = asyncio.Queue()
        self._all = [self.live]

    def _begin(self, new: NewRun) -> Future[bool]:
        self.begun.put_nowait(new)
        told: Future[bool] = Future()
        told.set_result(self.inserts)
        return told

    async def add_host(self, *, lives: bool = True, is_here: bool = True) -> Presence:
        now, live = datetime.now(UTC), RedisLiveUpdates(self.url)
        until = now + timedelta(seconds=60 if lives else -60)
        host_id = new_id()
        if is_here:
            row = Host(id=host_id, name="h", started_at=now, lease_until=until, progress_at=now)
            await look(row.save)
        host = Presence(live, host_id, self._begin)
        await host.listen()
        self._all.append(live)
        return host

    async def hand_over(self, host: Presence, *, room: int = ROOM, within_s: float = 5.0) -> NewRun | None:
        """Hand a run over as soon as the host is known; None when it is not within the time."""
        new = a_new_run()
        async with asyncio.timeout(within_s + 5):
            until = time.monotonic() + within_s
            while time.monotonic() < until:
                host.tell(room)
                if self.known.begin(new) is not None:
                    return new
                await asyncio.sleep(0.05)
        return None

    async def close(self) -> None:
        for live in self._all:
            await live.close()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    server = OwnRedis(tmp_path)
    server.start()
    made = Place(f"{server.url}/0")
    made.known.listen(look)
    yield made
    await made.close()
    server.kill()


def a_new_run(**given: Any) -> NewRun:
    facts: dict[str, Any] = {"graph_id": "0" * 64, "trigger": "start", "input": {"text": "hello"}}
    run = Run(id=new_id(), origin_id=new_id(), workspace_id=new_id(), workflow_id=new_id(), **facts | given)
    return NewRun(run, 7, is_inserted=False)


def rows(new: NewRun) -> dict[str, Any]:
    return {name: value for name, value in vars(new.run).items() if name != "_state"}


async def look(function: Any) -> Any:
    return await asyncio.to_thread(function)


async def unreachable(function: Any) -> Any:
    raise AssertionError("nobody asks the database")


async def test_a_host_begins_what_it_is_handed(place: Place) -> None:
    new = await place.hand_over(await place.add_host())
    assert new is not None
    given = await asyncio.wait_for(place.begun.get(), 5)
    assert (rows(given), given.settings, given.is_inserted) == (rows(new), 7, False)
    assert time.monotonic() - 3 < given.made_at <= time.monotonic()


@pytest.mark.parametrize("what", ["without a row", "dead", "full"])
async def test_nothing_is_handed_to_a_host_that_is(place: Place, what: str) -> None:
    host = await place.add_host(is_here=what != "without a row", lives=what != "dead")
    assert await place.hand_over(host, room=SPARE_ROOM if what == "full" else ROOM, within_s=0.5) is None


async def test_nothing_is_handed_to_a_host_that_has_not_told_of_itself_for_a_while(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await place.hand_over(await place.add_host())
    assert place.known.begin(a_new_run()) is not None
    monkeypatch.setattr(presence, "HEARD_WITHIN_S", 0.0)
    assert place.known.begin(a_new_run()) is None


async def test_no_more_is_handed_over_than_there_is_room_for(place: Place) -> None:
    assert await place.hand_over(await place.add_host())
    assert place.known.begin(a_new_run()) is not None
    assert place.known.begin(a_new_run()) is None


async def test_what_is_too_large_is_not_handed_over(place: Place) -> None:
    assert await place.hand_over(await place.add_host())
    assert place.known.begin(a_new_run(input={"text": "x" * MAX_BYTES})) is None
    assert place.known.begin(a_new_run()) is not None


async def test_a_refusal_is_told_at_once(place: Place) -> None:
    host = await place.add_host()
    place.inserts = False
    assert await place.hand_over(host)
    new = a_new_run()
    async with place.live.subscribe(answer_topic(new.run.pk)) as news:
        began = time.monotonic()
        handed = place.known.begin(new)
        assert isinstance(handed, HandedOver)
        assert not await handed.is_inserted(news, look)
        assert not await news.wait(0.05), "the refusal is no answer"
    assert time.monotonic() - began < presence.LOOK_AFTER_S


async def test_that_a_run_was_inserted_is_told_if_its_answer_takes_longer(place: Place) -> None:
    host = await place.add_host()
    assert await place.hand_over(host)
    slow, quick = a_new_run(), a_new_run()
    async with (
        place.live.subscribe(answer_topic(slow.run.pk)) as news,
        place.live.subscribe(answer_topic(quick.run.pk)) as answer,
    ):
        handed = place.known.begin(slow)
        assert handed is not None
        # It is in no database, and nobody looks there.
        assert await handed.is_inserted(news, unreachable)
        assert not await news.wait(0.05), "it is no answer"

        assert place.known.begin(quick) is not None
        while (await place.begun.get()).run.pk != quick.run.pk:
            continue
        host.answered(quick.run.pk)
        assert not await answer.wait(2 * presence.TOLD_AFTER_S)


async def test_what_nobody_tells_of_is_looked_for_and_its_host_not_trusted_again(place: Place) -> None:
    host = await place.add_host()
    assert await place.hand_over(host)
    handed = place.known.begin(a_new_run())
    assert handed is not None
    assert not await handed.is_inserted(Subscription(), look)
    assert place.known.begin(a_new_run()) is None
    assert await place.hand_over(host), "it has told of itself anew"


async def test_a_run_that_its_host_inserts_late_is_found_though_nothing_could_be_inserted_here(
    place: Place,
) -> None:
    assert await place.hand_over(await place.add_host())
    now = datetime.now(UTC)
    new, tried = a_new_run(created_at=now, progress_at=now), []

    async def accept() -> Accepted:
        tried.append(new)
        await look(new.run.save)
        raise OperationalError("the connection is closed")

    handed = place.known.begin(new)
    assert handed is not None
    assert await own_instead(handed, Subscription(), accept) is None
    assert tried == [new]


@pytest.mark.parametrize(("inserts", "least"), [(True, 2), (False, 1)], ids=["silent", "refused"])
async def test_an_outage_is_told_as_soon_as_the_host_cannot_insert_the_run_any_more(
    place: Place, monkeypatch: pytest.MonkeyPatch, inserts: bool, least: int
) -> None:
    monkeypatch.setattr(presence, "BEGUN_WITHIN_S", 2 * presence.LOOK_AFTER_S)
    assert await place.hand_over(await place.add_host())
    place.inserts = inserts
    new, tried = a_new_run(), []

    async def accept() -> Accepted:
        tried.append(new)
        raise OperationalError("the connection is closed")

    async with place.live.subscribe(answer_topic(new.run.pk)) as news:
        handed = place.known.begin(new)
        assert handed is not None
        with pytest.raises(OperationalError):
            await own_instead(handed, Subscription() if inserts else news, accept)
    assert not handed.may_come
    assert least <= len(tried) <= 2


async def test_what_another_installation_or_anybody_else_says_is_not_believed(
    place: Place, settings: Any
) -> None:
    host, stranger = await place.add_host(), RedisLiveUpdates(place.url)
    own = settings.SECRET_KEY
    settings.SECRET_KEY = "that of another installation"
    sealing._cipher.cache_clear()
    host.tell(ROOM)
    texts = ["", "{}", "\0", sealing.seal([time.monotonic(), 7, {}], about=presence.channel_of(host._id))]
    settings.SECRET_KEY = own
    sealing._cipher.cache_clear()
    for channel in (presence.HOSTS, presence.channel_of(host._id)):
        for text in [*texts, sealing.seal([1], about="something else")]:
            stranger.send(channel, text)
    await asyncio.sleep(0.3)
    assert place.known.begin(a_new_run()) is None
    assert place.begun.empty()
    await stranger.close()
