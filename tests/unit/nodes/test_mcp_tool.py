"""One call of a tool: what is checked while drawing, what is sent, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.engine.attempt import rendered_config, typed_config
from runtime.errors import McpError, NodeFailure
from runtime.graph.node_types import Effect, ToolFacts
from runtime.nodes.base import Park, Proceed, Waited
from runtime.nodes.catalogue import NODE_TYPES
from tests.unit.nodes.fakes import (
    STARTED_AT,
    TIMEOUT_S,
    Around,
    Called,
    FakeMcp,
    FakeServers,
    Registered,
    a_result,
    full_problems,
    left,
    output_of,
    ports,
    problems,
    refused,
    resumed,
)

INPUT = {
    "type": "object",
    "properties": {"order_id": {"type": "string", "title": "Order number"}, "note": {"type": "string"}},
    "required": ["order_id"],
    "additionalProperties": False,
}
OUTPUT = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
GET_ORDER = ToolFacts("get_order", INPUT, OUTPUT, effect="none")
CONFIG = {"server": "orders", "tool": "get_order", "arguments": {"order_id": "{{ trigger.number }}"}}
SCOPE = {"trigger": {"number": "12345", "nothing": None, "amount": 5}}


def around(mcp: FakeMcp, *tools: ToolFacts) -> Around:
    return Around(mcp=mcp, servers=FakeServers(*(tools or (GET_ORDER,))), scope=SCOPE)


def with_arguments(arguments: Any) -> dict[str, Any]:
    return {**CONFIG, "arguments": arguments}


# --- while drawing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"server": ""}, "server"),
        ({"tool": ""}, "tool"),
        ({"server": None}, "server"),
        ({"arguments": ["a"]}, "arguments"),
        ({"argument": {}}, "argument"),
    ],
)
def test_what_does_not_fit_is_told_at_its_field(change: dict[str, Any], field: str) -> None:
    assert refused("mcp_tool", {**CONFIG, **change}) == [field]


def test_it_leaves_by_one_exit() -> None:
    assert ports("mcp_tool", CONFIG) == ["out", "error"]


@pytest.mark.parametrize(
    ("config", "known", "found"),
    [
        (CONFIG, Registered([GET_ORDER]), []),
        ({"server": "", "tool": ""}, Registered(), []),
        ({**CONFIG, "server": "crm"}, Registered([GET_ORDER]), [("server", "unknown_server")]),
        ({**CONFIG, "tool": "drop"}, Registered([GET_ORDER]), [("tool", "unknown_tool")]),
        (CONFIG, Registered(listed=False), [("server", "server_not_listed")]),
        (CONFIG, Registered([ToolFacts("get_order", INPUT, enabled=False)]), [("tool", "mcp_tool_blocked")]),
        (with_arguments({}), Registered([GET_ORDER]), [("arguments/order_id", "required")]),
        (with_arguments({"order_id": ""}), Registered([GET_ORDER]), [("arguments/order_id", "required")]),
        (
            with_arguments({"order_id": "1", "colour": "red"}),
            Registered([GET_ORDER]),
            [("arguments/colour", "unknown_argument")],
        ),
    ],
)
def test_a_call_that_cannot_succeed_is_told_while_drawing(
    config: dict[str, Any], known: Registered, found: list[tuple[str, str]]
) -> None:
    assert problems("mcp_tool", config, known) == found


def test_a_server_whose_tools_were_never_read_only_warns() -> None:
    assert [problem.severity for problem in full_problems("mcp_tool", CONFIG, Registered(listed=False))] == [
        "warning"
    ]


def test_a_missing_argument_is_called_by_its_title() -> None:
    [problem] = full_problems("mcp_tool", with_arguments({}), Registered([GET_ORDER]))

    assert problem.message == '"Order number" is required by get_order.'


def test_fixed_values_are_judged_by_the_tools_definition() -> None:
    schema = {
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 1},
            "lines": {
                "type": "array",
                "items": {"type": "object", "properties": {"sku": {"type": "string"}}},
            },
            "note": {"type": "string"},
        },
    }
    known = Registered([ToolFacts("get_order", schema)])
    arguments = {
        "count": 0,
        "lines": [{"sku": 5}, {"sku": "{{ trigger.sku }}"}],
        "note": "{{ trigger.note }}",
    }

    assert problems("mcp_tool", with_arguments(arguments), known) == [
        ("arguments/count", "invalid_config"),
        ("arguments/lines/0/sku", "invalid_config"),
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"order_id": {}}},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        {"type": "object", "patternProperties": {"^x_": {}}, "additionalProperties": False},
    ],
)
def test_a_tool_that_takes_more_than_it_names_is_given_more(schema: dict[str, Any]) -> None:
    known = Registered([ToolFacts("get_order", schema)])

    assert problems("mcp_tool", with_arguments({"x_colour": "red"}), known) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"order_id": True}, "required": ["order_id"]},
        {"properties": {"order_id": {"title": 5}}, "required": ["order_id"]},
        {"required": ["order_id"]},
        {"properties": {}, "required": ["order_id"], "additionalProperties": True},
    ],
)
def test_a_sparse_definition_still_says_what_is_required(schema: dict[str, Any]) -> None:
    known = Registered([ToolFacts("get_order", schema)])

    assert problems("mcp_tool", with_arguments({}), known) == [("arguments/order_id", "required")]


@pytest.mark.parametrize(
    "schema", [{"properties": True}, {"properties": [], "required": True}, {"required": "order_id"}]
)
def test_a_definition_that_makes_no_sense_says_nothing_of_arguments(schema: dict[str, Any]) -> None:
    assert problems("mcp_tool", with_arguments({}), Registered([ToolFacts("get_order", schema)])) == []


@pytest.mark.parametrize("arguments", ["text", ["a"], 5])
def test_arguments_that_are_no_object_are_left_to_the_form(arguments: Any) -> None:
    assert problems("mcp_tool", with_arguments(arguments), Registered([GET_ORDER])) == []


def test_later_steps_see_the_definition_of_the_result_where_there_is_one() -> None:
    without = ToolFacts("get_order", INPUT)
    unstructured = output_of("mcp_tool", CONFIG, Registered([without]))

    assert output_of("mcp_tool", CONFIG, Registered([GET_ORDER])) == OUTPUT
    assert unstructured is not None
    assert unstructured["required"] == ["text", "content", "data"]
    assert output_of("mcp_tool", {**CONFIG, "tool": "drop"}, Registered([GET_ORDER])) is None
    assert output_of("mcp_tool", {}, Registered()) is None


# --- in a run ----------------------------------------------------------------------------------------------


async def test_the_call_carries_the_computed_arguments_the_time_limit_and_the_key_of_the_step() -> None:
    mcp = FakeMcp(a_result(structured={"status": "shipped"}))
    await left("mcp_tool", CONFIG, around(mcp))

    assert mcp.called == [Called("orders", "get_order", {"order_id": "12345"}, TIMEOUT_S, "key-of-the-step")]


async def test_a_structured_result_is_the_output_where_the_definition_promises_one() -> None:
    result = a_result("shipped", structured={"status": "shipped"}, data={"other": 1})
    leave = await left("mcp_tool", CONFIG, around(FakeMcp(result)))

    assert (leave.output, leave.ports) == ({"status": "shipped"}, ("out",))


@pytest.mark.parametrize("output", [None, {}])
@pytest.mark.parametrize(
    ("text", "data", "structured"),
    [
        ("shipped", None, None),
        ('{"status": 1}', {"status": 1}, None),
        ("shipped", None, {"status": "shipped"}),
    ],
)
async def test_without_a_definition_text_content_and_data_are_always_there(
    output: dict[str, Any] | None, text: str, data: Any, structured: Any
) -> None:
    content = [{"type": "text", "text": text}]
    tool = ToolFacts("get_order", INPUT, output)
    result = a_result(text, data=data, content=content, structured=structured)
    leave = await left("mcp_tool", CONFIG, around(FakeMcp(result), tool))

    assert leave.output == {"text": text, "content": content, "data": data}


async def test_an_optional_argument_that_is_null_is_not_sent() -> None:
    mcp = FakeMcp(a_result(structured={"status": "x"}))
    await left("mcp_tool", with_arguments({"order_id": "1", "note": "{{ trigger.nothing }}"}), around(mcp))

    assert mcp.called[0].arguments == {"order_id": "1"}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"order_id": "{{ trigger.nothing }}"}, "order_id"),
        ({"order_id": "{{ trigger.amount }}"}, "order_id"),
        ({"order_id": "1", "colour": "red"}, "colour"),
    ],
)
async def test_arguments_that_do_not_fit_fail_before_anything_is_sent(
    arguments: dict[str, Any], field: str
) -> None:
    mcp = FakeMcp()

    with pytest.raises(McpError) as caught:
        await left("mcp_tool", with_arguments(arguments), around(mcp))

    assert (caught.value.code, caught.value.details["field"]) == ("mcp_invalid_arguments", field)
    assert caught.value.details["sent"] is False
    assert mcp.called == []


async def test_server_and_tool_are_never_computed() -> None:
    with pytest.raises(McpError) as caught:
        await left("mcp_tool", {**CONFIG, "tool": "{{ trigger.number }}"}, around(FakeMcp()))

    assert caught.value.code == "mcp_tool_blocked"


async def test_a_failed_call_leaves_as_it_is() -> None:
    failure = McpError("Slow.", code="mcp_timeout", retryable=True, details={"sent": True})

    with pytest.raises(McpError) as caught:
        await left("mcp_tool", CONFIG, around(FakeMcp(failure)))

    assert caught.value is failure


async def test_progress_of_a_long_call_is_passed_on() -> None:
    here = around(FakeMcp(a_result(structured={"status": "x"})))
    await left("mcp_tool", CONFIG, here)

    assert here.told == [("half of it", 0.5)]


@pytest.mark.parametrize("effect", ["none", "idempotent", "once"])
async def test_what_repeating_would_do_is_what_the_registry_says_of_the_tool(effect: Effect) -> None:
    node_type = NODE_TYPES["mcp_tool"]
    here = around(FakeMcp(), ToolFacts("get_order", INPUT, effect=effect))
    assert node_type.effect is not None

    assert await node_type.effect(node_type.config.model_validate(CONFIG), here.context()) == effect


async def test_a_tool_that_may_not_be_used_is_refused_before_an_intent_is_noted() -> None:
    node_type = NODE_TYPES["mcp_tool"]
    here = around(FakeMcp(), ToolFacts("other", INPUT))
    assert node_type.effect is not None

    with pytest.raises(McpError) as caught:
        await node_type.effect(node_type.config.model_validate(CONFIG), here.context())

    assert caught.value.code == "mcp_tool_blocked"


# --- what an admin decided -----------------------------------------------------------------------------------

ASKED = ToolFacts("get_order", INPUT, effect="once", approval={"kind": "role", "value": "admin"})


async def asked_first(here: Around) -> Park | None:
    node_type = NODE_TYPES["mcp_tool"]
    assert node_type.ask_first is not None
    config = typed_config(node_type, rendered_config(node_type, CONFIG, here.scope))
    question: Park | None = await node_type.ask_first(config, here.context())
    return question


async def test_nobody_is_asked_where_no_approval_is_wanted() -> None:
    assert await asked_first(around(FakeMcp())) is None


async def test_who_is_asked_sees_the_exact_call_and_nothing_is_sent() -> None:
    mcp = FakeMcp()

    question = await asked_first(around(mcp, ASKED))

    assert question is not None
    assert question.data["assign_to"] == {"kind": "role", "value": "admin"}
    assert [(row["label"], row["value"]) for row in question.data["data"]] == [
        ("Server", "orders"),
        ("Tool", "get_order"),
        ("order_id", "12345"),
    ]
    assert mcp.called == []


def answered(choice: str) -> Waited:
    signal = {"choice": choice, "answered_by": "ann@example.com", "comment": "No."}
    return Waited(signal=signal, opened_at=STARTED_AT, ended_at=STARTED_AT, data={})


def test_an_approved_call_proceeds_and_a_declined_one_fails() -> None:
    assert resumed("mcp_tool", CONFIG, answered("approve")) == Proceed()
    with pytest.raises(NodeFailure) as caught:
        resumed("mcp_tool", CONFIG, answered("decline"))
    assert (caught.value.code, caught.value.retryable) == ("approval_declined", False)
    assert "ann@example.com" in caught.value.message


def test_a_call_that_nobody_answered_in_time_fails_without_being_made() -> None:
    nobody = Waited(signal=None, opened_at=STARTED_AT, ended_at=STARTED_AT, data={})
    with pytest.raises(NodeFailure) as caught:
        resumed("mcp_tool", CONFIG, nobody)
    assert (caught.value.code, caught.value.details["sent"]) == ("approval_timed_out", False)


async def test_an_argument_that_is_not_allowed_is_never_sent() -> None:
    mcp = FakeMcp()
    limited = ToolFacts("get_order", INPUT, limits={"order_id": {"pattern": "9.*"}})

    with pytest.raises(McpError) as caught:
        await left("mcp_tool", CONFIG, around(mcp, limited))

    assert caught.value.code == "mcp_argument_refused"
    assert mcp.called == []


async def test_the_tools_own_time_limit_is_the_upper_one() -> None:
    mcp = FakeMcp()
    await left("mcp_tool", CONFIG, around(mcp, ToolFacts("get_order", INPUT, timeout_s=5)))
    await left("mcp_tool", CONFIG, around(mcp, ToolFacts("get_order", INPUT, timeout_s=500)))

    assert [call.timeout_s for call in mcp.called] == [5, TIMEOUT_S]


async def test_a_call_over_the_rate_is_never_sent() -> None:
    mcp = FakeMcp()
    here = around(mcp, ToolFacts("get_order", INPUT, rate=1))
    here.servers.room = 0

    with pytest.raises(McpError) as caught:
        await left("mcp_tool", CONFIG, here)

    assert (caught.value.code, mcp.called) == ("mcp_rate_limited", [])


@pytest.mark.parametrize(
    ("tool", "found"),
    [
        (ToolFacts("get_order", INPUT, reserved=True), [("tool", "mcp_tool_reserved")]),
        (ToolFacts("get_order", INPUT, limits={"order_id": {"value": "1"}}), []),
        (
            ToolFacts("get_order", INPUT, limits={"note": {"value": "1"}}),
            [("arguments/note", "mcp_argument_refused")],
        ),
    ],
)
def test_policies_are_told_while_drawing(tool: ToolFacts, found: list[tuple[str, str]]) -> None:
    assert problems("mcp_tool", CONFIG, Registered([tool])) == found
