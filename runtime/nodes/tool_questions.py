"""What a tool's server asks back: who answers it, when, and how the call goes on from there.

A server of the protocol since 2026-07-28 ends its call with what it asks. Questions to people are parked, one after
the other, and the call is made again with all answers. Older servers ask while the call goes on (`StepAsker`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from runtime.elicitation import ACCEPT, CANCEL, DECLINE, form_fields
from runtime.errors import LlmError, McpError, NodeFailure
from runtime.gateways import McpServerSettings, SamplingSettings
from runtime.json_schema import SchemaUnusable
from runtime.mcp.input_required import InputRequired
from runtime.nodes.base import NodeContext, Park, Waited
from runtime.web_addresses import is_safe_address

HELD_AT_MOST_S = 600.0
"""An older server's connection is held no longer for a person's answer."""
QUESTIONS_AT_MOST = 20
"""To people, for one step: a server that never has enough is not to be answered for ever."""
MESSAGE_SHOWN = 4_000
SAMPLING_TIMEOUT_S = 60.0
CONVERSATION_AT_MOST = 64_000
"""Characters of a question to a model that a person is to read before it is sent."""
CHOICES = {
    "form": [
        {"id": ACCEPT, "title": "Send the answer"},
        {"id": DECLINE, "title": "Decline"},
        {"id": CANCEL, "title": "Cancel"},
    ],
    "url": [
        {"id": ACCEPT, "title": "I have done it there"},
        {"id": DECLINE, "title": "Decline"},
        {"id": CANCEL, "title": "Cancel"},
    ],
    "sampling": [
        {"id": ACCEPT, "title": "Let the model answer"},
        {"id": DECLINE, "title": "Do not ask it"},
    ],
}
AGREED = "agreed"
"""In the place of an answer: a person agreed that a model be asked this, which is done right before the next call."""

Response = dict[str, Any]


@dataclass(frozen=True)
class Continuation:
    """What the next call of the step takes along: answers by the server's keys, and its state."""

    responses: Mapping[str, Response] | None = None
    state: str | None = None


def is_question(waited: Waited) -> bool:
    """Whether a server asked, and not an approval."""
    return "round" in waited.data


def check_answered(waited: Waited) -> None:
    """Raise NodeFailure where the call cannot go on after a person's answer, or without one."""
    question, answer = waited.data["question"], waited.signal or {}
    needs_yes = question["mode"] == "sampling" or waited.data["round"].get("as_before")
    if not needs_yes or answer.get("choice") == ACCEPT:
        return
    if question["mode"] == "url":
        raise _not_opened(question["server"], question["tool"], question["url"])
    by, comment = answer.get("answered_by") or "Somebody", answer.get("comment") or ""
    why = f"{by} did not let it ask." if answer else "Nobody agreed to it in time."
    raise NodeFailure(
        f'"{question["server"]}" wants to have a model asked (sampling) in the call of {question["tool"]}. '
        f"{why} {comment}".strip(),
        code="mcp_sampling_refused",
        details={"server": question["server"], "tool": question["tool"], "comment": comment},
    )


def _not_opened(server: str, tool: str, address: str) -> NodeFailure:
    host = urlsplit(address).hostname or ""
    return NodeFailure(
        f'"{server}" makes the call of {tool} only after a person has opened a page of {host}, and nobody did. '
        "Run it again and open the page from the inbox.",
        code="mcp_address_not_opened",
        details={"server": server, "tool": tool, "host": host},
    )


def response_to(waited: Waited) -> Response:
    """A person's answer as the protocol has it; without one in time nobody chose."""
    question = waited.data["question"]
    if question["mode"] == "sampling":
        return {AGREED: {"messages": question["messages"], "max_tokens": question["max_tokens"]}}
    return _response(waited.signal, is_form=question["mode"] == "form")


def _response(answer: Mapping[str, Any] | None, *, is_form: bool) -> Response:
    action = (answer or {}).get("choice") or CANCEL
    if action == ACCEPT and is_form:
        return {"action": ACCEPT, "content": dict((answer or {}).get("answers") or {})}
    return {"action": action}


def next_question(asked: Sequence[Waited]) -> Park | None:
    """What the server asked besides, before its call is made again; None when everything is answered."""
    if not asked or not is_question(asked[-1]):
        return None
    last = asked[-1].data
    left = {key: park for key, park in last["round"]["left"].items() if key != last["round"]["key"]}
    if not left:
        return None
    done = {**last["round"]["done"], last["round"]["key"]: response_to(asked[-1])}
    return _in_round(left, done, last["round"], asked[-1])


def continuation(asked: Sequence[Waited]) -> Continuation:
    """What the call goes on with: nothing for a first one."""
    if not asked or not is_question(asked[-1]):
        return Continuation()
    last = asked[-1].data["round"]
    if last.get("as_before"):
        return Continuation()
    return Continuation({**last["done"], last["key"]: response_to(asked[-1])}, last["state"])


def _in_round(
    left: Mapping[str, Any], done: Mapping[str, Response], about: Mapping[str, Any], before: Any
) -> Park:
    """The first of the questions that are left; the others go with it, so that nothing else needs to be known.

    about   of the round: state, due_s, as_before (see InputRequired)
    """
    key = next(iter(left))
    at = before.ended_at if isinstance(before, Waited) else before
    kept = {name: about[name] for name in ("state", "due_s", "as_before") if name in about}
    around = {**kept, "key": key, "left": dict(left), "done": dict(done)}
    due_at = at + timedelta(seconds=about["due_s"])
    return Park("handoff", due_at=due_at, data={**left[key], "round": around}, part=len(done))


@dataclass
class StepAsker:
    """Answers what a server asks in a step's call; implements runtime.mcp.input_required.Asker."""

    settings: McpServerSettings
    tool: str
    assign_to: Mapping[str, Any]
    ctx: NodeContext
    _parts: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def elicit(self, params: Mapping[str, Any]) -> Response:
        """A person is asked while the call goes on."""
        if self.settings.elicitation == "decline":
            return {"action": DECLINE}
        shown = self._shown(params, held=True)
        return _response(await self._ask_held(shown), is_form=shown["question"]["mode"] == "form")

    async def _ask_held(self, shown: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """A person's answer while the call goes on; None where nobody gave one."""
        part = next(self._parts)
        if part > QUESTIONS_AT_MOST:
            return None
        seconds = min(self.settings.elicitation_due_s, HELD_AT_MOST_S)
        async with self._turn:
            due_at = self.ctx.now() + timedelta(seconds=seconds)
            return await self.ctx.ask(Park("handoff", due_at=due_at, data=shown, part=part))

    async def sample(self, params: Mapping[str, Any]) -> Response:
        """A model is asked while the call goes on, as an admin allows it; raises PatchbayError."""
        allowed = self._allowed()
        messages, tokens = self._conversation(params), _tokens(params, allowed)
        if allowed.ask_first:
            answer = await self._ask_held(self._shown_conversation(messages, tokens, held=True)) or {}
            if answer.get("choice") != ACCEPT:
                raise self._refused("Nobody agreed to it.")
        return await self._asked_model(messages, tokens)

    def _allowed(self) -> SamplingSettings:
        if self.settings.sampling is None:
            raise self._refused("An admin can allow it on the server's page.")
        return self.settings.sampling

    async def agreed(self, further: Continuation) -> Continuation:
        """The same with a model's words wherever a person agreed that it be asked; raises PatchbayError."""
        if further.responses is None:
            return further
        responses = {}
        for key, response in further.responses.items():
            agreed = response.get(AGREED)
            responses[key] = await self._asked_model(**agreed) if agreed else response
        return Continuation(responses, further.state)

    async def _asked_model(self, messages: Sequence[Mapping[str, str]], max_tokens: int) -> Response:
        allowed = self._allowed()
        model = await self.ctx.model(allowed.model)
        await self.ctx.begin_sampling(self.settings.id)
        usage: Mapping[str, Any] = {}
        try:
            turn = await self.ctx.llm.take_turn(
                model,
                messages=[dict(message) for message in messages],
                functions=(),
                timeout_s=min(SAMPLING_TIMEOUT_S, self.ctx.timeout_s),
                max_tokens=min(max_tokens, allowed.max_tokens),
            )
            usage = turn.usage.as_dict()
        except LlmError as error:
            usage = error.details.get("usage", {})
            raise
        finally:
            self.ctx.spend(usage)
            await self.ctx.end_sampling(self.settings.id, usage)
        content = {"type": "text", "text": turn.text}
        return {"role": "assistant", "content": content, "model": turn.usage.model, "stopReason": "endTurn"}

    async def answered(self, wanted: InputRequired) -> tuple[Continuation, Park | None]:
        """How the call goes on with what can be answered at once, or the first question for a person."""
        done: dict[str, Response] = {}
        left: dict[str, Any] = {}
        for key, request in wanted.requests.items():
            params = request.get("params") or {}
            match request.get("method"):
                case "roots/list":
                    # No folder of this machine is anybody's business.
                    done[key] = {"roots": []}
                case "sampling/createMessage":
                    allowed = self._allowed()
                    messages, tokens = self._conversation(params), _tokens(params, allowed)
                    if allowed.ask_first:
                        left[key] = self._shown_conversation(messages, tokens, held=False)
                    else:
                        done[key] = await self._asked_model(messages, tokens)
                case "elicitation/create" if self.settings.elicitation == "decline":
                    if wanted.as_before:
                        raise _not_opened(self.settings.slug, self.tool, str(params.get("url") or ""))
                    done[key] = {"action": DECLINE}
                case _:
                    left[key] = self._shown(params, held=False)
        further = Continuation(done or None, wanted.state)
        if not left:
            return further, None
        if sum(map(is_question, self.ctx.asked)) >= QUESTIONS_AT_MOST:
            raise self.wrong(f"has asked {QUESTIONS_AT_MOST} times and asks again")
        about = {
            "state": wanted.state,
            "due_s": self.settings.elicitation_due_s,
            "as_before": wanted.as_before,
        }
        return further, _in_round(left, done, about, self.ctx.now())

    def _shown(self, params: Mapping[str, Any], *, held: bool) -> dict[str, Any]:
        """The question as the inbox needs it; raises McpError for one that cannot be shown."""
        mode = "url" if params.get("mode") == "url" else "form"
        schema = dict(params.get("requestedSchema") or {}) if mode == "form" else {}
        address = str(params.get("url") or "") if mode == "url" else ""
        try:
            fields = form_fields(schema) if mode == "form" else []
        except SchemaUnusable as error:
            raise self.wrong(f"wants a form that cannot be shown: {error}") from error
        if mode == "url" and not is_safe_address(address):
            raise self.wrong("wants a person to open something that is no https address")
        about = {"requested_schema": schema, "url": address, "held": held}
        message = str(params.get("message") or "")[:MESSAGE_SHOWN]
        return self._item("asks", mode, about, message=message, fields=fields)

    def _shown_conversation(
        self, messages: Sequence[Mapping[str, str]], max_tokens: int, *, held: bool
    ) -> dict[str, Any]:
        """What a model is to be asked, whole: these words and no others are sent to it."""
        if sum(len(message["content"]) for message in messages) > CONVERSATION_AT_MOST:
            raise self._refused("It is too long for a person to read.")
        about = {
            "messages": [dict(message) for message in messages],
            "model": self._allowed().model,
            "max_tokens": max_tokens,
            "requested_schema": {},
            "url": "",
            "held": held,
        }
        return self._item("wants to ask a model", "sampling", about)

    def _item(
        self,
        does: str,
        mode: str,
        about: Mapping[str, Any],
        *,
        message: str = "",
        fields: Sequence[Any] = (),
    ) -> dict[str, Any]:
        name = self.settings.name or self.settings.slug
        named = {"mode": mode, "server": self.settings.slug, "server_name": name, "tool": self.tool}
        return {
            "title": f"{name} {does} before “{self.tool}” goes on"[:300],
            "message": message,
            "choices": CHOICES[mode],
            "data": [],
            "fields": list(fields),
            "assign_to": dict(self.assign_to),
            "question": {**named, **about},
        }

    def _conversation(self, params: Mapping[str, Any]) -> list[dict[str, str]]:
        """The server's messages as a model takes them; only texts."""
        if params.get("tools"):
            raise self._refused("It wants the model to use tools, which is not offered.")
        system = str(params.get("systemPrompt") or "")
        messages = [{"role": "system", "content": system}] if system else []
        for message in params.get("messages") or ():
            blocks = message.get("content")
            blocks = blocks if isinstance(blocks, list) else [blocks]
            texts = [block.get("text") for block in blocks if isinstance(block, Mapping)]
            if len(texts) != len(blocks) or not all(isinstance(text, str) for text in texts):
                raise self._refused("It sends something else than text.")
            messages.append({"role": str(message.get("role")), "content": "\n".join(map(str, texts))})
        return messages

    def _refused(self, why: str) -> McpError:
        return McpError(
            f'"{self.settings.slug}" wants to have a model asked (sampling) in the call of {self.tool}. {why}',
            code="mcp_sampling_refused",
            details={"server": self.settings.slug, "tool": self.tool, "sent": True, "answered": True},
        )

    def wrong(self, why: str) -> McpError:
        """That the server asks back without end, or what nobody can answer; its call has ended."""
        return McpError(
            f'"{self.settings.slug}" asks back in a way that cannot be answered: it {why}.',
            code="mcp_protocol_error",
            details={"server": self.settings.slug, "tool": self.tool, "sent": True, "answered": True},
        )


def _tokens(params: Mapping[str, Any], allowed: SamplingSettings) -> int:
    wanted = params.get("maxTokens")
    return min(wanted, allowed.max_tokens) if isinstance(wanted, int) and wanted > 0 else allowed.max_tokens
