"""A call that an agent's model asked for: who must agree to it, and until when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runtime.graph.node_types import ToolFacts
from runtime.nodes.agent_call import NODE, Config
from runtime.nodes.base import Park
from tests.unit.nodes.fakes import Around, FakeServers

TOOL = ToolFacts("get_order", {"type": "object", "properties": {}}, effect="once")
OF_ADMIN = {"kind": "role", "value": "admin"}


async def asked(tool: ToolFacts, **config: Any) -> tuple[Park | None, float | None]:
    """The question, and for how many seconds it may be answered."""
    given = Config.model_validate({"server": "orders", "tool": "get_order", "arguments": {}, **config})
    ctx = Around(servers=FakeServers(tool)).context()
    assert NODE.ask_first is not None
    park = await NODE.ask_first(given, ctx)
    due_s = (park.due_at - ctx.now()).total_seconds() if park and park.due_at else None
    return park, due_s if due_s is None else round(due_s)


@pytest.mark.parametrize(
    ("of_admin_s", "of_author_s", "shorter_s"),
    [(None, None, None), (None, 60.0, 60.0), (30.0, None, 30.0), (30.0, 60.0, 30.0), (90.0, 60.0, 60.0)],
)
async def test_the_shorter_time_to_answer_holds(
    of_admin_s: float | None, of_author_s: float | None, shorter_s: float | None
) -> None:
    tool = replace(TOOL, approval=OF_ADMIN, approval_due_s=of_admin_s)
    park, due_s = await asked(tool, approval=True, due_in_s=of_author_s)

    assert park is not None
    assert due_s == shorter_s
    assert park.data["assign_to"] == OF_ADMIN


async def test_a_time_without_a_question_is_no_time() -> None:
    assert await asked(TOOL, approval=False, due_in_s=60.0) == (None, None)
    park, due_s = await asked(replace(TOOL, approval=OF_ADMIN), approval=False, due_in_s=60.0)
    assert park is not None
    assert due_s is None
