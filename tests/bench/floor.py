"""The floor: a bare asyncio service that makes the same calls with the same libraries over kept sessions and
commits one PostgreSQL row per step. Nothing else.

`python -m tests.bench.floor --port PORT` with DATABASE_URL, FLOOR_MODEL and FLOOR_CRM in the environment.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
import uvicorn
from mcp import Client
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.bench.workloads import CHOICES, EMAIL, MODEL

CONNECTIONS = 16


class Floor:
    """The work of each workload, by hand."""

    def __init__(self, database: AsyncConnectionPool, model: openai.AsyncOpenAI, crm: Client) -> None:
        self._database = database
        self._model = model
        self._crm = crm

    async def order_status(self, body: dict[str, Any]) -> Any:
        await self._commit("start", body)
        read = await self._ask(body["message"], EMAIL)
        await self._commit("read", read)
        await self._commit("there", bool(read["email"]))
        result = await self._crm.call_tool("find_contact", {"email": read["email"]})
        found = result.structured_content or {}
        await self._commit("find", found)
        await self._commit("tell", found["found"])
        return found["found"]

    async def decision(self, body: dict[str, Any]) -> Any:
        await self._commit("start", body)
        shown = json.dumps([{"id": key, "title": title, "description": text} for key, title, text in CHOICES])
        schema = {
            "type": "object",
            "properties": {
                "choice": {"type": "string", "enum": [*(key for key, _, _ in CHOICES), "otherwise"]}
            },
            "required": ["choice"],
            "additionalProperties": False,
        }
        read = await self._ask(body["message"], schema, f"What does the customer want?\nChoices: {shown}")
        await self._commit("decide", read)
        await self._commit("tell", {"went": read["choice"]})
        return {"went": read["choice"]}

    def trivial(self, count: int) -> Callable[[dict[str, Any]], Awaitable[Any]]:
        async def work(body: dict[str, Any]) -> Any:
            await self._commit("start", body)
            for number in range(count):
                await self._commit(f"s{number}", {"n": number})
            await self._commit("tell", {"done": True})
            return {"done": True}

        return work

    async def _ask(
        self, message: str, schema: dict[str, Any], told: str = "Read out the fields."
    ) -> dict[str, Any]:
        answer = await self._model.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "system", "content": told},
                {"role": "user", "content": f"<data>{message}</data>"},
            ],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "fields", "schema": schema, "strict": True},
            },
        )
        read: dict[str, Any] = json.loads(answer.choices[0].message.content or "{}")
        return read

    async def _commit(self, step: str, output: Any) -> None:
        async with self._database.connection() as connection:
            await connection.execute(
                "INSERT INTO floor (step, output) VALUES (%s, %s)", (step, json.dumps(output))
            )


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with (
        AsyncConnectionPool(
            os.environ["DATABASE_URL"],
            min_size=CONNECTIONS,
            max_size=CONNECTIONS,
            kwargs={"autocommit": True},
            open=False,
        ) as database,
        openai.AsyncOpenAI(
            base_url=f"{os.environ['FLOOR_MODEL']}/v1", api_key="none", max_retries=0
        ) as model,
        Client(f"{os.environ['FLOOR_CRM']}/mcp", read_timeout_seconds=20) as crm,
    ):
        async with database.connection() as connection:
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS floor (id bigserial PRIMARY KEY, step text, output jsonb)"
            )
        floor = Floor(database, model, crm)
        app.state.works = {
            "order-status": floor.order_status,
            "decision": floor.decision,
            "trivial-10": floor.trivial(10),
            "trivial-100": floor.trivial(100),
        }
        yield


async def hook(request: Request) -> Response:
    return JSONResponse(await request.app.state.works[request.path_params["name"]](await request.json()))


async def healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


app = Starlette(
    routes=[Route("/healthz", healthz), Route("/{name}", hook, methods=["POST"])], lifespan=lifespan
)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The bare service that the engine is measured against.")
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(app, host="127.0.0.1", port=parser.parse_args().port, log_level="warning")
