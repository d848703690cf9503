"""The floor: the same calls with the same libraries over kept sessions, and one committed row per step. Nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import psycopg
from mcp import Client

BODY = {"message": "I am mira@example.com"}
SCHEMA = {
    "type": "object",
    "properties": {"email": {"type": ["string", "null"], "format": "email", "title": "E-mail"}},
    "required": ["email"],
    "additionalProperties": False,
}


class Floor:
    def __init__(self, database_url: str, model_url: str, crm_url: str) -> None:
        self._database_url = database_url
        self._model_url = model_url
        self._crm_url = crm_url

    async def figures(self, runs: int, warm_up: int) -> dict[str, list[float]]:
        """Work -> milliseconds of each run."""
        async with (
            await psycopg.AsyncConnection.connect(self._database_url, autocommit=True) as database,
            openai.AsyncOpenAI(base_url=f"{self._model_url}/v1", api_key="none", max_retries=0) as model,
            Client(f"{self._crm_url}/mcp", read_timeout_seconds=20) as crm,
        ):
            await database.execute(
                "CREATE TABLE IF NOT EXISTS floor (id bigserial PRIMARY KEY, step text, output jsonb)"
            )

            async def commit(step: str, output: Any) -> None:
                await database.execute(
                    "INSERT INTO floor (step, output) VALUES (%s, %s)", (step, json.dumps(output))
                )

            async def order_status() -> None:
                await commit("start", BODY)
                answer = await model.chat.completions.create(
                    model="demo-rules",
                    messages=[{"role": "user", "content": f"<data>{BODY['message']}</data>"}],
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": "fields", "schema": SCHEMA},
                    },  # type: ignore[typeddict-item]
                )
                found = json.loads(answer.choices[0].message.content or "{}")
                await commit("read", found)
                await commit("there", bool(found["email"]))
                result = await crm.call_tool("find_contact", {"email": found["email"]})
                await commit("find", result.structured_content)
                await commit("tell", True)

            async def trivial(count: int) -> None:
                for number in range(count + 2):
                    await commit(f"s{number}", {"n": number})

            return {
                "order status": await self._measured(order_status, runs, warm_up),
                "10 trivial": await self._measured(lambda: trivial(10), runs, warm_up),
                "100 trivial": await self._measured(lambda: trivial(100), runs, warm_up),
            }

    async def _measured(self, work: Callable[[], Awaitable[None]], runs: int, warm_up: int) -> list[float]:
        for _ in range(warm_up):
            await work()
        times = []
        for _ in range(runs):
            started = time.perf_counter()
            await work()
            times.append((time.perf_counter() - started) * 1000)
        return times
