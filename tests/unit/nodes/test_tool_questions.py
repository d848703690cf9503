"""A tool's server asks back: what is answered at once, what parks the step, and what the next call takes along."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from runtime.elicitation import ACCEPT
from runtime.errors import McpError, NodeFailure
from runtime.gateways import McpServerSettings, SamplingSettings
from runtime.graph.node_types import ToolFacts
from runtime.mcp.input_required import InputRequired
from runtime.nodes import mcp_tool
from runtime.nodes.base import Leave, Park, Proceed, Waited
from tests.unit.nodes.fakes import STARTED_AT, Around, FakeLlm, FakeMcp, FakeServers, resumed

CONFIG: dict[str, Any] = {"server": "orders", "tool": "find", "arguments": {"id": "1"}}
TOOL = ToolFacts("find", {"type": "object"})
CODE = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}


def a_form(message: str = "Which code?", schema: Any = CODE) -> dict[str, Any]:
    params = {"mode": "form", "message": message, "requestedSchema": schema}
    return {"method": "elicitation/create", "params": params}


def an_address(url: str) -> dict[str, Any]:
    return {"method": "elicitation/create", "params": {"mode": "url", "message": "There.", "url": url}}


def around(
    *wants: InputRequired, tool: ToolFacts = TOOL, llm: FakeLlm | None = None, **settings: Any
) -> Around:
    class Servers(FakeServers):
        def settings(self, workspace_id: str, server: str, person: str = "") -> McpServerSettings:
            return replace(super().settings(workspace_id, server), name="Orders", **settings)

    return Around(mcp=FakeMcp(wants=wants), servers=Servers(tool), llm=llm or FakeLlm())


async def run(where: Around, *asked: Waited) -> Leave | Park:
    context = where.context()
    context.asked = asked
    return await mcp_tool.run(mcp_tool.Config.model_validate(CONFIG), context)


async def parked(where: Around, *asked: Waited) -> Park:
    outcome = await run(where, *asked)
    assert isinstance(outcome, Park)
    return outcome


async def asked_next(where: Around, *asked: Waited) -> Park | None:
    context = where.context()
    context.asked = asked
    return await mcp_tool.ask_first(mcp_tool.Config.model_validate(CONFIG), context)


def waited(park: Park, choice: str | None = ACCEPT, **answers: Any) -> Waited:
    signal = None if choice is None else {"choice": choice, "answers": answers, "comment": ""}
    return Waited(signal, STARTED_AT, STARTED_AT, park.data)


async def test_a_question_parks_the_step_with_its_form() -> None:
    park = await parked(around(InputRequired({"k": a_form()}, "s1"), elicitation_due_s=60.0))
    assert (park.kind, park.due_at) == ("handoff", STARTED_AT + timedelta(seconds=60))
    assert park.data["title"] == "Orders asks before “find” goes on"
    assert park.data["question"]["server"] == "orders"
    assert [field["id"] for field in park.data["fields"]] == ["code"]
    assert [choice["id"] for choice in park.data["choices"]] == ["accept", "decline", "cancel"]
    assert park.data["assign_to"] == {"kind": "anyone"}


@pytest.mark.parametrize(
    ("choice", "response"),
    [
        ("accept", {"action": "accept", "content": {"code": "7"}}),
        ("decline", {"action": "decline"}),
        ("cancel", {"action": "cancel"}),
        (None, {"action": "cancel"}),
    ],
)
async def test_the_next_call_takes_the_answer_and_the_servers_state_along(
    choice: str | None, response: dict[str, Any]
) -> None:
    where = around(InputRequired({"k": a_form()}, "s1"))
    answer = waited(await parked(where), choice, **({"code": "7"} if choice == "accept" else {}))
    assert isinstance(resumed("mcp_tool", CONFIG, answer), Proceed)
    assert await asked_next(where, answer) is None
    assert isinstance(await run(where, answer), Leave)
    first, second = where.mcp.called
    assert (first.responses, first.state) == (None, None)
    assert (second.responses, second.state) == ({"k": response}, "s1")
    assert first.idempotency_key == second.idempotency_key


async def test_several_questions_are_asked_in_turn_and_answered_together() -> None:
    where = around(InputRequired({"a": a_form("One?"), "b": a_form("Two?")}, "s"))
    one = waited(await parked(where), code="1")
    two = await asked_next(where, one)
    assert two is not None
    assert two.data["message"] == "Two?"
    assert two.part == 1
    both = (one, waited(two, "decline"))
    assert await asked_next(where, *both) is None
    await run(where, *both)
    sent = {"a": {"action": "accept", "content": {"code": "1"}}, "b": {"action": "decline"}}
    assert where.mcp.called[-1].responses == sent


async def test_an_approval_before_the_call_is_no_answer_for_the_server() -> None:
    tool = replace(TOOL, approval={"kind": "role", "value": "agent"})
    where = around(InputRequired({"k": a_form()}, None), tool=tool)
    approval = await asked_next(where)
    assert approval is not None
    assert "question" not in approval.data
    agreed = waited(approval, "approve")
    assert await asked_next(where, agreed) is None
    park = await parked(where, agreed)
    assert where.mcp.called[0].responses is None
    assert park.data["assign_to"] == {"kind": "role", "value": "agent"}


async def test_folders_and_what_an_admin_declines_need_nobody() -> None:
    wants = InputRequired({"r": {"method": "roots/list"}, "k": a_form()}, "s")
    where = around(wants, elicitation="decline")
    assert isinstance(await run(where), Leave)
    assert where.mcp.called[-1].responses == {"r": {"roots": []}, "k": {"action": "decline"}}


@pytest.mark.parametrize(
    "request_",
    [
        a_form(schema={"type": "object", "properties": {"it": {"type": "object"}}}),
        an_address("javascript:alert(1)"),
        an_address("http://pay.example.com/"),
        an_address("https://user:secret@example.com/"),
        an_address("https://exam ple.com/"),
    ],
)
async def test_what_cannot_be_shown_is_an_error_of_the_server(request_: dict[str, Any]) -> None:
    with pytest.raises(McpError) as caught:
        await run(around(InputRequired({"k": request_}, None)))
    assert caught.value.code == "mcp_protocol_error"
    assert caught.value.details["answered"] is True


async def test_a_call_that_needs_an_address_opened_is_made_again_as_it_was() -> None:
    wanted = InputRequired(
        {"0": an_address("https://a.example/"), "1": an_address("https://b.example/")}, None, True
    )
    where = around(wanted)
    first = waited(await parked(where))
    second = await asked_next(where, first)
    assert second is not None
    assert second.data["question"]["url"] == "https://b.example/"
    both = (first, waited(second))
    assert resumed("mcp_tool", CONFIG, both[1]) == Proceed()
    assert isinstance(await run(where, *both), Leave)
    assert [(call.responses, call.state) for call in where.mcp.called] == [(None, None)] * 2
    with pytest.raises(NodeFailure) as caught:
        resumed("mcp_tool", CONFIG, waited(second, None))
    assert (caught.value.code, caught.value.details["host"]) == ("mcp_address_not_opened", "b.example")


async def test_where_questions_are_declined_such_a_call_fails() -> None:
    wanted = InputRequired({"0": an_address("https://a.example/")}, None, as_before=True)
    with pytest.raises(NodeFailure, match=r"a\.example") as caught:
        await run(around(wanted, elicitation="decline"))
    assert caught.value.code == "mcp_address_not_opened"


async def test_a_model_is_not_asked_unless_an_admin_allows_it() -> None:
    request = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 5}}
    with pytest.raises(McpError) as caught:
        await run(around(InputRequired({"k": request}, None)))
    assert caught.value.code == "mcp_sampling_refused"


async def test_a_server_that_never_has_enough_is_left() -> None:
    where = around(InputRequired({"k": a_form()}, "s"))
    question = waited(await parked(where), code="1")
    where.mcp.wants = [InputRequired({"k": a_form()}, "s")]
    with pytest.raises(McpError, match="has asked 20 times"):
        await run(where, *[question] * 20)


# --- a person agrees before a model is asked ----------------------------------------------------------------------

TEXT = {"role": "user", "content": {"type": "text", "text": "A word?"}}
ASKS_FIRST = SamplingSettings("default", 50, ask_first=True)


def a_thought(**params: Any) -> dict[str, Any]:
    given = {"messages": [TEXT], "systemPrompt": "Be brief.", "maxTokens": 500, **params}
    return {"method": "sampling/createMessage", "params": given}


async def test_a_person_sees_exactly_what_the_model_would_be_asked() -> None:
    where = around(InputRequired({"k": a_thought()}, "s1"), sampling=ASKS_FIRST)
    park = await parked(where)

    assert park.data["title"] == "Orders wants to ask a model before “find” goes on"
    question = park.data["question"]
    assert (question["mode"], question["model"], question["max_tokens"]) == ("sampling", "default", 50)
    assert question["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "A word?"},
    ]
    assert [choice["id"] for choice in park.data["choices"]] == ["accept", "decline"]
    assert where.llm.asked == []


async def test_what_was_agreed_to_is_sent_and_its_answer_goes_with_the_next_call() -> None:
    park = await parked(
        around(InputRequired({"k": a_thought(), "code": a_form()}, "s1"), sampling=ASKS_FIRST)
    )
    where = around(sampling=ASKS_FIRST, llm=FakeLlm("Lantern."))
    first = waited(park)
    second = await asked_next(where, first)
    assert second is not None
    assert second.data["question"]["mode"] == "form"

    assert isinstance(await run(where, first, waited(second, code="7")), Leave)

    [asked] = where.llm.asked
    assert asked.messages == park.data["question"]["messages"]
    responses = where.mcp.called[0].responses
    assert responses is not None
    assert responses["k"]["content"] == {"type": "text", "text": "Lantern."}
    assert responses["code"] == {"action": "accept", "content": {"code": "7"}}


@pytest.mark.parametrize(("choice", "says"), [("decline", "did not let it ask"), (None, "in time")])
async def test_without_agreement_no_model_is_asked_and_the_step_fails(choice: str | None, says: str) -> None:
    park = await parked(around(InputRequired({"k": a_thought()}, "s1"), sampling=ASKS_FIRST))
    with pytest.raises(NodeFailure, match=says) as caught:
        resumed("mcp_tool", CONFIG, waited(park, choice))
    assert (caught.value.code, caught.value.retryable) == ("mcp_sampling_refused", False)


async def test_a_permission_that_was_taken_away_meanwhile_holds() -> None:
    park = await parked(around(InputRequired({"k": a_thought()}, "s1"), sampling=ASKS_FIRST))
    where = around()
    with pytest.raises(McpError) as caught:
        await run(where, waited(park))
    assert caught.value.code == "mcp_sampling_refused"
    assert (where.llm.asked, where.mcp.called) == ([], [])


async def test_what_is_too_long_to_be_read_is_not_asked() -> None:
    long = {**TEXT, "content": {"type": "text", "text": "x" * 64_001}}
    where = around(InputRequired({"k": a_thought(messages=[long])}, "s1"), sampling=ASKS_FIRST)
    with pytest.raises(McpError, match="too long"):
        await run(where)
