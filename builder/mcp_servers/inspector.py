"""The inspector: one request to a server, what it answers, and every message on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from builder.accounts.access import Member
from builder.http.errors import ProblemError
from builder.mcp_servers import errands
from builder.mcp_servers.api import server_for
from builder.mcp_servers.models import McpPrompt, McpServer, McpTool
from builder.mcp_servers.tool_form import form_fields, read_arguments
from runtime.errors import PatchbayError

TOOL, RESOURCE, PROMPT = "tool", "resource", "prompt"


async def inspector(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """What is asked stands in the address (`kind`, `name` or `uri`), the arguments in the form."""
    server, member = await sync_to_async(server_for)(request, server_id)
    request.member = member  # type: ignore[attr-defined]
    given = {key: str(value) for key, value in request.POST.items()}
    kind = request.GET.get("kind", TOOL)
    context = await sync_to_async(_context)(server, kind, request.GET, given)
    if request.method == "POST":
        context |= await _ask(member, context, given)
    return await sync_to_async(render)(request, "mcp_servers/inspector.html", context)


def _context(
    server: McpServer, kind: str, asked: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, Any]:
    tools = [tool for tool in server.tools.all() if tool.missing_since is None]
    resources, prompts = list(server.resources.all()), list(server.prompts.all())
    name = asked.get("name", "")
    tool = next((row for row in tools if row.name == name), None) if kind == TOOL else None
    prompt = next((row for row in prompts if row.name == name), None) if kind == PROMPT else None
    schema = tool.input_schema if tool else _schema_of(prompt) if prompt else {}
    return {
        "server": server,
        "tools": tools,
        "resources": resources,
        "prompts": prompts,
        "kind": kind,
        "tool": tool,
        "prompt": prompt,
        "uri": given.get("uri") or asked.get("uri", ""),
        "schema": schema,
        "fields": form_fields(schema, given),
        "chosen": tool or prompt or (kind == RESOURCE),
    }


def _schema_of(prompt: McpPrompt) -> dict[str, Any]:
    """A prompt's arguments as a schema: they are texts, all of them."""
    rows = prompt.arguments
    return {
        "type": "object",
        "properties": {row["name"]: {"type": "string", "description": row["description"]} for row in rows},
        "required": [row["name"] for row in rows if row["required"]],
    }


async def _ask(member: Member, context: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    arguments, problems = read_arguments(context["schema"], given)
    if problems:
        return {"problems": problems}
    try:
        inspection = await _inspection(member, context, arguments)
    except (PatchbayError, ProblemError) as error:
        return {"error": error}
    for message in inspection["messages"]:
        message["summary"], message["shown"] = _readable(message["text"])
    if context["tool"] is None:
        return {"inspection": inspection}
    return {
        "inspection": inspection,
        "step": step_of(context["tool"], arguments),
        "sent": json.dumps(arguments, ensure_ascii=False),
        "comparable": _comparable(inspection),
    }


def _comparable(inspection: Mapping[str, Any]) -> list[dict[str, str]]:
    """The plain values of a result, each as a test would compare it."""
    result = inspection["result"] or {}
    structured = result.get("structuredContent") or {}
    return [
        {"name": name, "value": json.dumps({"name": name, "value": value}), "shown": str(value)[:80]}
        for name, value in structured.items()
        if isinstance(value, str | int | float | bool)
    ]


async def _inspection(
    member: Member, context: Mapping[str, Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    tool, prompt, server = context["tool"], context["prompt"], context["server"]
    if tool:
        return await errands.inspect_tool(member, tool, arguments)
    if prompt:
        params = {"name": prompt.name, "arguments": arguments}
        return await errands.inspect_server(member, server, "prompts/get", params)
    return await errands.inspect_server(member, server, "resources/read", {"uri": context["uri"]})


def step_of(tool: McpTool, arguments: Mapping[str, Any]) -> str:
    """The call as steps that the editor takes from the clipboard."""
    name = "".join(char if char.isascii() and char.isalnum() else "_" for char in tool.name.lower()).strip(
        "_"
    )
    node = {
        "id": (name if name[:1].isalpha() else f"call_{name}")[:50],
        "type": "mcp_tool",
        "version": 1,
        "title": tool.label[:80],
        "config": {"server": tool.server.slug, "tool": tool.name, "arguments": dict(arguments)},
        "position": {"x": 0, "y": 0},
    }
    return json.dumps({"kind": "workflow-steps", "nodes": [node], "edges": []}, ensure_ascii=False)


def _readable(text: str) -> tuple[str, str]:
    """A line that says what a message is, and the message over several lines."""
    try:
        message = json.loads(text)
    except ValueError:
        return "cut off", text
    is_answer = "result" in message or "error" in message
    what = "error" if "error" in message else "result" if is_answer else message.get("method", "")
    number = f" #{message['id']}" if "id" in message else ""
    return f"{what}{number}", json.dumps(message, indent=2, ensure_ascii=False)
