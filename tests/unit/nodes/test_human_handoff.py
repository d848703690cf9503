"""A person decides, or time decides: what is shown, when it is due, and what later steps may read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from runtime.nodes.base import Park, Waited
from tests.unit.nodes.fakes import (
    STARTED_AT,
    Around,
    fits_output,
    full_problems,
    output_of,
    ports,
    problems,
    refused,
    resumed,
    run_step,
)

CONFIG: dict[str, Any] = {
    "title": "Refund order {{ trigger.number }}?",
    "choices": [{"id": "approve", "title": "Approve"}, {"id": "reject"}],
    "data": [{"label": "Amount", "value": "{{ trigger.amount }}"}],
    "fields": [{"id": "reason"}, {"id": "goodwill", "kind": "number", "required": True}],
}
SCOPE = {"trigger": {"number": "12345", "amount": 80, "minutes": 10}}
ANSWER = {
    "choice": "approve",
    "answers": {"goodwill": 5},
    "comment": "Long-standing customer",
    "answered_by": "agent@example.com",
    "answered_at": "2026-11-21T09:05:00+00:00",
}


def waited(signal: dict[str, Any] | None) -> Waited:
    return Waited(signal, STARTED_AT, STARTED_AT + timedelta(minutes=5), {})


async def parked(config: dict[str, Any]) -> Park:
    outcome = await run_step("human_handoff", config, Around(scope=SCOPE))
    assert isinstance(outcome, Park)
    return outcome


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"choices": []}, "choices"),
        ({"choices": [{"id": "Yes!"}]}, "choices/0/id"),
        ({"choices": [{"id": "yes", "color": "red"}]}, "choices/0/color"),
        ({"data": [{"value": 1}]}, "data/0/label"),
        ({"data": [{"label": "A", "valeu": 1}]}, "data/0/valeu"),
        ({"fields": [{"id": "a", "kind": "colour"}]}, "fields/0/kind"),
        ({"assign_to": {"kind": "team"}}, "assign_to/kind"),
        ({"assign_to": {"kind": "person", "email": "a@example.com"}}, "assign_to/email"),
        ({"due_in_s": 0}, "due_in_s"),
        ({"due_in_s": 401 * 24 * 3600}, "due_in_s"),
        ({"remind_in_s": 0}, "remind_in_s"),
        ({"remind_in_s": 401 * 24 * 3600}, "remind_in_s"),
        ({"escalate_to": {"kind": "team"}}, "escalate_to/kind"),
        ({"remind_at": 5}, "remind_at"),
    ],
)
def test_what_does_not_fit_is_told_at_its_field(change: dict[str, Any], field: str) -> None:
    assert refused("human_handoff", {**CONFIG, **change}) == [field]


@pytest.mark.parametrize("field", ["assign_to", "escalate_to"])
@pytest.mark.parametrize(
    ("assignee", "told"),
    [
        ({"kind": "role"}, "required"),
        ({"kind": "role", "value": ""}, "required"),
        ({"kind": "role", "value": "chief"}, "unknown_role"),
        ({"kind": "person"}, "required"),
        ({"kind": "person", "value": None}, "required"),
        ({"kind": "person", "value": "ana"}, "invalid_config"),
        ({"kind": "person", "value": "new@example.com"}, "unknown_member?"),
    ],
    ids=["no-role", "empty-role", "other-role", "no-person", "null-person", "no-address", "no-member"],
)
def test_who_is_asked_must_be_there(field: str, assignee: dict[str, Any], told: str) -> None:
    found = full_problems("human_handoff", {**CONFIG, "remind_in_s": 60, field: assignee})

    assert [(row.field, row.code + "?" * (row.severity == "warning")) for row in found] == [
        (f"{field}/value", told)
    ]


@pytest.mark.parametrize(
    "assignee",
    [
        {"kind": "role", "value": "agent"},
        {"kind": "person", "value": "ana@example.com"},
        {"kind": "anyone", "value": "left over"},
        {"kind": "starter", "value": "left over"},
        {},
    ],
    ids=["role", "person", "anyone", "starter", "unsaid"],
)
def test_who_is_there_can_be_asked(assignee: dict[str, Any]) -> None:
    assert full_problems("human_handoff", {**CONFIG, "assign_to": assignee}) == []


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ({"remind_in_s": 60}, []),
        ({"remind_in_s": 60, "due_in_s": 61}, []),
        ({"remind_in_s": 60, "due_in_s": 60}, [("remind_in_s", "invalid_config")]),
        ({"remind_in_s": 60, "due_in_s": "{{ trigger.s }}"}, []),
        ({"remind_in_s": "{{ trigger.s }}", "due_in_s": 60}, []),
        ({"escalate_to": {"kind": "anyone"}}, [("remind_in_s", "required")]),
        ({"escalate_to": {"kind": "anyone"}, "remind_in_s": 60}, []),
        ({"escalate_to": {"kind": "anyone"}, "remind_in_s": "{{ trigger.s }}"}, []),
    ],
    ids=["alone", "before", "too-late", "due-unknown", "unknown", "escalates-never", "escalates", "some-day"],
)
def test_a_reminder_comes_before_the_end_and_before_anybody_else_is_asked(
    times: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    assert problems("human_handoff", {**CONFIG, **times}) == told


def test_every_choice_is_an_exit_and_time_is_one_only_where_there_is_a_limit() -> None:
    assert ports("human_handoff", CONFIG) == ["approve", "reject", "timed_out", "error"]
    assert ports("human_handoff", CONFIG, takable=False) == ["timed_out"]
    assert ports("human_handoff", {**CONFIG, "due_in_s": 60}, takable=False) == []
    assert ports("human_handoff", {**CONFIG, "due_in_s": "{{ trigger.s }}"}, takable=False) == []


def test_later_steps_see_the_choices_and_the_fields() -> None:
    schema = output_of("human_handoff", CONFIG)

    assert schema is not None
    assert schema["properties"]["choice"]["enum"] == ["approve", "reject", None]
    assert list(schema["properties"]["answers"]["properties"]) == ["reason", "goodwill"]


async def test_it_waits_without_an_end_unless_it_has_one() -> None:
    assert (await parked(CONFIG)).due_at is None
    assert (await parked({**CONFIG, "due_in_s": 60})).due_at == STARTED_AT + timedelta(seconds=60)
    assert (await parked({**CONFIG, "due_in_s": "{{ trigger.minutes * 60 }}"})).due_at == (
        STARTED_AT + timedelta(minutes=10)
    )


async def test_the_reminder_has_its_moment() -> None:
    assert (await parked(CONFIG)).data["remind_at"] is None
    fixed = await parked({**CONFIG, "remind_in_s": 60, "escalate_to": {"kind": "role", "value": "admin"}})
    assert fixed.data["remind_at"] == (STARTED_AT + timedelta(seconds=60)).isoformat()
    assert fixed.data["escalate_to"] == {"kind": "role", "value": "admin"}
    computed = await parked({**CONFIG, "remind_in_s": "{{ trigger.minutes * 60 }}"})
    assert computed.data["remind_at"] == (STARTED_AT + timedelta(minutes=10)).isoformat()


async def test_the_person_is_shown_everything_with_its_values() -> None:
    park = await parked(CONFIG)

    assert park.kind == "handoff"
    assert park.data["title"] == "Refund order 12345?"
    assert park.data["choices"] == [{"id": "approve", "title": "Approve"}, {"id": "reject", "title": ""}]
    assert park.data["data"] == [{"label": "Amount", "value": 80}]
    assert [field["id"] for field in park.data["fields"]] == ["reason", "goodwill"]
    assert park.data["assign_to"] == {"kind": "anyone", "value": None}


def test_the_run_leaves_by_what_the_person_chose() -> None:
    leave = resumed("human_handoff", CONFIG, waited(ANSWER))

    assert leave.ports == ("approve",)
    assert leave.output == {**ANSWER, "answers": {"reason": None, "goodwill": 5}}
    assert fits_output("human_handoff", CONFIG, leave)


def test_what_else_a_signal_carries_stays_outside() -> None:
    leave = resumed("human_handoff", CONFIG, waited({**ANSWER, "is_admin": True}))

    assert "is_admin" not in leave.output


def test_when_time_is_over_every_answer_is_there_and_empty() -> None:
    leave = resumed("human_handoff", CONFIG, waited(None))

    assert leave.ports == ("timed_out",)
    assert leave.output["choice"] is None
    assert leave.output["answers"] == {"reason": None, "goodwill": None}
    assert fits_output("human_handoff", CONFIG, leave)
