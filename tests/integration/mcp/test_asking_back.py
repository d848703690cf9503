"""What servers ask in the middle of a call, as the pool hears it, in both shapes of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from runtime.gateways import McpServerSettings, SamplingSettings
from runtime.mcp.input_required import InputRequired
from runtime.mcp.pool import McpPool
from runtime.mcp.results import ToolResult
from tests.integration.mcp.conftest import http_settings
from tests.support.asking import Asking


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with Asking(tmp_path_factory.mktemp("new")) as server:
        yield server


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with Asking(tmp_path_factory.mktemp("old"), old=True) as server:
        yield server


class Answers:
    """Gives the same answer to every question, after `release`; what was asked is kept."""

    def __init__(self, answer: Mapping[str, Any] | None = None) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.release = asyncio.Event()
        self.release.set()
        self._answer = answer or {"action": "accept", "content": {"code": "7"}}

    async def elicit(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(params)
        await self.release.wait()
        return self._answer

    async def sample(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(params)
        return {"role": "assistant", "content": {"type": "text", "text": "Lantern."}, "model": "m"}


async def called(
    pool: McpPool, settings: McpServerSettings, tool: str, asker: Answers | None = None, **more: Any
) -> ToolResult | InputRequired:
    return await pool.call_tool(
        settings, tool, {}, timeout_s=more.pop("timeout_s", 20.0), asker=asker, **more
    )


async def test_a_new_server_ends_the_call_with_its_question_and_takes_the_answer_later(
    pool: McpPool, new: Asking
) -> None:
    settings = http_settings(new.url)
    wanted = await called(pool, settings, "book", Answers())
    assert isinstance(wanted, InputRequired)
    assert wanted.requests["who"]["method"] == "elicitation/create"
    assert wanted.requests["who"]["params"]["requestedSchema"]["required"] == ["name", "seats", "email"]
    answer = {"who": {"action": "accept", "content": {"name": "Ida", "seats": 2}}}
    result = await called(pool, settings, "book", responses=answer, state=wanted.state)
    assert isinstance(result, ToolResult)
    assert result.data == answer


async def test_an_old_server_asks_while_the_call_goes_on(pool: McpPool, old: Asking) -> None:
    asker = Answers()
    result = await called(pool, http_settings(old.url), "twice", asker)
    assert isinstance(result, ToolResult)
    assert result.data == {key: {"action": "accept", "content": {"code": "7"}} for key in ("first", "second")}
    assert [row["message"] for row in asker.asked] == ["The first code?", "The second?"]


async def test_the_time_limit_stands_still_while_a_person_is_asked(pool: McpPool, old: Asking) -> None:
    asker = Answers()
    asker.release.clear()
    call = asyncio.create_task(called(pool, http_settings(old.url), "chain", asker, timeout_s=1.0))
    await asyncio.wait({call}, timeout=2.5)
    assert not call.done()
    asker.release.set()
    assert isinstance(await call, ToolResult)


async def test_questions_of_an_old_server_come_to_the_call_that_they_belong_to(
    pool: McpPool, old: Asking
) -> None:
    settings = http_settings(old.url)
    await called(pool, settings, "chain", Answers())
    askers = [Answers({"action": "accept", "content": {"code": str(number)}}) for number in range(5)]
    results = await asyncio.gather(*(called(pool, settings, "chain", asker) for asker in askers))
    codes = [result.data["code"]["content"]["code"] for result in results if isinstance(result, ToolResult)]
    assert codes == ["0", "1", "2", "3", "4"]


async def test_without_anybody_to_ask_nobody_chose(pool: McpPool, old: Asking) -> None:
    result = await called(pool, http_settings(old.url), "chain")
    assert isinstance(result, ToolResult)
    assert result.data == {"code": {"action": "cancel"}}


async def test_models_and_folders_are_not_offered_to_an_old_server(pool: McpPool, old: Asking) -> None:
    for tool, key in (("think", "word"), ("folders", "roots")):
        result = await called(pool, http_settings(old.url), tool, Answers())
        assert isinstance(result, ToolResult)
        assert result.data[key]["action"] == "refused"
        assert "not supported" in result.data[key]["error"]


async def test_an_old_server_that_may_have_a_model_asked_gets_its_words(pool: McpPool, old: Asking) -> None:
    settings = http_settings(old.url, id="3", sampling=SamplingSettings("default", 100))
    result = await called(pool, settings, "think", Answers())
    assert isinstance(result, ToolResult)
    assert result.data["word"]["content"]["text"] == "Lantern."


async def test_an_address_to_open_is_told_and_never_fetched(
    pool: McpPool, old: Asking, tmp_path: Path
) -> None:
    asker = Answers({"action": "accept"})
    result = await called(pool, http_settings(old.url), "pay", asker)
    assert isinstance(result, ToolResult)
    assert asker.asked[0]["url"].startswith("https://pay.example.com/")
