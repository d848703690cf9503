"""The model client against the demo model, which can be told to misbehave, and against raw sockets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from runtime.errors import LlmError
from runtime.gateways import ModelSettings
from runtime.llm.client import LlmClient
from runtime.llm.decision import Option, decision_prompt, decision_schema, read_verdict
from runtime.outbound.policy import OutboundPolicy
from tests.support.processes import free_port, server

KEY = "sk-very-secret-0123456789"
SCHEMA = {
    "type": "object",
    "properties": {"order_id": {"type": ["string", "null"]}},
    "required": ["order_id"],
    "additionalProperties": False,
}


@pytest.fixture(scope="session")
def demo_port() -> Iterator[int]:
    with server("examples.demo_model") as port:
        yield port


@pytest.fixture
async def client() -> AsyncIterator[LlmClient]:
    client = LlmClient(OutboundPolicy.parse("127.0.0.1"))
    yield client
    await client.close()


def settings(port: int, model: str = "demo-rules", **changed: Any) -> ModelSettings:
    values: dict[str, Any] = {"connection": "demo", "base_url": f"http://127.0.0.1:{port}/v1", "api_key": KEY}
    return ModelSettings(model=model, **{**values, **changed})


async def extract(client: LlmClient, model: ModelSettings, **changed: Any) -> Any:
    values: dict[str, Any] = {"schema": SCHEMA, "schema_name": "fields", "timeout_s": 10}
    return await client.complete_json(
        model,
        system="Read the fields.",
        user="<data>\nWhere is order 12345?\n</data>",
        **{**values, **changed},
    )


async def failure(client: LlmClient, model: ModelSettings, **changed: Any) -> LlmError:
    with pytest.raises(LlmError) as caught:
        await extract(client, model, **changed)
    assert KEY not in json.dumps(caught.value.as_dict())
    return caught.value


async def test_an_object_comes_back_in_the_form_that_was_asked_for(client: LlmClient, demo_port: int) -> None:
    completion = await extract(client, settings(demo_port))

    assert completion.value == {"order_id": "12345"}
    assert completion.tries == 1
    assert completion.usage.input_tokens > 0
    assert completion.usage.cost_usd is None


async def test_the_cost_is_counted_where_the_price_is_known(client: LlmClient, demo_port: int) -> None:
    model = settings(demo_port, input_price_per_m=2.0, output_price_per_m=10.0)

    usage = (await extract(client, model)).usage

    assert usage.cost_usd == pytest.approx((usage.input_tokens * 2 + usage.output_tokens * 10) / 1e6)


@pytest.mark.parametrize("way", ["json_schema", "tool", "json_mode"])
async def test_every_way_of_asking_gives_the_same_answer(client: LlmClient, demo_port: int, way: str) -> None:
    completion = await extract(client, settings(demo_port, structured_output=way))

    assert completion.value == {"order_id": "12345"}


async def test_a_model_that_refuses_a_schema_is_asked_by_a_function_and_remembered(
    client: LlmClient, demo_port: int
) -> None:
    model = settings(demo_port, "demo-rules:no-schema")
    await extract(client, model)
    before = await asked(demo_port, model.model)

    completion = await extract(client, model)

    latest = (await asked(demo_port, model.model))[len(before) :]
    assert completion.value == {"order_id": "12345"}
    assert ["tools" in request for request in latest] == [True]


async def test_a_set_way_is_never_replaced_by_another(client: LlmClient, demo_port: int) -> None:
    model = settings(demo_port, "demo-rules:no-schema", structured_output="json_schema")

    error = await failure(client, model)

    assert (error.code, error.retryable, error.details["http_status"]) == ("llm_refused", False, 400)
    assert "json_schema is not supported" in error.message


async def test_an_answer_that_does_not_fit_is_repaired_once_and_then_invalid(
    client: LlmClient, demo_port: int
) -> None:
    model = settings(demo_port, "demo-rules:wrong-shape")
    single = (await extract(client, settings(demo_port))).usage.input_tokens

    error = await failure(client, model)

    assert (error.code, error.retryable, error.details["sent"]) == ("llm_invalid_answer", True, True)
    assert error.details["problem"] == "order_id is required"
    assert error.details["usage"]["input_tokens"] > 2 * single
    assert len((await asked(demo_port, model.model))[-1]["messages"]) == 4


async def test_an_answer_that_is_no_json_is_invalid(client: LlmClient, demo_port: int) -> None:
    error = await failure(client, settings(demo_port, "demo-rules:not-json"))

    assert (error.code, error.details["problem"]) == ("llm_invalid_answer", "it is no JSON")


async def test_an_empty_text_is_invalid(client: LlmClient, demo_port: int) -> None:
    with pytest.raises(LlmError) as caught:
        await client.complete_text(settings(demo_port, "demo-rules:not-json"), system="Write.", user="Hello")

    assert caught.value.code == "llm_invalid_answer"


async def test_a_text_is_written_from_the_facts(client: LlmClient, demo_port: int) -> None:
    completion = await client.complete_text(
        settings(demo_port),
        system="You write.",
        user='Answer.\n<data>{"name": "Ada", "status": "in transit"}</data>',
    )

    assert "Ada" in completion.text
    assert "in transit" in completion.text
    assert completion.value is None


@pytest.mark.parametrize(
    ("suffix", "code", "retryable"),
    [
        ("status-401", "llm_unauthorized", False),
        ("status-429", "llm_rate_limited", True),
        ("status-500", "llm_unreachable", True),
        ("status-404", "llm_refused", False),
    ],
)
async def test_a_status_of_the_provider_becomes_an_error_of_ours(
    client: LlmClient, demo_port: int, suffix: str, code: str, retryable: bool
) -> None:
    error = await failure(client, settings(demo_port, f"demo-rules:{suffix}"))

    assert (error.code, error.retryable, error.details["sent"]) == (code, retryable, True)


async def test_the_providers_pause_is_passed_on(client: LlmClient, demo_port: int) -> None:
    error = await failure(client, settings(demo_port, "demo-rules:status-429"))

    assert error.details["retry_after_s"] == 1


async def test_a_call_is_made_once_even_when_the_provider_fails(client: LlmClient, demo_port: int) -> None:
    model = settings(demo_port, "demo-rules:status-503")

    await failure(client, model)

    assert len(await asked(demo_port, model.model)) == 1


async def test_a_model_that_hangs_ends_at_the_limit_of_the_call(client: LlmClient, demo_port: int) -> None:
    started = time.monotonic()

    error = await failure(client, settings(demo_port, "demo-rules:hang"), timeout_s=0.3)

    assert (error.code, error.retryable, error.details["sent"]) == ("llm_timeout", True, True)
    assert time.monotonic() - started < 3


async def test_a_port_on_which_nothing_listens_is_unreachable(client: LlmClient) -> None:
    error = await failure(client, settings(free_port()))

    assert (error.code, error.retryable, error.details["sent"]) == ("llm_unreachable", True, False)


async def test_an_address_that_is_none_is_unreachable(client: LlmClient) -> None:
    error = await failure(client, settings(0, base_url="not an address"))

    assert (error.code, error.details["sent"]) == ("llm_unreachable", False)


async def test_a_private_address_is_refused_by_the_outbound_door(demo_port: int) -> None:
    client = LlmClient(OutboundPolicy())

    error = await failure(client, settings(demo_port))
    await client.close()

    assert (error.code, error.retryable, error.details["sent"]) == ("outbound_blocked", False, False)


async def test_a_key_that_cannot_be_one_is_told_before_anything_is_sent(
    client: LlmClient, demo_port: int
) -> None:
    error = await failure(client, settings(demo_port, api_key="“sk-123”"))

    assert (error.code, error.details["sent"]) == ("llm_unauthorized", False)


async def test_the_test_of_a_connection_tells_what_works(client: LlmClient, demo_port: int) -> None:
    check = await client.check(settings(demo_port))

    assert check.reachable
    assert check.model_listed
    assert check.models == ["demo-rules"]
    assert check.structured_output == "json_schema"


async def test_the_test_of_a_connection_names_the_way_that_works(client: LlmClient, demo_port: int) -> None:
    check = await client.check(settings(demo_port, "demo-rules:no-schema"))

    assert (check.structured_output, check.model_listed) == ("tool", False)


async def test_a_decision_takes_the_way_from_prompt_to_verdict(client: LlmClient, demo_port: int) -> None:
    options = [
        Option("order_status", "Order status", "Asks where an order is"),
        Option("refund", "Refund", "Wants the money back"),
    ]
    message = "Hello. I want my money back for order 12346!"
    system, user = decision_prompt("What do they want?", options, "", message, evidence=True)

    completion = await client.complete_json(
        settings(demo_port),
        system=system,
        user=user,
        schema=decision_schema(options, evidence=True, fields=None),
        schema_name="decision",
    )
    verdict = read_verdict(completion.value or {}, options, message, several=False)

    assert verdict.choice == "refund"
    assert verdict.confidence > 0.6
    assert verdict.evidence == ["I want my money back for order 12346!"]


class Provider:
    """A provider on a raw socket that gives one answer to everything and keeps the requests."""

    def __init__(self, port: int, status: int, body: bytes) -> None:
        self.port, self._status, self._body = port, status, body
        self.heads: list[str] = []
        self.bodies: list[dict[str, Any]] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length"))
        self.bodies.append(json.loads(await reader.readexactly(int(length.split(":")[1]))))
        self.heads.append(head.lower())
        status, body = self._status, self._body
        if status == 400 and "max_completion_tokens" in self.bodies[-1]:
            content = json.dumps({"order_id": "1"})
            status, body = 200, json.dumps({"choices": [{"message": {"content": content}}]}).encode()
        lines = f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        writer.write(lines.encode() + b"set-cookie: who=you\r\nconnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()


async def providing(status: int, body: bytes) -> tuple[Provider, asyncio.Server]:
    provider = Provider(free_port(), status, body)
    return provider, await asyncio.start_server(provider.connected, "127.0.0.1", provider.port)


@pytest.mark.parametrize(
    "body", [b"<html>Welcome</html>", b"[]", b'"yes"', b"{}", b'{"choices": [{"message": 3}]}']
)
async def test_whatever_a_provider_answers_is_at_worst_an_invalid_answer(
    client: LlmClient, body: bytes
) -> None:
    provider, listener = await providing(200, body)
    async with listener:
        error = await failure(client, settings(provider.port))

    assert error.code == "llm_invalid_answer"


async def test_the_newer_name_of_the_token_limit_is_found_out_once(client: LlmClient) -> None:
    refusal = {
        "error": {"message": "Unsupported parameter", "param": "max_tokens", "code": "unsupported_parameter"}
    }
    provider, listener = await providing(400, json.dumps(refusal).encode())
    async with listener:
        await extract(client, settings(provider.port))
        await extract(client, settings(provider.port))

    assert ["max_tokens" in body for body in provider.bodies] == [True, False, False]


async def test_neither_the_environment_nor_an_earlier_answer_adds_headers(
    client: LlmClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-worker")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-the-worker")
    answer = {"choices": [{"message": {"content": json.dumps({"order_id": "1"})}}]}
    provider, listener = await providing(200, json.dumps(answer).encode())
    async with listener:
        await extract(client, settings(provider.port))
        await extract(client, settings(provider.port))

    assert "of-the-worker" not in "".join(provider.heads)
    assert "cookie" not in provider.heads[1]


async def asked(port: int, model: str) -> list[dict[str, Any]]:
    """What the demo model was asked under a name."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://127.0.0.1:{port}/switches")
    return [request for request in answer.json()["requests"] if request["model"] == model]
