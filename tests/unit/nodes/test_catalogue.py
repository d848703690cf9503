"""What holds of every node type: its name, its form, its exits, and what it promises to later steps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from runtime.graph.node_types import WorkflowFacts
from runtime.graph.schema import parse_graph
from runtime.graph.validation import RESERVED_IDS, check_graph
from runtime.json_schema import first_problem
from runtime.nodes.catalogue import NODE_TYPES
from tests.unit.nodes.fakes import Registered, example_of, hinted, output_of, ports, problems, refused
from tests.unit.nodes.samples import APOLOGISE, LIST_LATE, SAMPLES

PALETTE = [
    "manual_trigger",
    "webhook_trigger",
    "schedule_trigger",
    "watch_trigger",
    "tool_trigger",
    "failure_trigger",
    "llm_decision",
    "llm_extract",
    "llm_write",
    "llm_agent",
    "mcp_tool",
    "mcp_resource",
    "mcp_prompt",
    "human_handoff",
    "condition",
    "for_each",
    "repeat",
    "sub_workflow",
    "wait",
    "set_values",
    "reply",
    "stop",
]
EXPRESSION_MODES = {True, "lazy", "body", "own"}
REFUNDS = WorkflowFacts("Refunds", {"type": "object", "properties": {"order_id": {"type": "string"}}})
WORKSPACE = Registered(
    tools=[SAMPLES["mcp_tool"].tool, LIST_LATE],
    workflows={"refunds": REFUNDS},
    resources=["orders://order/{order_id}"],
    prompts=[APOLOGISE],
)

every_type = pytest.mark.parametrize("name", NODE_TYPES)


def fields_of(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every field of a form with its path, those of its parts among them."""
    for part, about in [("", schema), *schema.get("$defs", {}).items()]:
        for name, field in about.get("properties", {}).items():
            yield f"{part}/{name}", field


def objects_of(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for part, about in [("", schema), *schema.get("$defs", {}).items()]:
        if about.get("type") == "object":
            yield part, about


def test_the_palette_lists_every_type_in_order_under_its_own_name() -> None:
    assert list(NODE_TYPES) == PALETTE
    assert [node_type.name for node_type in NODE_TYPES.values()] == PALETTE


@every_type
def test_a_type_introduces_itself_to_people(name: str) -> None:
    node_type = NODE_TYPES[name]

    assert re.fullmatch(r"[A-Z][A-Za-z ]{2,30}", node_type.title)
    assert node_type.description.endswith(".")
    assert re.fullmatch(r"[a-z0-9-]+", node_type.icon)
    assert node_type.version >= 1


@every_type
def test_the_form_is_a_valid_schema_in_which_every_field_has_a_title(name: str) -> None:
    schema = NODE_TYPES[name].config_schema

    Draft202012Validator.check_schema(schema)
    assert [path for path, field in fields_of(schema) if not field.get("title") and "$ref" not in field] == []


@every_type
def test_what_a_field_says_of_itself_is_a_whole_sentence(name: str) -> None:
    said = [
        field["description"]
        for _, field in fields_of(NODE_TYPES[name].config_schema)
        if "description" in field
    ]

    assert [sentence for sentence in said if not re.fullmatch(r"[A-Z].*\.", sentence)] == []


@every_type
def test_a_form_takes_no_field_that_it_does_not_know(name: str) -> None:
    schema = NODE_TYPES[name].config_schema

    assert [
        part for part, about in objects_of(schema) if about.get("additionalProperties") is not False
    ] == []
    assert "misspelt" in refused(name, {**SAMPLES[name].config, "misspelt": 1})


@every_type
def test_expressions_are_marked_in_one_of_two_ways(name: str) -> None:
    modes = {
        field["x-expression"]
        for _, field in fields_of(NODE_TYPES[name].config_schema)
        if "x-expression" in field
    }

    assert modes <= EXPRESSION_MODES


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("llm_decision", "model"),
        ("llm_decision", "fallback_models"),
        ("llm_extract", "model"),
        ("llm_write", "model"),
        ("mcp_tool", "server"),
        ("mcp_tool", "tool"),
        ("mcp_resource", "server"),
        ("mcp_prompt", "server"),
        ("mcp_prompt", "prompt"),
        ("watch_trigger", "server"),
        ("watch_trigger", "tool"),
        ("human_handoff", "assign_to"),
    ],
)
def test_what_a_model_or_a_message_must_not_choose_takes_no_expression(name: str, field: str) -> None:
    assert "x-expression" not in NODE_TYPES[name].config_schema["properties"][field]


@every_type
def test_a_sample_fits_its_form_and_its_model(name: str) -> None:
    config = SAMPLES[name].config
    validator = Draft202012Validator(dict(NODE_TYPES[name].config_schema))

    assert list(validator.iter_errors(config)) == []
    assert refused(name, config) == []
    assert problems(name, config, WORKSPACE) == []


@every_type
def test_the_config_of_a_step_just_added_lacks_only_what_its_author_must_say(name: str) -> None:
    default = NODE_TYPES[name].default_config
    validator = Draft202012Validator(dict(NODE_TYPES[name].config_schema))

    assert {error.validator for error in validator.iter_errors(default)} <= {
        "minLength",
        "minItems",
        "required",
    }


@every_type
def test_the_summary_on_a_card_names_only_fields_of_the_form(name: str) -> None:
    node_type = NODE_TYPES[name]
    named = re.findall(r"\{(\w+)\}", node_type.summary)

    assert set(named) <= set(node_type.config_schema["properties"])


@every_type
def test_every_type_but_triggers_and_stop_can_leave_by_error(name: str) -> None:
    node_type = NODE_TYPES[name]
    has_one = not node_type.is_trigger and name != "stop"

    assert ("error" in ports(name, SAMPLES[name].config)) is has_one
    assert node_type.as_dict()["has_error_port"] is has_one


@every_type
def test_the_exits_of_a_sample_are_told_apart(name: str) -> None:
    found = ports(name, SAMPLES[name].config)

    assert found == SAMPLES[name].ports
    assert len(set(found)) == len(found)


@every_type
def test_the_exits_of_a_type_itself_are_reserved_words(name: str) -> None:
    own = {rule.name for rule in NODE_TYPES[name].port_rules if rule.name}

    assert own <= RESERVED_IDS


@every_type
@pytest.mark.parametrize("value", [None, "text", 1, [], ["x"], [{"id": 5}], {"id": "a"}])
def test_a_half_filled_draft_breaks_nothing_that_the_editor_asks(name: str, value: Any) -> None:
    config = dict.fromkeys(NODE_TYPES[name].config_schema["properties"], value)

    ports(name, config)
    output_of(name, config, WORKSPACE)
    problems(name, config, WORKSPACE)
    problems(name, config | {"server": "orders", "tool": "get_order"}, WORKSPACE)
    hinted(name, config)
    example_of(name, config)


@every_type
def test_what_a_type_promises_is_a_valid_schema_that_declares_its_names(name: str) -> None:
    schema = output_of(name, SAMPLES[name].config, WORKSPACE)

    if name == "stop":
        assert schema is None
        return
    assert schema is not None
    Draft202012Validator.check_schema(schema)
    assert list(schema["properties"]) == SAMPLES[name].output


@every_type
def test_an_example_of_what_a_trigger_gives_is_what_it_promises(name: str) -> None:
    example = example_of(name, SAMPLES[name].config)

    assert example is None or NODE_TYPES[name].is_trigger
    assert example is None or first_problem(example, output_of(name, SAMPLES[name].config) or {}) is None


@every_type
def test_the_catalogue_is_told_to_the_editor_as_plain_json(name: str) -> None:
    shown = NODE_TYPES[name].as_dict()

    assert json.loads(json.dumps(shown)) == shown
    assert shown["name"] == name
    assert shown["config"]["properties"].keys() == NODE_TYPES[name].config_schema["properties"].keys()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("manual_trigger", ["disabled"]),
        ("webhook_trigger", ["disabled"]),
        ("schedule_trigger", ["disabled"]),
        ("failure_trigger", ["disabled"]),
        ("condition", ["join", "disabled"]),
        ("human_handoff", ["join", "disabled"]),
        ("mcp_tool", ["timeout_s", "retry", "on_unknown", "join", "disabled"]),
        ("llm_decision", ["timeout_s", "retry", "on_unknown", "join", "disabled"]),
    ],
)
def test_only_steps_that_call_out_can_be_told_to_try_again(name: str, settings: list[str]) -> None:
    assert NODE_TYPES[name].as_dict()["settings"] == settings


def test_triggers_ends_and_waiting_steps_say_so_themselves() -> None:
    types = NODE_TYPES.values()

    assert [each.name for each in types if each.is_trigger] == [
        "manual_trigger",
        "webhook_trigger",
        "schedule_trigger",
        "watch_trigger",
        "tool_trigger",
        "failure_trigger",
    ]
    assert [each.name for each in types if each.is_end] == ["reply", "stop"]
    assert [each.name for each in types if each.resume] == [
        "mcp_tool",
        "human_handoff",
        "sub_workflow",
        "wait",
    ]
    assert [each.name for each in types if each.waits_for_person] == ["human_handoff"]
    assert [each.name for each in types if each.calls_out] == [
        "llm_decision",
        "llm_extract",
        "llm_write",
        "mcp_tool",
        "mcp_resource",
        "mcp_prompt",
    ]


@every_type
def test_a_config_of_todays_version_is_taken_as_it_is(name: str) -> None:
    config = SAMPLES[name].config

    assert NODE_TYPES[name].upgrade(config, NODE_TYPES[name].version) == config


ASKS_FOR_FIELDS = [
    (name, field)
    for name, node_type in NODE_TYPES.items()
    for field, about in node_type.config_schema["properties"].items()
    if about.get("x-widget") == "fields"
]


@pytest.mark.parametrize(("name", "field"), ASKS_FOR_FIELDS)
@pytest.mark.parametrize("kind", ["choice", "multi_choice"])
def test_a_field_to_choose_from_needs_choices_wherever_fields_are_asked_for(
    name: str, field: str, kind: str
) -> None:
    full = {"id": "a", "kind": kind, "choices": [{"id": "red"}]}
    rows = [full, {**full, "id": "b", "choices": []}, {"id": "c", "kind": kind}, {"id": "d", "choices": []}]
    node = {"id": "it", "type": name, "config": {**SAMPLES[name].config, field: rows}}

    found = check_graph(parse_graph({"nodes": [node], "edges": []}), NODE_TYPES, WORKSPACE)

    assert [(row.field, row.code) for row in found if row.severity == "error" and row.node and row.field] == [
        (f"{field}/1/choices", "required"),
        (f"{field}/2/choices", "required"),
    ]


def test_a_workflow_of_all_samples_can_be_published() -> None:
    inner = [name for name in PALETTE if not NODE_TYPES[name].is_trigger and name != "stop"]
    nodes = [
        {"id": f"the_{name}", "type": name, "config": SAMPLES[name].config}
        for name in ["manual_trigger", *inner]
    ]
    nodes += [
        {
            "id": f"inside_{name}",
            "type": "set_values",
            "config": SAMPLES["set_values"].config,
            "parent": f"the_{name}",
        }
        for name in inner
        if NODE_TYPES[name].is_container
    ]
    edges = []
    for source, target in zip(["manual_trigger", *inner], inner, strict=False):
        exits = ports(source, SAMPLES[source].config, takable=True)
        edges += [
            {"source": f"the_{source}", "port": port, "target": f"the_{target}"}
            for port in exits
            if port != "error"
        ]

    found = check_graph(parse_graph({"nodes": nodes, "edges": edges}), NODE_TYPES, WORKSPACE)

    assert [problem for problem in found if problem.severity == "error"] == []
