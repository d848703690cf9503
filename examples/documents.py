"""What a demo server offers besides its tools: documents, records at addresses with a part to fill in, and prompts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import anyio.to_thread
import mcp_types as wire
from mcp import MCPError

MARKDOWN, JSON = "text/markdown", "application/json"
SUGGESTED = 20

Values = Callable[[sqlite3.Connection, str], Sequence[str]]
"""Values of an argument that begin like a text."""


@dataclass(frozen=True)
class Document:
    """A text at a fixed address."""

    uri: str
    title: str
    description: str
    text: str


@dataclass(frozen=True)
class Record:
    """JSON at an address of which the end is filled in: `start` and a value; `read` gives None for an unknown one."""

    start: str
    part: str
    title: str
    description: str
    read: Callable[[sqlite3.Connection, str], str | None]
    values: Values

    @property
    def template(self) -> str:
        return f"{self.start}{{{self.part}}}"


@dataclass(frozen=True)
class Prompt:
    """arguments   name -> (description, whether it is required); `write` gets those that were given"""

    name: str
    title: str
    description: str
    arguments: Mapping[str, tuple[str, bool]]
    write: Callable[[Mapping[str, str]], str]
    values: Mapping[str, Values] = field(default_factory=dict)


def handlers(
    database: sqlite3.Connection,
    documents: Sequence[Document],
    records: Sequence[Record],
    prompts: Sequence[Prompt],
) -> dict[str, Any]:
    """What a server is made with, so that it answers for all of these."""

    async def list_resources(ctx: Any, params: Any) -> wire.ListResourcesResult:
        return wire.ListResourcesResult(
            resources=[
                wire.Resource(
                    uri=row.uri,
                    name=row.title,
                    title=row.title,
                    description=row.description,
                    mime_type=MARKDOWN,
                )
                for row in documents
            ]
        )

    async def list_templates(ctx: Any, params: Any) -> wire.ListResourceTemplatesResult:
        return wire.ListResourceTemplatesResult(
            resource_templates=[
                wire.ResourceTemplate(
                    uri_template=row.template,
                    name=row.title,
                    title=row.title,
                    description=row.description,
                    mime_type=JSON,
                )
                for row in records
            ]
        )

    async def read(ctx: Any, params: wire.ReadResourceRequestParams) -> wire.ReadResourceResult:
        kind, text = await anyio.to_thread.run_sync(_read, database, documents, records, str(params.uri))
        content = wire.TextResourceContents(uri=params.uri, mime_type=kind, text=text)
        return wire.ReadResourceResult(contents=[content])

    async def list_prompts(ctx: Any, params: Any) -> wire.ListPromptsResult:
        return wire.ListPromptsResult(prompts=[_definition(row) for row in prompts])

    async def get_prompt(ctx: Any, params: wire.GetPromptRequestParams) -> wire.GetPromptResult:
        prompt = _prompt(prompts, params.name)
        given = dict(params.arguments or {})
        for name, (_, is_required) in prompt.arguments.items():
            if is_required and not given.get(name):
                raise MCPError(wire.INVALID_PARAMS, f'"{name}" is missing.')
        message = wire.PromptMessage(
            role="user", content=wire.TextContent(type="text", text=prompt.write(given))
        )
        return wire.GetPromptResult(description=prompt.title, messages=[message])

    async def complete(ctx: Any, params: wire.CompleteRequestParams) -> wire.CompleteResult:
        values = _values_for(params, records, prompts)
        found = await anyio.to_thread.run_sync(values, database, params.argument.value) if values else []
        completion = wire.Completion(values=list(found[:SUGGESTED]), has_more=len(found) > SUGGESTED)
        return wire.CompleteResult(completion=completion)

    return {
        "on_list_resources": list_resources,
        "on_list_resource_templates": list_templates,
        "on_read_resource": read,
        "on_list_prompts": list_prompts,
        "on_get_prompt": get_prompt,
        "on_completion": complete,
    }


def _read(
    database: sqlite3.Connection, documents: Sequence[Document], records: Sequence[Record], uri: str
) -> tuple[str, str]:
    for document in documents:
        if document.uri == uri:
            return MARKDOWN, document.text
    for record in records:
        if uri.startswith(record.start):
            text = record.read(database, unquote(uri.removeprefix(record.start)))
            if text is not None:
                return JSON, text
    raise MCPError(wire.INVALID_PARAMS, f"There is nothing at {uri[:200]}.")


def _values_for(
    params: wire.CompleteRequestParams, records: Sequence[Record], prompts: Sequence[Prompt]
) -> Values | None:
    reference = params.ref
    if isinstance(reference, wire.PromptReference):
        return _prompt(prompts, reference.name).values.get(params.argument.name)
    for record in records:
        if (reference.uri, params.argument.name) == (record.template, record.part):
            return record.values
    return None


def _prompt(prompts: Sequence[Prompt], name: str) -> Prompt:
    found = next((prompt for prompt in prompts if prompt.name == name), None)
    if found is None:
        raise MCPError(wire.INVALID_PARAMS, f"There is no prompt {name[:200]}.")
    return found


def _definition(prompt: Prompt) -> wire.Prompt:
    return wire.Prompt(
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
        arguments=[
            wire.PromptArgument(name=name, description=description, required=is_required)
            for name, (description, is_required) in prompt.arguments.items()
        ],
    )
