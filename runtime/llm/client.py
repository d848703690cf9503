"""Model calls over any OpenAI-compatible address: our time limits, no silent retries, every answer validated.

The SDK takes as long to import as everything else together: it is loaded once the host is up, or by the first call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from runtime.errors import LlmError
from runtime.gateways import ModelSettings
from runtime.llm import errors
from runtime.llm.answers import Answer, FunctionCall, fitting, read_answer, read_model_names
from runtime.llm.forms import WAYS, Messages, Way, request_form
from runtime.llm.usage import Spent, Usage
from runtime.outbound.client import outbound_client
from runtime.outbound.policy import OutboundPolicy

if TYPE_CHECKING:
    import openai

DEFAULT_TIMEOUT_S = 60.0
CHECK_TIMEOUT_S = 25.0
READ_TIMEOUT_S = 600.0
"""Above every call's own limit."""
MAX_TOKENS = 4096
MODELS_SHOWN = 200
CLIENTS_KEPT = 200
NEWER_LIMIT_NAME = "max_completion_tokens"
REPAIR_SHOWN = 20_000
FROM_ENVIRONMENT = ("OpenAI-Organization", "OpenAI-Project")
"""Headers that the SDK would fill in from the worker's environment, for whatever provider."""


def load_sdk() -> None:
    """Import the SDK, and what carries its requests, ahead of the first call."""
    import openai  # noqa: F401

    import runtime.outbound.transport  # noqa: F401


@dataclass(frozen=True)
class Completion:
    """value is the validated object of `complete_json`, None for plain text; tries is 2 after a repair."""

    value: dict[str, Any] | None
    text: str
    usage: Usage
    tries: int = 1


@dataclass(frozen=True)
class Turn:
    text: str
    calls: tuple[FunctionCall, ...]
    usage: Usage


@dataclass(frozen=True)
class Check:
    """What a test of a connection found out; a provider without a list of models lists none."""

    reachable: bool
    models: list[str]
    model_listed: bool
    structured_output: str
    usage: dict[str, Any]


@dataclass
class _Habits:
    """What a model turned out to accept."""

    way: Way = "json_schema"
    limit_name: str = "max_tokens"


class LlmClient:
    """Lives on the host's loop; every method is to be called there."""

    def __init__(self, policy: OutboundPolicy) -> None:
        self._policy = policy
        self._http: httpx2.AsyncClient | None = None
        self._clients: dict[tuple[str, str], openai.AsyncOpenAI] = {}
        self._habits: dict[tuple[str, str], _Habits] = {}

    async def complete_json(
        self,
        model: ModelSettings,
        *,
        system: str,
        user: str,
        schema: Mapping[str, Any],
        schema_name: str,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_tokens: int = MAX_TOKENS,
    ) -> Completion:
        """An object that fits the schema, by whichever way the model knows; one repair try where it does not fit.

        schema_name   letters, digits, `_` and `-`
        raises        LlmError; details["usage"] holds what was spent in vain
        """
        messages: Messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        async with _accounted(model, timeout_s) as spent:
            answer = await self._structured(model, messages, schema, schema_name, max_tokens, spent)
            value, problem = fitting(answer, schema)
            if value is None:
                messages += _repair(answer, problem)
                answer = await self._structured(model, messages, schema, schema_name, max_tokens, spent)
                value, problem = fitting(answer, schema)
            if value is None:
                raise errors.invalid_answer(model, problem)
        return Completion(value, answer.text, spent.usage, spent.tries)

    async def complete_text(
        self,
        model: ModelSettings,
        *,
        system: str,
        user: str,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_tokens: int = MAX_TOKENS,
    ) -> Completion:
        """A text; raises LlmError, llm_invalid_answer for an empty one."""
        messages: Messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        async with _accounted(model, timeout_s) as spent:
            answer = await self._ask(model, {"messages": messages}, max_tokens, spent)
            text = answer.text.strip()
            if not text:
                raise errors.invalid_answer(model, answer.declined[:200] or "it is empty")
        return Completion(None, text, spent.usage, spent.tries)

    async def take_turn(
        self,
        model: ModelSettings,
        *,
        messages: Sequence[Mapping[str, Any]],
        functions: Sequence[Mapping[str, Any]],
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_tokens: int = MAX_TOKENS,
    ) -> Turn:
        """What the model says next in a conversation, and which functions it wants called; raises LlmError.

        messages   as the API takes them, results of earlier calls included
        functions  {"name", "description", "parameters"}
        """
        form: dict[str, Any] = {"messages": list(messages)}
        if functions:
            form["tools"] = [{"type": "function", "function": dict(function)} for function in functions]
        async with _accounted(model, timeout_s) as spent:
            answer = await self._ask(model, form, max_tokens, spent)
            if not answer.calls and not answer.said.strip():
                raise errors.invalid_answer(model, answer.declined[:200] or "it is empty")
        return Turn(answer.said.strip(), answer.calls, spent.usage)

    async def check(self, model: ModelSettings) -> Check:
        """Is the provider there, is the key accepted, does the model answer in a given form? Raises LlmError."""
        names = await self._model_names(model)
        answer = await self.complete_json(
            model,
            system="Answer in JSON.",
            user='Answer {"works": true}.',
            schema={
                "type": "object",
                "properties": {"works": {"type": "boolean"}},
                "required": ["works"],
                "additionalProperties": False,
            },
            schema_name="works",
            timeout_s=CHECK_TIMEOUT_S,
        )
        return Check(True, names, model.model in names, self._ways(model)[0], answer.usage.as_dict())

    async def close(self) -> None:
        self._clients.clear()
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _model_names(self, model: ModelSettings) -> list[str]:
        import openai

        async with _accounted(model, CHECK_TIMEOUT_S):
            try:
                answer = await self._client(model).models.with_raw_response.list()
            except (openai.NotFoundError, openai.PermissionDeniedError):
                # No list, or a key that may only chat: the completion says whether the model works.
                return []
            except openai.OpenAIError as error:
                raise errors.as_llm_error(error, model) from error
            return read_model_names(answer.content, MODELS_SHOWN)

    def _client(self, model: ModelSettings) -> openai.AsyncOpenAI:
        """The SDK's object for an address and key; they all share one pool of connections."""
        import openai

        unset: dict[str, Any] = {name: openai.Omit() for name in FROM_ENVIRONMENT}
        if not (model.api_key.isascii() and model.api_key.isprintable()):
            raise errors.unusable_key(model)
        key = (model.base_url, model.api_key)
        if key not in self._clients:
            if self._http is None:
                self._http = outbound_client(self._policy, read_timeout_s=READ_TIMEOUT_S)
            if len(self._clients) >= CLIENTS_KEPT:
                del self._clients[next(iter(self._clients))]
            try:
                self._clients[key] = openai.AsyncOpenAI(
                    base_url=model.base_url,
                    api_key=model.api_key or "none",
                    max_retries=0,
                    timeout=READ_TIMEOUT_S,
                    http_client=self._http,
                    default_headers=unset,
                )
            except (httpx2.InvalidURL, ValueError) as error:
                raise errors.unreachable(model, "its address is not valid") from error
        return self._clients[key]

    def _habits_of(self, model: ModelSettings) -> _Habits:
        return self._habits.setdefault((model.base_url, model.model), _Habits())

    def _ways(self, model: ModelSettings) -> tuple[Way, ...]:
        """The ways to try, in order: the one that was set, or from the one that worked last on."""
        if model.structured_output != "auto":
            return (model.structured_output,)
        return WAYS[WAYS.index(self._habits_of(model).way) :]

    async def _structured(
        self,
        model: ModelSettings,
        messages: Messages,
        schema: Mapping[str, Any],
        name: str,
        max_tokens: int,
        spent: Spent,
    ) -> Answer:
        """The model's answer. A model that refuses one way is asked another, and that way from then on."""
        *others, last = self._ways(model)
        for way in others:
            try:
                answer = await self._ask(model, request_form(way, schema, name, messages), max_tokens, spent)
            except LlmError as error:
                if not errors.refuses_form(error):
                    raise
            else:
                self._habits_of(model).way = way
                return answer
        answer = await self._ask(model, request_form(last, schema, name, messages), max_tokens, spent)
        self._habits_of(model).way = last
        return answer

    async def _ask(
        self, model: ModelSettings, form: Mapping[str, Any], max_tokens: int, spent: Spent
    ) -> Answer:
        """One answer; newer models know the limit of tokens by another name, which is found out once."""
        habits = self._habits_of(model)
        try:
            return await self._send(model, {**form, habits.limit_name: max_tokens}, spent)
        except LlmError as error:
            if habits.limit_name == NEWER_LIMIT_NAME or error.details.get("param") != habits.limit_name:
                raise
        answer = await self._send(model, {**form, NEWER_LIMIT_NAME: max_tokens}, spent)
        habits.limit_name = NEWER_LIMIT_NAME
        return answer

    async def _send(self, model: ModelSettings, request: dict[str, Any], spent: Spent) -> Answer:
        import openai

        client = self._client(model)
        try:
            # The SDK's typed method would walk through the request and the reply, neither of which need it.
            reply = await client.post(
                "/chat/completions", cast_to=httpx2.Response, body={"model": model.model, **request}
            )
        except openai.OpenAIError as error:
            raise errors.as_llm_error(error, model) from error
        answer = read_answer(reply.content)
        if answer is None:
            raise errors.invalid_answer(model, "it is no chat completion; is this the address of the API?")
        spent.add(answer)
        return answer


def _repair(answer: Answer, problem: str) -> Messages:
    return [
        {"role": "assistant", "content": answer.text[:REPAIR_SHOWN] or "(nothing)"},
        {
            "role": "user",
            "content": f"That does not fit: {problem}. Answer again with JSON that fits the schema only.",
        },
    ]


@asynccontextmanager
async def _accounted(model: ModelSettings, timeout_s: float) -> AsyncIterator[Spent]:
    """A limit around a whole call; what was spent in vain stands on its error."""
    spent = Spent(model)
    try:
        async with asyncio.timeout(timeout_s):
            yield spent
    except TimeoutError:
        raise _with_usage(errors.timed_out(model, timeout_s), spent) from None
    except LlmError as error:
        raise _with_usage(error, spent) from error.__cause__


def _with_usage(error: LlmError, spent: Spent) -> LlmError:
    if spent.tries:
        error.details["usage"] = spent.usage.as_dict()
    return error
