"""What a tool's server asks back: who answers it, when, and how the call goes on from there.

A server of the protocol since 2026-07-28 ends its call with what it asks. Questions to people are parked, one after
the other, and the call is made again with all answers. Older servers ask while the call goes on (`StepAsker`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from runtime.elicitation import ACCEPT, CANCEL, DECLINE, form_fields
from runtime.errors import LlmError, McpError
from runtime.gateways import McpServerSettings, SamplingSettings
from runtime.json_schema import SchemaUnusable
from runtime.mcp.input_required import InputRequired
from runtime.nodes.base import NodeContext, Park, Waited

HELD_AT_MOST_S = 600.0
"""An older server's connection is held no longer for a person's answer."""
QUESTIONS_AT_MOST = 20
"""To people, for one step: a server that never has enough is not to be answered for ever."""
MESSAGE_SHOWN = 4_000
SAMPLING_TIMEOUT_S = 60.0
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
}

Response = dict[str, Any]


@dataclass(frozen=True)
class Continuation:
    """What the next call of the step takes along: answers by the server's keys, and its state."""

    responses: Mapping[str, Response] | None = None
    state: str | None = None


def is_question(waited: Waited) -> bool:
    """Whether a server asked, and not an approval."""
    return "round" in waited.data


def response_to(waited: Waited) -> Response:
    """A person's answer as the protocol has it; without one in time nobody chose."""
    return _response(waited.signal, is_form=waited.data["question"]["mode"] == "form")


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
    return _in_round(left, done, last["round"]["state"], last["round"]["due_s"], asked[-1])


def continuation(asked: Sequence[Waited]) -> Continuation:
    """What the call goes on with: nothing for a first one."""
    if not asked or not is_question(asked[-1]):
        return Continuation()
    last = asked[-1].data["round"]
    return Continuation({**last["done"], last["key"]: response_to(asked[-1])}, last["state"])


def _in_round(
    left: Mapping[str, Any], done: Mapping[str, Response], state: str | None, due_s: float, before: Any
) -> Park:
    """The first of the questions that are left; the others go with it, so that nothing else needs to be known."""
    key = next(iter(left))
    at = before.ended_at if isinstance(before, Waited) else before
    around = {"key": key, "left": dict(left), "done": dict(done), "state": state, "due_s": due_s}
    due_at = at + timedelta(seconds=due_s)
    return Park("handoff", due_at=due_at, data={**left[key], "round": around}, part=len(done))


@dataclass
class StepAsker:
    """Answers what a server asks in a step's call; implements runtime.mcp.input_required.Asker."""

    settings: McpServerSettings
    tool: str
    assign_to: Mapping[str, Any]
    ctx: NodeContext
    _parts: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def elicit(self, params: Mapping[str, Any]) -> Response:
        """A person is asked while the call goes on."""
        if self.settings.elicitation == "decline":
            return {"action": DECLINE}
        shown = self._shown(params, held=True)
        seconds = min(self.settings.elicitation_due_s, HELD_AT_MOST_S)
        part = next(self._parts)
        if part > QUESTIONS_AT_MOST:
            return {"action": CANCEL}
        park = Park("handoff", due_at=self.ctx.now() + timedelta(seconds=seconds), data=shown, part=part)
        return _response(await self.ctx.ask(park), is_form=shown["question"]["mode"] == "form")

    async def sample(self, params: Mapping[str, Any]) -> Response:
        """A model is asked, as an admin allows it; raises PatchbayError."""
        allowed = self.settings.sampling
        if allowed is None:
            raise self._refused("An admin can allow it on the server's page.")
        messages = self._conversation(params)
        model = await self.ctx.model(allowed.model)
        await self.ctx.begin_sampling(self.settings.id)
        usage: Mapping[str, Any] = {}
        try:
            turn = await self.ctx.llm.take_turn(
                model,
                messages=messages,
                functions=(),
                timeout_s=min(SAMPLING_TIMEOUT_S, self.ctx.timeout_s),
                max_tokens=_tokens(params, allowed),
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
                    done[key] = await self.sample(params)
                case "elicitation/create" if self.settings.elicitation == "decline":
                    done[key] = {"action": DECLINE}
                case _:
                    left[key] = self._shown(params, held=False)
        further = Continuation(done or None, wanted.state)
        if not left:
            return further, None
        if sum(map(is_question, self.ctx.asked)) >= QUESTIONS_AT_MOST:
            raise self.wrong(f"has asked {QUESTIONS_AT_MOST} times and asks again")
        due_s = self.settings.elicitation_due_s
        return further, _in_round(left, done, wanted.state, due_s, self.ctx.now())

    def _shown(self, params: Mapping[str, Any], *, held: bool) -> dict[str, Any]:
        """The question as the inbox needs it; raises McpError for one that cannot be shown."""
        mode = "url" if params.get("mode") == "url" else "form"
        schema = dict(params.get("requestedSchema") or {}) if mode == "form" else {}
        address = str(params.get("url") or "") if mode == "url" else ""
        try:
            fields = form_fields(schema) if mode == "form" else []
        except SchemaUnusable as error:
            raise self.wrong(f"wants a form that cannot be shown: {error}") from error
        if mode == "url" and not _is_web_address(address):
            raise self.wrong("wants a person to open something that is no web address")
        name = self.settings.name or self.settings.slug
        return {
            "title": f"{name} asks before “{self.tool}” goes on"[:300],
            "message": str(params.get("message") or "")[:MESSAGE_SHOWN],
            "choices": CHOICES[mode],
            "data": [],
            "fields": fields,
            "assign_to": dict(self.assign_to),
            "question": {
                "mode": mode,
                "server": self.settings.slug,
                "server_name": name,
                "tool": self.tool,
                "requested_schema": schema,
                "url": address,
                "held": held,
            },
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


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    has_odd = any(sign.isspace() or not sign.isprintable() for sign in text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username and not has_odd
