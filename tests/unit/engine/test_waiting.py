"""Waiting for what is stored already: a database that is away meanwhile is not the end of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError

from runtime.engine.live import Subscription
from runtime.engine.waiting import until


async def at_once(function: Callable[[], Any]) -> Any:
    return function()


def waited_for(*answers: Any) -> Awaitable[Any]:
    """What comes of looking, where each look gives the next answer, or raises it."""
    left = list(answers)

    def look() -> Any:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return until(Subscription(), look, timeout_s=20, in_database=at_once)


def test_it_is_looked_for_again_after_an_outage() -> None:
    away = OperationalError("the connection is closed")
    assert asyncio.run(waited_for(away, away, None, "the reply")) == "the reply"


def test_a_fault_is_told() -> None:
    with pytest.raises(ProgrammingError):
        asyncio.run(waited_for(ProgrammingError("no such column"), "the reply"))
