"""What every socket does: it admits by the clock, survives a database that is away, and never stays open without a word."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404

from builder.accounts import guarded_socket
from builder.accounts.guarded_socket import FAILED, REFUSED, Found, GuardedSocket

NOTHING: Found = (None, False)
WITHIN_S = 5.0


class Telling(GuardedSocket):
    """Finds what it is given, one after the other, and then nothing."""

    route = "ws/tests"
    topic = "test"

    def __init__(self, finds: Iterator[Found | Exception]) -> None:
        super().__init__()
        self._finds = finds

    def workspace_id(self) -> UUID:
        return uuid4()

    def look(self) -> Found:
        found = next(self._finds, NOTHING)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_socket, "POLL_S", 0.01)
    admit(monkeypatch, lambda: None)


def admit(monkeypatch: pytest.MonkeyPatch, decide: Callable[[], None]) -> None:
    monkeypatch.setattr(guarded_socket, "require_listener", lambda *_: decide())


@asynccontextmanager
async def listening(finds: Iterator[Found | Exception]) -> AsyncIterator[ApplicationCommunicator]:
    scope = {"type": "websocket", "session": SimpleNamespace(session_key="known")}
    socket = ApplicationCommunicator(Telling.as_asgi(finds=finds), scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(WITHIN_S))["type"] == "websocket.accept"
    try:
        yield socket
    finally:
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(WITHIN_S)


async def next_frame(socket: ApplicationCommunicator) -> Any:
    return json.loads((await socket.receive_output(WITHIN_S))["text"])


def endless_frames() -> Iterator[Found]:
    while True:
        yield {"type": "events"}, True


async def code_of(socket: ApplicationCommunicator) -> int:
    """What it is closed with, after whatever it says before."""
    while True:
        said = await socket.receive_output(WITHIN_S)
        if said["type"] == "websocket.close":
            return int(said["code"])


async def test_who_loses_the_right_is_sent_away_from_a_socket_that_is_never_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guarded_socket, "ADMIT_EVERY_S", 0.02)
    answers = iter([None, None])

    def decide() -> None:
        if next(answers, PermissionDenied) is PermissionDenied:
            raise PermissionDenied

    admit(monkeypatch, decide)
    async with listening(endless_frames()) as socket:
        assert await code_of(socket) == REFUSED


async def test_what_is_gone_closes_it_like_what_may_not_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(iter([({"type": "events"}, False), Http404()])) as socket:
        assert await code_of(socket) == REFUSED
    assert caplog.records == []


async def test_a_database_that_is_away_is_asked_again() -> None:
    away = OperationalError("the connection is closed")
    async with listening(iter([away, away, ({"type": "events"}, False)])) as socket:
        assert await next_frame(socket) == {"type": "events"}


async def test_nobody_is_told_that_all_is_well_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guarded_socket, "PING_EVERY_S", 0.0)
    away = OperationalError("the connection is closed")
    async with listening(iter([away, away, ({"type": "events"}, False)])) as socket:
        assert await next_frame(socket) == {"type": "events"}
        assert await next_frame(socket) == {"type": "ping"}


async def test_a_failure_closes_it_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(iter([({"type": "events"}, False), ValueError("broken")])) as socket:
        assert await code_of(socket) == FAILED
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.message for record in errors] == ["A socket failed."]


async def test_what_a_browser_says_is_not_listened_to() -> None:
    async with listening(iter([NOTHING, NOTHING, ({"type": "events"}, False)])) as socket:
        await socket.send_input({"type": "websocket.receive", "text": "{no json"})
        assert await next_frame(socket) == {"type": "events"}
