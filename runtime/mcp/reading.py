"""What servers offer besides tools: the requests for resources, prompts and completions, and what they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import mcp_types as wire
from mcp import Client

MAX_SUGGESTIONS = 100
"""As many as the protocol lets a server give at once."""

Ask = Callable[[Client, float], Awaitable[Any]]
"""One request over a session, within so many seconds."""


@dataclass(frozen=True)
class ResourceContent:
    """content   [{"uri", "mimeType"?, "text" | "blob"}] as the server gave them; text is that of all of them"""

    text: str
    content: list[dict[str, Any]]


@dataclass(frozen=True)
class FilledPrompt:
    """messages   [{"role", "content": {"type", …}}]; text is that of all of them"""

    text: str
    messages: list[dict[str, Any]]


@dataclass(frozen=True)
class Completable:
    """What an argument belongs to: a prompt by its name, or a template of addresses."""

    kind: Literal["prompt", "resource"]
    name: str


@dataclass(frozen=True)
class Suggestions:
    """has_more   the server knows more values than it gave"""

    values: list[str]
    has_more: bool = False


def resource_request(uri: str) -> Ask:
    request = wire.ReadResourceRequest(params=wire.ReadResourceRequestParams(uri=uri))
    return _request(request, wire.ReadResourceResult)


def prompt_request(name: str, arguments: Mapping[str, str]) -> Ask:
    params = wire.GetPromptRequestParams(name=name, arguments=dict(arguments))
    return _request(wire.GetPromptRequest(params=params), wire.GetPromptResult)


def completion_request(about: Completable, argument: str, value: str, given: Mapping[str, str]) -> Ask:
    reference: wire.PromptReference | wire.ResourceTemplateReference = (
        wire.PromptReference(name=about.name)
        if about.kind == "prompt"
        else wire.ResourceTemplateReference(uri=about.name)
    )
    params = wire.CompleteRequestParams(
        ref=reference,
        argument=wire.CompletionArgument(name=argument, value=value),
        context=wire.CompletionContext(arguments=dict(given)) if given else None,
    )
    return _request(wire.CompleteRequest(params=params), wire.CompleteResult)


def read_content(answer: wire.ReadResourceResult) -> ResourceContent:
    content = [part.model_dump(mode="json", by_alias=True, exclude_none=True) for part in answer.contents]
    return ResourceContent("\n".join(part["text"] for part in content if "text" in part), content)


def read_messages(answer: wire.GetPromptResult) -> FilledPrompt:
    messages = [
        {
            "role": message.role,
            "content": message.content.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        for message in answer.messages
    ]
    return FilledPrompt("\n\n".join(filter(None, (_text_of(row["content"]) for row in messages))), messages)


def read_suggestions(answer: wire.CompleteResult) -> Suggestions:
    found = answer.completion
    return Suggestions(
        list(found.values[:MAX_SUGGESTIONS]), bool(found.has_more) or len(found.values) > MAX_SUGGESTIONS
    )


def _text_of(content: Any) -> str:
    """The words of a message: its own, or those of the resource that is embedded in it."""
    about = content.get("resource", content) if isinstance(content, dict) else {}
    return str(about.get("text", ""))


def _request(request: Any, answer: type[Any]) -> Ask:
    async def ask(client: Client, within_s: float) -> Any:
        # The client's own methods would keep answers, and run rounds of questions to a person.
        return await client.session.send_request(request, answer, request_read_timeout_seconds=within_s)

    return ask
