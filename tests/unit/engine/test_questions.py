"""Questions in the middle of a call: asked only where the answer can still be of use."""

from __future__ import annotations

import asyncio

from runtime.engine.questions import Questions
from runtime.nodes.base import Park
from tests.unit.engine.runs import at, begun, call, failure

QUESTION = Park("handoff", due_at=None)


async def test_a_call_goes_on_with_the_answer() -> None:
    state = begun("start > a")
    call(state, "a")
    woken: list[None] = []
    questions = Questions(state, lambda: woken.append(None))

    asked = asyncio.create_task(questions.ask("a", QUESTION, at(2)))
    await asyncio.sleep(0)
    assert (len(woken), list(state.waits)) == (1, ["a"])
    state.wake("a", at(3), "signal")
    assert questions.settle("a", {"choice": "yes"}, at(3))

    assert await asked == {"choice": "yes"}


async def test_nobody_is_asked_once_the_end_was_decided() -> None:
    state = begun("start > a", "start > b")
    call(state, "a")
    call(state, "b")
    state.fail("a", failure(), at(2))

    assert await Questions(state, lambda: None).ask("b", QUESTION, at(3)) is None
    assert state.waits == {}
