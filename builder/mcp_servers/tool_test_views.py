"""Tests of tools on the pages: save one from the inspector, run it again, remove it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from builder.accounts.access import Member
from builder.http.errors import ProblemError
from builder.mcp_servers.api import server_for, tool_for
from builder.mcp_servers.models import ToolTest
from builder.mcp_servers.tool_tests import remove_test, run_test, save_test, tests_of


def test_for(request: HttpRequest, server_id: UUID, test_id: UUID) -> tuple[ToolTest, Member]:
    server, member = server_for(request, server_id)
    test = tests_of(server).filter(pk=test_id).first()
    if test is None:
        raise Http404
    return test, member


def save(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """`field` comes once for each value to compare, as JSON of its name and value."""
    tool, member = tool_for(request, server_id, request.POST.get("tool", ""))
    try:
        test = save_test(
            member,
            tool,
            name=request.POST.get("name", ""),
            arguments=_object(request.POST.get("arguments", "")),
            expected=request.POST.get("expected", ""),
            fields=dict(map(_pair, request.POST.getlist("field"))),
        )
    except ProblemError as error:
        messages.error(request, error.message)
        return redirect(f"{reverse('mcp_inspector', args=[server_id])}?kind=tool&name={tool.name}")
    messages.success(request, f"“{test.name}” was saved.")
    return _back(server_id)


async def run(request: HttpRequest, server_id: UUID, test_id: UUID) -> HttpResponse:
    test, member = await sync_to_async(test_for)(request, server_id, test_id)
    try:
        await run_test(member, test)
    except ProblemError as error:
        await sync_to_async(messages.error)(request, error.message)
    return _back(server_id)


def remove(request: HttpRequest, server_id: UUID, test_id: UUID) -> HttpResponse:
    test, member = test_for(request, server_id, test_id)
    remove_test(member, test)
    messages.success(request, f"“{test.name}” was removed.")
    return _back(server_id)


def _back(server_id: UUID) -> HttpResponse:
    return redirect(f"{reverse('mcp_server', args=[server_id])}#tests")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _pair(text: str) -> tuple[str, Any]:
    row = _object(text)
    return str(row.get("name", "")), row.get("value")
