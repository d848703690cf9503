"""News between processes: quick when Redis is there, lost without harm when it is not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from runtime.engine import live as live_module
from runtime.engine import redis_line
from runtime.engine.live import PREFIX, RedisLiveUpdates, Subscription, answer_topic
from runtime.engine.sealing import MAX_BYTES, seal
from runtime.engine.waiting import answer_within
from runtime.identifiers import new_id
from tests.support.certificates import a_certificate
from tests.support.fault_proxy import FaultProxy
from tests.support.own_redis import OwnRedis
from tests.support.product import free_port
from tests.support.services import REDIS_URL, require_services


@pytest.fixture
async def make_live() -> AsyncIterator[Callable[..., RedisLiveUpdates]]:
    made: list[RedisLiveUpdates] = []

    def make(url: str = REDIS_URL) -> RedisLiveUpdates:
        made.append(RedisLiveUpdates(url))
        return made[-1]

    yield make
    for live in made:
        await live.close()


async def quiet(news: Subscription) -> None:
    """Take what a new subscription says about itself."""
    while await news.wait(0.3):
        pass


async def test_news_reaches_every_subscriber_of_its_topic_and_no_other(
    make_live: Callable[..., RedisLiveUpdates],
) -> None:
    require_services()
    here, there = make_live(), make_live()
    async with (
        here.subscribe("run.a") as first,
        here.subscribe("run.a") as second,
        here.subscribe("run.b") as other,
    ):
        for subscription in (first, second, other):
            await quiet(subscription)

        there.publish("run.a", {"seq": 1})

        assert await first.wait(5)
        assert await second.wait(5)
        assert not await other.wait(0.2)


async def test_an_answer_that_is_waited_for_in_the_same_process_needs_no_redis(
    make_live: Callable[..., RedisLiveUpdates],
) -> None:
    live, topic = make_live(f"redis://127.0.0.1:{free_port()}"), answer_topic(new_id())
    async with live.subscribe(topic) as news:
        await asyncio.to_thread(live.publish, topic, {"answer": (True, "here")})
        assert await news.wait(5)
        assert news.told == {"answer": (True, "here")}


async def test_a_topic_can_be_left_and_taken_up_again(make_live: Callable[..., RedisLiveUpdates]) -> None:
    require_services()
    live = make_live()
    for round_number in range(3):
        async with live.subscribe("run.again") as news:
            await quiet(news)
            live.publish("run.again", {"round": round_number})
            assert await news.wait(5)


async def test_an_answer_is_brought_along_where_it_is_small_and_only_its_installation_can_read_it(
    make_live: Callable[..., RedisLiveUpdates],
) -> None:
    require_services()
    here, there = make_live(), make_live()
    run_id = new_id()
    topic = answer_topic(run_id)
    async with here.subscribe(topic) as news, Redis.from_url(REDIS_URL).pubsub() as stranger:
        await eventually_listening(here, there)
        await stranger.subscribe(PREFIX)
        assert await stranger.get_message(timeout=5), "the subscription is confirmed"

        there.publish(topic, {"answer": [True, {"text": "It is on its way."}]})
        # Nothing of this run is in any database.
        assert await answer_within(news, run_id, timeout_s=5, look_first=False) == (
            True,
            {"text": "It is on its way."},
        )
        said = b""
        while topic.encode() not in said:
            message = await stranger.get_message(ignore_subscribe_messages=True, timeout=5)
            assert message is not None
            said = message["data"]
        assert b"way" not in said

        there.publish(topic, {"answer": [True, "x" * MAX_BYTES]})
        assert await news.wait(5)
        assert news.told == {}, "too large: to be looked up"


async def test_an_answer_that_somebody_else_made_up_wakes_nobody(
    make_live: Callable[..., RedisLiveUpdates],
) -> None:
    require_services()
    here, there = make_live(), make_live()
    topic = answer_topic(new_id())
    async with here.subscribe(topic) as news, Redis.from_url(REDIS_URL) as stranger:
        await eventually_listening(here, there)
        other = seal({"answer": [True, "of another run"]}, about=answer_topic(new_id()))
        for made_up in ('{"answer": [true, "refund it"]}', other, "", "é" * 40):
            await stranger.publish(PREFIX, b"\xff\xfe")
            await stranger.publish(PREFIX, f"{topic} {made_up}")
        there.publish(topic, {"answer": [True, "genuine"]})
        assert await news.wait(5)
        assert news.told == {"answer": [True, "genuine"]}
        assert not await news.wait(0.2)


async def test_an_answer_reaches_whoever_waits_for_it_at_once(
    make_live: Callable[..., RedisLiveUpdates],
) -> None:
    require_services()
    here, there = make_live(), make_live()
    async with here.subscribe("answer.first") as first, here.subscribe("answer.other") as other:
        await eventually_listening(here, there)

        there.publish("answer.first", {})

        assert await first.wait(5)
        assert not await other.wait(0.2)


async def test_of_many_news_of_a_topic_the_latest_is_enough(
    make_live: Callable[..., RedisLiveUpdates],
) -> None:
    require_services()
    here, there = make_live(), make_live()
    async with here.subscribe("run.busy") as news:
        await quiet(news)
        for number in range(500):
            there.publish("run.busy", {"seq": number})
        assert await news.wait(5)
        assert not await news.wait(0.3)


async def eventually_listening(here: RedisLiveUpdates, there: RedisLiveUpdates) -> None:
    """Wait until the first answer comes through."""
    async with asyncio.timeout(10), here.subscribe("answer.probe") as probe:
        while not await probe.wait(0.1):
            there.publish("answer.probe", {})


async def test_who_hears_nothing_for_a_while_goes_on_listening(
    make_live: Callable[..., RedisLiveUpdates], monkeypatch: pytest.MonkeyPatch
) -> None:
    require_services()
    monkeypatch.setattr(live_module, "QUIET_S", 0.05)
    here, there = make_live(), make_live()
    async with here.subscribe("run.quiet") as news:
        await quiet(news)
        # By now it has asked several times whether anybody is there.
        there.publish("run.quiet", {"seq": 1})
        assert await news.wait(0.8), "it had to connect anew"


async def test_news_come_through_again_after_the_line_was_cut_off_in_silence(
    make_live: Callable[..., RedisLiveUpdates], monkeypatch: pytest.MonkeyPatch
) -> None:
    require_services()
    monkeypatch.setattr(live_module, "QUIET_S", 0.2)
    monkeypatch.setattr(redis_line, "ANSWERS_WITHIN_S", 0.2)
    address = urlsplit(REDIS_URL)
    proxy = FaultProxy(address.port or 6379)
    try:
        here, there = make_live(f"redis://127.0.0.1:{proxy.port}"), make_live()
        async with here.subscribe("run.cut") as news:
            await quiet(news)
            proxy.swallow()
            there.publish("run.cut", {"seq": 1})
            assert not await news.wait(0.3)
            proxy.forward()
            # Being subscribed anew wakes too, for what was missed.
            assert await news.wait(10)
            await quiet(news)
            there.publish("run.cut", {"seq": 2})
            assert await news.wait(5)
    finally:
        proxy.close()


@pytest.mark.timeout(30)
async def test_without_redis_nothing_is_raised_and_nothing_hangs(
    make_live: Callable[..., RedisLiveUpdates],
) -> None:
    live = make_live(f"redis://127.0.0.1:{free_port()}/0")

    async with asyncio.timeout(10), live.subscribe("run.a") as news:
        live.publish("run.a", {})
        assert not await news.wait(0.3)
        async with live.subscribe("run.b") as more:
            assert not await more.wait(0.1)


@pytest.mark.parametrize("way", ["a password", "a user", "a socket", "encrypted"])
async def test_redis_is_reached_in_the_ways_that_its_address_may_say(
    way: str, tmp_path: Path, make_live: Callable[..., RedisLiveUpdates]
) -> None:
    server = OwnRedis(tmp_path)
    server.start()
    file = a_certificate(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer), return_exceptions=True)

    socket = tmp_path / "redis.socket"
    port = free_port()
    listening = [
        await asyncio.start_server(forward, "127.0.0.1", port, ssl=context),
        await asyncio.start_unix_server(forward, socket),
    ]
    addresses = {
        "a password": f"redis://:secret@127.0.0.1:{server.port}/1",
        "a user": f"redis://caller:secret@127.0.0.1:{server.port}",
        "a socket": f"unix://{socket}",
        "encrypted": f"rediss://127.0.0.1:{port}?ssl_ca_certs={file}",
    }
    async with Redis.from_url(server.url) as client:
        await client.execute_command("ACL", "SETUSER", "caller", "on", ">secret", "&*", "+@all")
        if way == "a password":
            await client.execute_command("ACL", "SETUSER", "default", "resetpass", ">secret")
    try:
        here, there = make_live(addresses[way]), make_live(addresses[way])
        async with here.subscribe("run.a") as news:
            await quiet(news)
            there.publish("run.a", {"seq": 1})
            assert await news.wait(5)
    finally:
        for one in listening:
            one.close()
        server.kill()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_wrong_password_is_told_in_the_log(
    tmp_path: Path, make_live: Callable[..., RedisLiveUpdates], caplog: pytest.LogCaptureFixture
) -> None:
    server = OwnRedis(tmp_path)
    server.start()
    try:
        async with make_live(f"redis://nobody:wrong@127.0.0.1:{server.port}").subscribe("run.a") as news:
            assert not await news.wait(0.3)
    finally:
        server.kill()
    assert "Redis refuses" in caplog.text


async def test_a_redis_that_refuses_each_message_is_not_connected_to_for_each(
    tmp_path: Path, make_live: Callable[..., RedisLiveUpdates]
) -> None:
    server = OwnRedis(tmp_path)
    server.start()
    try:
        async with Redis.from_url(server.url) as client:
            await client.execute_command("ACL", "SETUSER", "default", "resetchannels")
            before = (await client.info("stats"))["total_connections_received"]
            live = make_live(server.url)
            for number in range(20):
                live.send("hosts", str(number))
                await asyncio.sleep(0.01)
            assert (await client.info("stats"))["total_connections_received"] == before + 1
    finally:
        server.kill()
