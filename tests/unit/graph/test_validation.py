"""What is wrong with a graph: every code with a small graph that provokes it, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.graph.node_types import ServerFacts, ToolFacts, WorkflowFacts
from runtime.graph.problems import Problem
from runtime.graph.schema import Graph, parse_graph
from runtime.graph.validation import RESERVED_IDS, check_graph, describe_nodes
from runtime.nodes.catalogue import NODE_TYPES
from tests.support.order_status import ORDER_STATUS

ORDER_OUTPUT = {
    "type": "object",
    "properties": {"status": {"type": "string"}, "total": {"type": "number"}, "carrier": {"type": "string"}},
    "required": ["status", "total"],
}
ORDER_INPUT = {
    "type": "object",
    "properties": {"order_id": {"type": "string", "title": "Order number"}},
    "required": ["order_id"],
    "additionalProperties": False,
}
ORDERS = ServerFacts(
    "orders",
    "Orders",
    listed=True,
    tools={
        "get_order": ToolFacts("get_order", ORDER_INPUT, ORDER_OUTPUT),
        "cancel_order": ToolFacts("cancel_order", {"type": "object"}, enabled=False),
    },
)


@dataclass(frozen=True)
class Workspace:
    """A workspace with the server of the example, one that was never listed, a model and a constant."""

    servers: Mapping[str, ServerFacts] = field(
        default_factory=lambda: {"orders": ORDERS, "new": ServerFacts("new", "New", listed=False)}
    )

    own_slug: str = "this-one"

    def server(self, slug: str) -> ServerFacts | None:
        return self.servers.get(slug)

    def workflow(self, slug: str) -> WorkflowFacts | None:
        return None

    def has_model(self, reference: str) -> bool:
        return reference == "default"

    def answering_roles(self) -> Sequence[str]:
        return ["agent", "admin"]

    def has_member(self, email: str) -> bool:
        return email == "ana@example.com"

    def variables(self) -> Mapping[str, Any]:
        return {"limit": 10}


def problems(graph: Graph) -> list[Problem]:
    return check_graph(graph, NODE_TYPES, Workspace())


def described(found: list[Problem]) -> list[tuple[str | None, str | None, str]]:
    """Node, field, code; a warning's code with a question mark."""
    return [(row.node, row.field, row.code + ("?" if row.severity == "warning" else "")) for row in found]


def graph(*nodes: dict[str, Any], edges: str = "", **settings: Any) -> Graph:
    """edges   `"start > a:error > b"` lines; without them the nodes stand in a row"""
    rows = []
    for arrow in edges.splitlines() or [" > ".join(node["id"] for node in nodes)]:
        ends = [end.strip().partition(":") for end in arrow.split(">")]
        rows += [
            {"source": source, "port": port or "out", "target": target}
            for (source, _, port), (target, _, _) in pairwise(ends)
        ]
    return parse_graph({"nodes": list(nodes), "edges": rows, "settings": settings})


def node(name: str, kind: str, config: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "config": config or {}, **more}


def start(name: str = "start", **config: Any) -> dict[str, Any]:
    return node(name, "webhook_trigger", config)


def reply(text: str = "Done.", name: str = "answer", **more: Any) -> dict[str, Any]:
    return node(name, "reply", {"text": text}, **more)


def lookup(name: str = "lookup", parent: str | None = None, **changes: Any) -> dict[str, Any]:
    config = {"server": "orders", "tool": "get_order", "arguments": {"order_id": "7"}}
    return node(name, "mcp_tool", config | changes, **({"parent": parent} if parent else {}))


def branch(*whens: Any, name: str = "branch") -> dict[str, Any]:
    ids = ("yes", "maybe", "perhaps")
    rows = [{"id": row, "when": when} for row, when in zip(ids, whens, strict=False)]
    return node(name, "condition", {"branches": rows})


def values(**pairs: Any) -> dict[str, Any]:
    return node(
        "set", "set_values", {"values": [{"id": name, "value": value} for name, value in pairs.items()]}
    )


# --- graphs without a problem --------------------------------------------------------------------


def test_the_example_of_the_documentation_has_no_problem() -> None:
    assert problems(parse_graph(ORDER_STATUS)) == []


@pytest.mark.parametrize(
    "found",
    [
        graph(start(), reply()),
        graph(
            start(), lookup(), reply("{{ steps.lookup.status }}: {{ steps.lookup.?carrier.orValue('-') }}")
        ),
        graph(start(), reply("{{ run.workflow.slug }} {{ workspace.timezone }} {{ vars.limit }}")),
        graph(
            start(),
            branch("{{ true }}"),
            lookup(),
            reply('{{ coalesce(steps.lookup.status, "-") }}'),
            edges="start > branch:yes > lookup > answer\nbranch:otherwise > answer",
        ),
        graph(
            start(),
            lookup(),
            reply(name="answer"),
            reply("{{ errors.lookup.message }}", "sorry"),
            edges="start > lookup > answer\nlookup:error > sorry",
        ),
        graph(
            start(),
            branch({"all": [{"left": "{{ trigger.body.n }}", "op": "greater", "right": 5}]}),
            reply(name="a"),
            reply(name="b"),
            edges="start > branch:yes > a\nbranch:otherwise > b",
        ),
        graph(start(), reply(), concurrency={"key": "{{ trigger.body.customer }}-{{ vars.limit }}"}),
        graph(start(), reply(), concurrency={"key": "one at a time"}),
    ],
    ids=["reply", "tool", "scope", "guarded", "error", "rules", "key", "constant"],
)
def test_a_graph_in_order_has_no_problem(found: Graph) -> None:
    assert problems(found) == []


# --- each code -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (graph(), (None, None, "no_trigger")),
        (
            graph(start(), reply(), reply(name="alone"), edges="start > answer"),
            ("alone", None, "unreachable"),
        ),
        (graph(start(), reply(), edges="start > answer\nstart > ghost"), ("start", None, "unknown_node")),
        (graph(start(), reply(), edges="start > answer\nghost > answer"), ("answer", None, "unknown_node")),
        (graph(start(), reply(), edges="start > answer\nstart > answer"), ("start", None, "duplicate_edge")),
        (
            graph(start(), reply(), edges="start > answer\nstart:yes > answer"),
            ("start", None, "unknown_port"),
        ),
        (
            graph(start(), start("again"), reply(), edges="start > again > answer"),
            ("again", None, "edge_into_trigger"),
        ),
        (
            graph(start(), lookup(), lookup("b"), edges="start > lookup > b > lookup"),
            ("lookup", None, "cycle"),
        ),
        (graph(start(), lookup(), edges="start > lookup > lookup"), ("lookup", None, "cycle")),
        (graph(start(), lookup()), ("lookup", None, "free_output?")),
        (graph(start()), ("start", None, "free_output?")),
        (graph(start(), node("a", "teleport")), ("a", None, "unknown_node_type")),
        (graph(start(), reply(version=99)), ("answer", None, "unknown_node_type")),
        (graph(start(), reply(name="item")), ("item", None, "reserved_id")),
    ],
)
def test_a_mistake_in_the_drawing_is_told_at_its_step(
    found: Graph, problem: tuple[str | None, str | None, str]
) -> None:
    assert described(problems(found)) == [problem]


def with_branch_off(edges: str) -> list[Problem]:
    """The problems of a workflow whose branch is switched off."""
    off = branch("{{ true }}") | {"settings": {"disabled": True}}
    return problems(graph(start(), off, reply(), edges=edges))


@pytest.mark.parametrize("edges", ["start > branch > answer", "start > branch > answer\nbranch:yes > answer"])
def test_a_step_that_is_switched_off_may_be_left_by_the_exit_that_every_step_has(edges: str) -> None:
    assert with_branch_off(edges) == []


def test_what_follows_a_step_that_is_switched_off_by_its_own_exits_only_is_told_as_not_executed() -> None:
    found = with_branch_off("start > branch:yes > answer\nbranch:otherwise > answer")

    assert described(found) == [("branch", None, "free_output?")]
    assert "will not be executed" in found[0].message


def test_a_step_that_is_switched_off_at_the_end_is_told_like_any_other() -> None:
    found = with_branch_off("start > answer > branch")

    assert [row.message for row in found] == ['Nothing follows "Condition".']


def test_a_step_that_is_switched_off_in_a_loop_is_told_too() -> None:
    off = branch("{{ true }}") | {"settings": {"disabled": True}, "parent": "loop"}
    drawn = graph(
        start(),
        node("loop", "for_each", {"items": "{{ [1] }}"}),
        off,
        lookup(parent="loop"),
        reply(),
        edges="start > loop > answer\nbranch:yes > lookup\nbranch:otherwise > lookup",
    )

    assert described(problems(drawn)) == [("branch", None, "free_output?")]


def test_a_step_in_a_loop_that_does_not_exist_is_told_with_its_connection() -> None:
    found = problems(graph(start(), reply(parent="ghost")))

    assert described(found) == [("start", None, "edge_crosses_wall"), ("answer", None, "unknown_node")]


@pytest.mark.parametrize(
    ("config", "place", "code"),
    [
        ({"values": [{"id": "a"}, {"id": "a"}]}, "values/1/id", "duplicate_id"),
        ({"values": [{"id": "A"}]}, "values/0/id", "invalid_config"),
        ({"values": [{"value": 1}]}, "values/0/id", "required"),
        ({"values": []}, "values", "required"),
        ({}, "values", "required"),
        ({"values": "a"}, "values", "invalid_config"),
        ({"values": [{"id": "a"}], "other": 1}, "other", "invalid_config"),
        ({"values": [{"id": "a", "other": 1}]}, "values/0/other", "invalid_config"),
        ({"values": [{"id": "{{ trigger.body }}"}]}, "values/0/id", "expression_not_allowed"),
        ({"values": [{"id": "a", "value": "{{ 1 + }}"}]}, "values/0/value", "expression_error"),
        ({"values": [{"id": "a", "value": "{{ nope(1) }}"}]}, "values/0/value", "expression_error"),
        ({"values": [{"id": "a", "value": "{{ nobody }}"}]}, "values/0/value", "reference_missing"),
        ({"values": [{"id": "a", "value": "{{ trigger.bdy }}"}]}, "values/0/value", "reference_missing"),
        ({"values": [{"id": "a", "value": "{{ vars.other }}"}]}, "values/0/value", "reference_missing"),
        ({"values": [{"id": "a", "value": "{{ steps.ghost.x }}"}]}, "values/0/value", "reference_missing"),
        ({"values": [{"id": "a", "value": "{{ steps.start.body }}"}]}, "values/0/value", "reference_missing"),
        (
            {"values": [{"id": "a", "value": "{{ steps.answer.sent }}"}]},
            "values/0/value",
            "reference_missing",
        ),
        ({"values": [{"id": "a", "value": "{{ steps.set.a }}"}]}, "values/0/value", "reference_missing"),
        (
            {"values": [{"id": "a", "value": "{{ errors.answer.code }}"}]},
            "values/0/value",
            "reference_missing",
        ),
        ({"values": [{"id": "a", "value": "{{ trigger.method > 5 }}"}]}, "values/0/value", "type_mismatch"),
        (
            {"values": [{"id": "a", "value": [{"b": "x {{ !trigger.method }}"}]}]},
            "values/0/value/0/b",
            "type_mismatch",
        ),
    ],
)
def test_a_mistake_in_a_config_is_told_at_its_field(
    config: dict[str, Any], place: str | None, code: str
) -> None:
    found = problems(graph(start(), node("set", "set_values", config), reply()))

    assert described(found) == [("set", place, code)]


def test_each_field_that_a_step_does_not_have_is_named_with_its_place() -> None:
    rows = [{"id": "a", "colour": 1, "other": 2}]
    found = problems(graph(start(), node("set", "set_values", {"values": rows, "more": 3}), reply()))

    assert {row.message.partition(";")[0] for row in found} == {
        'There is no field "more" in this step',
        'There is no field "colour" in values/0',
        'There is no field "other" in values/0',
    }


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("human_handoff", {"due_in_s": 0}, "Time to answer: must be greater than 0."),
        ("wait", {"for_s": -1}, "Wait for: is too small (at least 0)."),
    ],
)
def test_a_number_beyond_a_bound_is_told_with_it(kind: str, config: dict[str, Any], message: str) -> None:
    found = problems(
        graph(start(), node("step", kind, config), reply(), edges="start > step\nstart > answer")
    )

    assert message in [row.message for row in found]


@pytest.mark.parametrize(
    ("config", "place", "code"),
    [
        ({"server": "ghost"}, "server", "unknown_server"),
        ({"server": "new"}, "server", "server_not_listed?"),
        ({"server": ""}, "server", "required"),
        ({"server": "{{ trigger.body.server }}"}, "server", "expression_not_allowed"),
        ({"tool": "ghost"}, "tool", "unknown_tool"),
        ({"tool": "cancel_order"}, "tool", "mcp_tool_blocked"),
        ({"arguments": {}}, "arguments/order_id", "required"),
        ({"arguments": {"order_id": "7", "all": True}}, "arguments/all", "unknown_argument"),
        ({"arguments": {"order_id": "{{ nobody }}"}}, "arguments/order_id", "reference_missing"),
    ],
)
def test_a_mistake_in_a_tool_call_is_told_at_its_field(config: dict[str, Any], place: str, code: str) -> None:
    found = described(problems(graph(start(), lookup(**config), reply())))

    assert ("lookup", place, code) in found
    assert {row[0] for row in found} == {"lookup"}


def test_a_setting_that_a_step_does_not_look_at_is_told() -> None:
    nap = node("nap", "wait", {"for_s": 5}, settings={"timeout_s": 1, "join": "first"})
    trigger = start() | {"settings": {"disabled": False}}

    found = problems(graph(trigger, nap, reply()))

    assert described(found) == [("nap", "settings/timeout_s", "setting_unused?")]


def test_a_model_that_is_not_registered_is_told() -> None:
    write = node("write", "llm_write", {"model": "acme/large", "instructions": "x", "input": "y"})

    assert ("write", "model", "unknown_model") in described(problems(graph(start(), write, reply())))


@pytest.mark.parametrize("name", ["otherwise", "error", "trigger", "__proto__"])
def test_a_choice_cannot_take_the_name_of_an_exit_or_of_the_language(name: str) -> None:
    config = {"branches": [{"id": name, "when": "{{ true }}"}]}
    check = node("check", "condition", config)
    found = parse_graph(
        {
            "nodes": [start(), check, reply()],
            "edges": [
                {"source": "start", "port": "out", "target": "check"},
                {"source": "check", "port": "otherwise", "target": "answer"},
            ],
        }
    )

    assert ("check", "branches/0/id", "reserved_id") in described(problems(found))


def test_every_name_in_scope_is_reserved() -> None:
    described_node = describe_nodes(graph(start(), reply()), NODE_TYPES, Workspace())["answer"]

    assert {"trigger", "steps", "errors", "run", "workspace", "vars"} <= RESERVED_IDS
    assert described_node.before == ("start",)


# --- references ---------------------------------------------------------------------------------------


def after_branch(text: str) -> Graph:
    """A lookup on one branch, and a reply where the branches meet."""
    return graph(
        start(),
        branch("{{ true }}"),
        lookup(),
        reply(text),
        edges="start > branch:yes > lookup > answer\nbranch:otherwise > answer",
    )


def test_a_step_that_may_not_have_run_is_told() -> None:
    assert described(problems(after_branch("{{ steps.lookup.status }}"))) == [
        ("answer", "text", "may_be_absent")
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{{ coalesce(steps.lookup.status, "-") }}',
        '{{ steps.?lookup.status.orValue("-") }}',
        '{{ has(steps.lookup.status) ? steps.lookup.status : "-" }}',
    ],
)
def test_a_step_that_may_not_have_run_can_be_provided_for(text: str) -> None:
    assert problems(after_branch(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        '{{ coalesce(steps.lookup.status, "-") + steps.lookup.status }}',
        '{{ coalesce(steps.lookup.status, "-") }} {{ steps.lookup.status }}',
        "{{ trigger.body.?x.orValue(steps.lookup.status) }}",
        "{{ steps.lookup.?status.orValue(steps.lookup.total) }}",
    ],
)
def test_a_provision_counts_only_for_what_stands_in_it(text: str) -> None:
    assert described(problems(after_branch(text))) == [("answer", "text", "may_be_absent")]


def after_either_end(text: str) -> Graph:
    """A lookup that succeeds or fails, and a reply that follows in both cases."""
    return graph(start(), lookup(), reply(text), edges="start > lookup > answer\nlookup:error > answer")


def test_a_failure_that_may_not_have_happened_is_told_once() -> None:
    text = "{{ errors.lookup.code }}: {{ errors.lookup.message + errors.lookup.code }}"

    assert described(problems(after_either_end(text))) == [("answer", "text", "may_be_absent")]


@pytest.mark.parametrize(
    "text",
    [
        '{{ coalesce(errors.lookup.message, "-") }}',
        '{{ errors.?lookup.message.orValue("-") }}',
        '{{ has(errors.lookup) ? errors.lookup.message : "-" }}',
    ],
)
def test_a_failure_that_may_not_have_happened_can_be_provided_for(text: str) -> None:
    assert problems(after_either_end(text)) == []


def test_the_end_of_a_round_is_told_that_a_step_in_it_may_not_have_failed() -> None:
    again = node("again", "repeat", {"until": '{{ errors.lookup.code == "x" }}'})
    sorry = node("sorry", "set_values", {"values": [{"id": "a", "value": 1}]}, parent="again")
    found = graph(
        start(),
        again,
        lookup(parent="again"),
        sorry,
        reply(),
        edges="start > again > answer\nlookup:error > sorry",
    )

    assert [row for row in described(problems(found)) if row[1]] == [("again", "until", "may_be_absent")]


def test_an_optional_value_is_warned_of_with_a_repair_at_its_place() -> None:
    text = "{{ steps.lookup.total }}{{ steps.lookup.carrier }} by {{ steps.lookup.?carrier_name }}"
    found = problems(graph(start(), lookup(), reply(text)))

    assert [row.code for row in found if row.severity == "warning"] == ["may_be_missing", "reference_missing"]
    assert found[0].fix == (
        '{{ steps.lookup.total }}{{ steps.lookup.?carrier.orValue("") }} by {{ steps.lookup.?carrier_name }}'
    )


def test_a_misspelt_step_is_answered_with_the_one_that_was_meant() -> None:
    found = problems(graph(start(), lookup(), reply("{{ steps.lokup.status }}")))

    assert [(row.field, row.code) for row in found] == [("text", "reference_missing")]
    assert 'Did you mean "lookup"?' in found[0].message


def test_a_value_that_cannot_fit_its_field_is_told() -> None:
    pause = node("pause", "wait", {"for_s": "{{ steps.lookup.status }}"})

    assert described(problems(graph(start(), lookup(), pause, reply()))) == [
        ("pause", "for_s", "type_mismatch")
    ]


@pytest.mark.parametrize("text", ["{{ trigger.body.m }}", "{{ trigger.body.n && true }}"])
def test_what_only_a_sample_tells_is_a_warning(text: str) -> None:
    found = problems(graph(start(sample={"n": "x"}), values(a=text), reply()))

    assert [(row.field, row.severity) for row in found] == [("values/0/value", "warning")]


def test_a_value_that_does_not_fit_by_a_sample_is_a_warning() -> None:
    pause = node("pause", "wait", {"for_s": "{{ trigger.body.n }}"})

    found = problems(graph(start(sample={"n": "x"}), pause, reply()))

    assert described(found) == [("pause", "for_s", "type_mismatch?")]


REFUND_INPUT = {
    "type": "object",
    "properties": {
        "order": {"$ref": "#/$defs/Order"},
        "amount": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "lines": {"type": "array", "items": {"type": "string"}},
    },
    "$defs": {"Order": {"type": "object", "properties": {"id": {"type": "string"}}}},
}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"amount": "{{ steps.lookup.status }}"}, "arguments/amount"),
        ({"order": {"id": "{{ steps.lookup.total }}"}}, "arguments/order/id"),
        ({"lines": ["{{ steps.lookup }}"]}, "arguments/lines/0"),
        ({"lines": "{{ steps.lookup.status }}"}, "arguments/lines"),
    ],
)
def test_an_expression_that_does_not_fit_the_tools_argument_is_told(
    arguments: dict[str, Any], field: str
) -> None:
    refund = ToolFacts("refund", REFUND_INPUT)
    place = Workspace({"orders": replace(ORDERS, tools={**ORDERS.tools, "refund": refund})})
    drawn = graph(start(), lookup(), lookup("refund", tool="refund", arguments=arguments), reply())

    assert described(check_graph(drawn, NODE_TYPES, place)) == [("refund", field, "type_mismatch")]


@pytest.mark.parametrize(
    ("kind", "config", "problem"),
    [
        ("for_each", {"items": "{{ [1] }} "}, ("step", "items", "type_mismatch")),
        ("repeat", {"until": "{{ true }} "}, ("step", "until", "type_mismatch")),
        ("repeat", {"until": "{{ true }}{{ true }}"}, ("step", "until", "type_mismatch")),
        ("wait", {"for_s": "{{ 1 }}s"}, ("step", "for_s", "type_mismatch")),
        ("wait", {"for_s": "{{ 1 }}0 "}, ("step", "for_s", "type_mismatch?")),
    ],
)
def test_a_text_around_an_expression_is_told_where_no_text_fits(
    kind: str, config: dict[str, Any], problem: tuple[str, str, str]
) -> None:
    drawn = graph(
        start(), node("step", kind, config), reply(), lookup(parent="step"), edges="start > step > answer"
    )

    found = [row for row in problems(drawn) if row.field]

    assert described(found) == [problem]
    assert "nothing around it" in found[0].message


def test_a_text_around_an_expression_is_told_at_the_argument_of_a_tool_that_takes_none() -> None:
    refund = ToolFacts("refund", REFUND_INPUT)
    place = Workspace({"orders": replace(ORDERS, tools={**ORDERS.tools, "refund": refund})})
    arguments = {"lines": "{{ [1] }} ", "order": {"id": "No. {{ 7 }}"}}
    drawn = graph(start(), lookup("refund", tool="refund", arguments=arguments), reply())

    assert described(check_graph(drawn, NODE_TYPES, place)) == [
        ("refund", "arguments/lines", "type_mismatch")
    ]


@pytest.mark.parametrize("value", ["{{ steps.lookup.total }}", "{{ steps.lookup.total > 5 }}"])
def test_a_text_field_takes_numbers_and_truth_values(value: str) -> None:
    assert problems(graph(start(), lookup(), reply(value))) == []


def test_a_text_field_takes_no_object() -> None:
    assert described(problems(graph(start(), lookup(), reply("{{ steps.lookup }}")))) == [
        ("answer", "text", "type_mismatch")
    ]


@pytest.mark.parametrize(
    "until", ["tomorrow", "", "2020-01-01", "2020-01-01T00:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_a_moment_that_no_run_could_read_is_told(until: str) -> None:
    found = problems(graph(start(), node("pause", "wait", {"until": until}), reply()))

    assert described(found) == [("pause", "until", "invalid_config")]
    assert "with time and zone" in found[0].message


@pytest.mark.parametrize(
    "until",
    [
        "2020-01-01T00:00:00Z",
        "2020-01-01 00:00+01:00",
        "{{ trigger.body.at }}",
        "{{ trigger.body.day }}T09:00Z",
    ],
)
def test_a_moment_with_time_and_zone_is_no_problem(until: str) -> None:
    assert problems(graph(start(), node("pause", "wait", {"until": until}), reply())) == []


# --- rules ----------------------------------------------------------------------------------------------


def with_rules(*rules: dict[str, Any]) -> list[tuple[str | None, str | None, str]]:
    """The problems of a branch after a step that may be absent and one that is there."""
    found = graph(
        start(),
        branch("{{ true }}", name="first"),
        lookup(),
        lookup("sure"),
        branch({"all": list(rules)}),
        reply(),
        edges="start > first:yes > lookup > branch\nfirst:otherwise > branch\nstart > sure > branch\n"
        "branch:yes > answer\nbranch:otherwise > answer",
    )
    return described(problems(found))


WHEN = "branches/0/when"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"left": "{{ steps.sure.ttal }}", "op": "greater", "right": 1}, "reference_missing"),
        ({"left": "{{ steps.sure.status }}", "op": "greater", "right": 1}, "type_mismatch"),
        ({"left": "{{ steps.lookup.status }}", "op": "equals", "right": "x"}, "may_be_absent"),
        ({"left": "{{ steps.lookup.status }}", "op": "starts_with", "right": "x"}, "may_be_absent"),
        ({"left": "{{ 1 + }}", "op": "equals", "right": 1}, "expression_error"),
        ({"left": "", "op": "equals", "right": 1}, "expression_error"),
        ({"left": 1, "op": "resembles", "right": 1}, "expression_error"),
    ],
)
def test_a_mistake_in_a_rule_is_told_once_at_its_branch(rule: dict[str, Any], code: str) -> None:
    assert with_rules(rule) == [("branch", WHEN, code)]


@pytest.mark.parametrize("op", ["exists", "is_empty", "is_not_empty", "is_true", "is_false"])
def test_a_rule_may_ask_whether_a_step_has_run(op: str) -> None:
    assert with_rules({"left": "{{ steps.lookup.status }}", "op": op}) == []


@pytest.mark.parametrize("when", [{}, {"all": [], "title": "x"}, {"none": []}])
def test_an_object_that_holds_no_rules_is_told(when: dict[str, Any]) -> None:
    found = graph(
        start(), branch(when), reply(), edges="start > branch:yes > answer\nbranch:otherwise > answer"
    )

    assert described(problems(found)) == [("branch", WHEN, "expression_error")]


def test_an_argument_that_looks_like_rules_is_none() -> None:
    query = {"all": [{"field": "x", "op": "gt"}]}

    assert problems(graph(start(), values(a=query), reply())) == []


def test_a_condition_that_is_no_condition_is_told() -> None:
    found = graph(
        start(),
        branch("{{ trigger.method }}"),
        reply(),
        edges="start > branch:yes > answer\nbranch:otherwise > answer",
    )

    assert described(problems(found)) == [("branch", WHEN, "type_mismatch")]


# --- several triggers, and what holds for the whole workflow --------------------------------------------


def form(*fields: dict[str, Any]) -> dict[str, Any]:
    return node("form", "manual_trigger", {"fields": list(fields)})


AMOUNT = {"id": "amount", "title": "Amount", "kind": "number", "required": True}


def two_triggers(text: str, *fields: dict[str, Any]) -> list[str]:
    """Codes of what is wrong with an expression after a webhook and a form."""
    found = graph(start(), form(*fields), values(a=text), reply(), edges="start > set > answer\nform > set")
    assert {row.node for row in problems(found)} <= {"set"}
    return [code for _, _, code in described(problems(found))]


def test_of_several_triggers_what_none_gives_is_an_error() -> None:
    assert two_triggers("{{ trigger.ghost }}", AMOUNT) == ["reference_missing"]


def test_of_several_triggers_what_only_one_gives_may_be_missing() -> None:
    assert two_triggers("{{ trigger.amount }}", AMOUNT) == ["may_be_missing?"]
    assert two_triggers("{{ trigger.?amount.orValue(0) }}", AMOUNT) == []


def test_of_several_triggers_what_all_give_is_there() -> None:
    method = {"id": "method", "kind": "text", "required": True}

    assert two_triggers("{{ trigger.method }}", method) == []
    assert two_triggers("{{ !trigger.method }}", method) == ["type_mismatch"]


def test_of_several_triggers_a_value_of_different_kinds_may_be_either() -> None:
    method = {"id": "method", "kind": "boolean", "required": True}

    assert two_triggers("{{ !trigger.method }}", method) == []
    assert two_triggers("{{ trigger.method.x }}", method) == ["type_mismatch"]


def test_of_two_webhooks_the_samples_are_put_together() -> None:
    found = graph(
        start("a", sample={"id": 1, "at": {"city": "x"}}),
        start("b", sample={"id": 2, "at": {"zip": "y"}}),
        reply(),
        edges="a > answer\nb > answer",
    )
    trigger = describe_nodes(found, NODE_TYPES, Workspace())["answer"].trigger

    assert trigger is not None
    body = trigger["properties"]["body"]
    assert set(body["properties"]) == {"id", "at"}
    assert body["required"] == ["id", "at"]
    assert set(body["properties"]["at"]["properties"]) == {"city", "zip"}
    assert body["properties"]["at"]["required"] == []


KEY = "settings/concurrency/key"


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("{{ trigger.bdy }}", "reference_missing"),
        ("{{ steps.answer.sent }}", "reference_missing"),
        ("{{ errors.answer.code }}", "reference_missing"),
        ("customer {{ nobody }}", "reference_missing"),
        ("{{ 1 + }}", "expression_error"),
        ("{{ trigger.method + 1 }}", "type_mismatch"),
    ],
)
def test_the_key_of_the_concurrency_is_checked_like_any_expression(key: str, code: str) -> None:
    found = problems(graph(start(), reply(), concurrency={"key": key}))

    assert described(found) == [(None, KEY, code)]


@pytest.mark.parametrize(
    ("settings", "field", "code"),
    [
        ({"timezone": "Europe/Nowhere"}, "settings/timezone", "invalid_config"),
        ({"timezone": ""}, "settings/timezone", "invalid_config"),
        ({"never_stored": ["steps.lookup.iban"]}, "settings/never_stored", "never_stored_unsupported"),
    ],
    ids=["no-such-zone", "empty-zone", "never-stored"],
)
def test_a_setting_of_the_workflow_that_would_not_hold_is_told(
    settings: dict[str, Any], field: str, code: str
) -> None:
    assert described(problems(graph(start(), reply(), **settings))) == [(None, field, code)]


def test_a_workflow_may_have_its_own_time_zone() -> None:
    assert problems(graph(start(), reply(), timezone="Europe/Berlin", never_stored=[])) == []


# --- robustness --------------------------------------------------------------------------------------------


def test_one_bad_step_does_not_hide_the_problems_of_another() -> None:
    found = problems(
        graph(
            start(),
            node("a", "teleport", {"values": 5}),
            node("set", "set_values", {"values": "x"}),
            reply("{{ nobody }}"),
        )
    )

    assert described(found) == [
        ("a", None, "unknown_node_type"),
        ("set", "values", "invalid_config"),
        ("answer", "text", "reference_missing"),
    ]


def test_problems_come_in_the_order_of_the_nodes_after_those_of_the_whole() -> None:
    found = problems(
        graph(
            reply("{{ x }}", "b"),
            reply("{{ x }}", "a"),
            start(),
            edges="start > a\nstart > b",
            concurrency={"key": "{{ x }}"},
        )
    )

    assert [row.node for row in found] == [None, "b", "a"]


def test_a_problem_is_given_as_json_with_its_repair_if_there_is_one() -> None:
    plain = Problem("a", "text", "expression_error", "No.")

    assert plain.as_dict() == {
        "node": "a",
        "field": "text",
        "code": "expression_error",
        "message": "No.",
        "severity": "error",
    }
    assert Problem("a", None, "x", "No.", "warning", fix="y").as_dict()["fix"] == "y"


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-9, 9),
        st.sampled_from(["", "x", "{{ 1 }}", "{{ steps.a.b", "{{ x }}"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["id", "all", "when", "kind", "x"]), inner, max_size=2),
    ),
    max_leaves=5,
)
FIELDS = sorted({name for kind in NODE_TYPES.values() for name in kind.config_schema["properties"]})


@given(
    st.sampled_from(sorted(NODE_TYPES)),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
    st.sampled_from([None, "start", "a", "ghost"]),
)
@settings(max_examples=300, deadline=None)
def test_whatever_a_draft_holds_its_problems_are_told(
    kind: str, config: dict[str, Any], parent: str | None
) -> None:
    found = graph(start(), node("a", kind, copy.deepcopy(config), parent=parent), reply("{{ steps.a.x }}"))

    assert all(row.code and row.message for row in problems(found))
    describe_nodes(found, NODE_TYPES, Workspace())
