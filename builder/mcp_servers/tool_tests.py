"""Calls that a person keeps as tests of a server's tools: saved from the inspector, made again at a click."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from builder.accounts.access import Member
from builder.audit.actions import record
from builder.http.errors import Conflict, Invalid, ProblemError
from builder.mcp_servers.errands import try_tool
from builder.mcp_servers.models import McpServer, McpTool, ToolTest
from runtime.engine.values import storable
from runtime.errors import PatchbayError

TESTS_AT_MOST = 200
FIELDS_AT_MOST = 50
SHOWN = 80
TOLD = 500


def tests_of(server: McpServer) -> QuerySet[ToolTest]:
    """In the order of their tools and names."""
    return (
        ToolTest.objects.filter(tool__server=server)
        .select_related("tool__server")
        .order_by("tool__name", "name")
    )


def save_test(
    by: Member,
    tool: McpTool,
    *,
    name: str,
    arguments: Mapping[str, Any],
    expected: str,
    fields: Mapping[str, Any],
) -> ToolTest:
    """Keep a call with what must come of it; raises Invalid or Conflict (test_name_taken)."""
    if not name.strip():
        raise _refused("name", "Give the test a name.")
    if expected not in ToolTest.Expected.values:
        raise _refused("expected", f"Expected is one of {', '.join(ToolTest.Expected.values)}.")
    if len(fields) > FIELDS_AT_MOST:
        raise _refused("fields", f"At most {FIELDS_AT_MOST} fields can be compared.")
    if tests_of(tool.server).count() >= TESTS_AT_MOST:
        raise Conflict("too_many_tests", f"A server may have {TESTS_AT_MOST} tests. Remove one first.")
    test = ToolTest(
        tool=tool,
        name=name.strip()[:120],
        arguments=storable(dict(arguments), what="The arguments"),
        expected=expected,
        fields=storable(dict(fields), what="The expected fields") if expected == ToolTest.Expected.OK else {},
    )
    try:
        with transaction.atomic():
            test.save()
            _record(by, "mcp_test.save", test)
    except IntegrityError as error:
        raise Conflict("test_name_taken", f'"{tool.name}" has a test "{test.name}" already.') from error
    return test


@transaction.atomic
def remove_test(by: Member, test: ToolTest) -> None:
    _record(by, "mcp_test.remove", test)
    test.delete()


async def run_test(by: Member, test: ToolTest) -> ToolTest:
    """Make the call and note whether it gave what was expected; the call itself is audited as any trial is."""
    try:
        result = await try_tool(by, test.tool, test.arguments)
        problem = _difference(test, result)
    except ProblemError:
        # Nothing was called: that says nothing about the tool.
        raise
    except PatchbayError as error:
        is_expected = test.expected == ToolTest.Expected.FAILED and error.code == "mcp_tool_error"
        problem = "" if is_expected else f"{error.code}: {error.message}"
    test.passed, test.problem, test.ran_at = not problem, problem[:TOLD], timezone.now()
    await sync_to_async(test.save)(update_fields=["passed", "problem", "ran_at"])
    return test


def _difference(test: ToolTest, result: Mapping[str, Any]) -> str:
    """What is not as expected of a call that succeeded."""
    if test.expected == ToolTest.Expected.FAILED:
        return "The call succeeded; it was expected to fail."
    given = fields_of(result)
    told = []
    for name, wanted in test.fields.items():
        if name not in given:
            told.append(f"{name} is missing.")
        elif given[name] != wanted:
            told.append(f"{name} is {_shown(given[name])} instead of {_shown(wanted)}.")
    return " ".join(told)


def fields_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a result holds by name: its structure, or its text where that is JSON."""
    found = result.get("structured") or result.get("data")
    return found if isinstance(found, dict) else {}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _refused(field: str, why: str) -> Invalid:
    return Invalid("invalid_request", why, {"fields": [{"field": field, "message": why}]})


def _record(by: Member, verb: str, test: ToolTest) -> None:
    record(
        by,
        verb,
        workspace_id=test.tool.server.workspace_id,
        kind="mcp_test",
        object_id=test.pk,
        name=f"{test.tool.server.slug}.{test.tool.name}: {test.name}",
    )
