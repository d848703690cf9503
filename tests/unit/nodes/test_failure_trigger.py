"""Started by the failure of another workflow: which ones, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.graph.node_types import WorkflowFacts
from runtime.json_schema import first_problem
from runtime.nodes.failure_trigger import Config
from tests.unit.nodes.fakes import (
    Around,
    Registered,
    example_of,
    fits_output,
    full_problems,
    left,
    output_of,
    ports,
    problems,
    refused,
)


def test_left_alone_it_waits_for_every_workflow() -> None:
    assert Config().workflows == []


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"workflows": "order-status"}, "workflows"),
        ({"workflows": ["Order status"]}, "workflows/0"),
        ({"workflows": ["order-status", ""]}, "workflows/1"),
        ({"workflow": ["order-status"]}, "workflow"),
    ],
)
def test_a_setting_that_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("failure_trigger", config) == [field]


def test_a_workflow_that_is_not_there_is_told_at_its_place() -> None:
    known = Registered(workflows={"order-status": WorkflowFacts("Order status", None)})

    assert problems("failure_trigger", {"workflows": ["order-status", "nowhere"]}, known) == [
        ("workflows/1", "unknown_workflow")
    ]
    assert problems("failure_trigger", {"workflows": []}, known) == []


def test_a_workflow_that_waits_for_its_own_failures_is_warned() -> None:
    [found] = full_problems("failure_trigger", {"workflows": ["this-one"]}, Registered())
    assert (found.field, found.severity) == ("workflows/0", "warning")


def test_it_leaves_by_one_exit_and_cannot_fail() -> None:
    assert ports("failure_trigger", {}) == ["out"]


async def test_it_gives_what_went_wrong_and_where() -> None:
    failure = dict(example_of("failure_trigger", {}) or {})
    leave = await left("failure_trigger", {}, Around(trigger=failure))

    assert (leave.output, leave.ports) == (failure, ("out",))
    assert fits_output("failure_trigger", {}, leave)
    assert failure["error"]["node"] == failure["node"]


def test_a_failure_outside_of_any_step_fits_too() -> None:
    failure = dict(example_of("failure_trigger", {}) or {})
    failure |= {"node": None, "error": failure["error"] | {"node": None, "path": None}}

    assert first_problem(failure, output_of("failure_trigger", {}) or {}) is None
