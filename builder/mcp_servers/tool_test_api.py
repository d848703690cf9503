"""REST: /mcp-servers/{id}/tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Field, Router, Schema, Status
from pydantic import ConfigDict

from builder.http.paging import Page
from builder.mcp_servers.api import server_for, tool_for
from builder.mcp_servers.models import ToolTest
from builder.mcp_servers.tool_test_views import test_for
from builder.mcp_servers.tool_tests import remove_test, run_test, save_test, tests_of

router = Router(tags=["MCP servers"])


class ToolTestIn(Schema):
    """fields: names of the result and what each must be, where the call is expected to succeed."""

    model_config = ConfigDict(extra="forbid")
    tool: str = Field(max_length=300)
    name: str = Field(min_length=1, max_length=120)
    arguments: dict[str, Any] = Field(default_factory=dict)
    expected: Literal["ok", "failed"] = "ok"
    fields: dict[str, Any] = Field(default_factory=dict)


class ToolTestOut(Schema):
    """passed: of the last time, null before the first; problem says what was different."""

    id: UUID
    tool: str
    name: str
    arguments: dict[str, Any]
    expected: str
    fields: dict[str, Any]
    passed: bool | None
    problem: str
    ran_at: datetime | None

    @classmethod
    def of(cls, test: ToolTest) -> ToolTestOut:
        return cls(
            id=test.pk,
            tool=test.tool.name,
            name=test.name,
            arguments=test.arguments,
            expected=test.expected,
            fields=test.fields,
            passed=test.passed,
            problem=test.problem,
            ran_at=test.ran_at,
        )


@router.get("/mcp-servers/{uuid:server_id}/tests", response=Page[ToolTestOut])
def list_tests(request: HttpRequest, server_id: UUID) -> dict[str, Any]:
    server, _ = server_for(request, server_id)
    return {"items": [ToolTestOut.of(test) for test in tests_of(server)], "next": None}


@router.post("/mcp-servers/{uuid:server_id}/tests", response={201: ToolTestOut})
def create_test(request: HttpRequest, server_id: UUID, payload: ToolTestIn) -> Status[ToolTestOut]:
    """Keep a call with what must come of it; nothing is called yet."""
    tool, member = tool_for(request, server_id, payload.tool)
    given = payload.dict(exclude={"tool"})
    return Status(201, ToolTestOut.of(save_test(member, tool, **given)))


@router.post("/mcp-servers/{uuid:server_id}/tests/{uuid:test_id}/run", response=ToolTestOut)
async def run_one(request: HttpRequest, server_id: UUID, test_id: UUID) -> ToolTestOut:
    """Make the call, and tell whether it gave what was expected."""
    test, member = await sync_to_async(test_for)(request, server_id, test_id)
    return ToolTestOut.of(await run_test(member, test))


@router.delete("/mcp-servers/{uuid:server_id}/tests/{uuid:test_id}", response={204: None})
def delete_test(request: HttpRequest, server_id: UUID, test_id: UUID) -> Status[None]:
    test, member = test_for(request, server_id, test_id)
    remove_test(member, test)
    return Status(204, None)
