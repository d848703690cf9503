"""The demo model decides by the visitor's own words, and says when it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from examples.demo_model import classify, extract
from examples.demo_model.app import make_app

CHOICES = [
    {
        "id": "order_status",
        "title": "Order status",
        "description": "Asks where an order is or when it arrives",
    },
    {"id": "refund", "title": "Refund", "description": "Wants money back"},
    {"id": "cancel", "title": "Cancel an order", "description": "Wants to cancel"},
    {"id": "invoice", "title": "Invoice", "description": "Needs an invoice or receipt"},
    {"id": "complaint", "title": "Complaint", "description": "Is angry or complains"},
]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_order",
        "description": "Status of an order",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}},
            "required": ["order_id"],
        },
    },
}


@pytest.mark.parametrize(
    ("message", "choice"),
    [
        ("Where is my order 12345?", "order_status"),
        ("My parcel still hasn't arrived, it's a week late!", "order_status"),
        ("when will it be delivered", "order_status"),
        ("I want my money back", "refund"),
        ("Please reimburse me for order 12347", "refund"),
        ("please cancel order #12346", "cancel"),
        ("Stop the order please, I changed my mind", "cancel"),
        ("Can you send me the bill for my last purchase?", "invoice"),
        ("This is unacceptable, worst shop ever", "complaint"),
        ("I don't want a refund, just tell me where my package is", "order_status"),
        ("What's the weather like in Paris?", "otherwise"),
        ("hi", "otherwise"),
        ("", "otherwise"),
    ],
)
def test_a_message_goes_to_the_choice_that_it_speaks_for(message: str, choice: str) -> None:
    scores = classify.scores(CHOICES, message)

    assert max(scores, key=lambda name: scores[name]) == choice
    assert sum(scores.values()) == pytest.approx(1, abs=0.001)


def test_a_clear_message_is_surer_than_a_vague_one() -> None:
    clear = classify.scores(CHOICES, "I want a refund, give me my money back")["refund"]
    vague = classify.scores(CHOICES, "It is about the payment, paid twice")["refund"]

    assert clear > 0.8
    assert vague < 0.7


def test_a_message_that_speaks_for_two_choices_is_not_sure() -> None:
    scores = classify.scores(CHOICES, "Cancel it or give me a refund")

    assert max(scores.values()) < 0.7


def test_evidence_is_the_sentence_that_decided() -> None:
    assert classify.evidence(CHOICES[1], "Hello there. I want a refund! Thanks.") == ["I want a refund!"]
    assert classify.evidence(CHOICES[1], "Nothing of that kind") == []


LETTER = (
    "Hi, my name is Ada Lindqvist from Globex. Order 12347 (129.00 EUR) is urgent! "
    "Call +49 30 1234567 or write to ada@globex.example by 21 November 2026. High severity, 40 users."
)


@pytest.mark.parametrize(
    ("name", "schema", "expected"),
    [
        ("order_id", {"type": ["string", "null"], "title": "Order number"}, "12347"),
        ("email", {"type": ["string", "null"], "format": "email"}, "ada@globex.example"),
        ("phone", {"type": ["string", "null"]}, "+49 30 1234567"),
        ("customer_name", {"type": ["string", "null"]}, "Ada Lindqvist"),
        ("company", {"type": ["string", "null"]}, "Globex"),
        ("amount", {"type": ["number", "null"]}, 129),
        ("team_size", {"type": ["number", "null"]}, 40),
        ("due", {"type": ["string", "null"], "format": "date"}, "2026-11-21"),
        ("is_urgent", {"type": ["boolean", "null"], "title": "Urgent"}, True),
        ("severity", {"type": ["string", "null"], "enum": ["low", "high", None]}, "high"),
        ("website", {"type": ["string", "null"]}, None),
    ],
)
def test_a_field_is_found_by_its_name_and_kind(name: str, schema: dict[str, Any], expected: Any) -> None:
    assert extract.value_of(name, schema, LETTER) == expected
    assert extract.value_of(name, schema, "Nothing to see") is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("on 2026-11-02", "2026-11-02"),
        ("am 3.12.2026", "2026-12-03"),
        ("Nov. 5th, 2026", "2026-11-05"),
        ("30 Feb 2026", None),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, day: str | None) -> None:
    assert extract.value_of("day", {"type": "string", "format": "date"}, text) == day


@pytest.fixture
def model() -> TestClient:
    return TestClient(make_app())


def ask(server: TestClient, **body: Any) -> Any:
    said = body.pop("said", "Where is order 12345?")
    messages = body.pop("messages", [{"role": "user", "content": said}])
    return server.post("/v1/chat/completions", json={"model": "demo-rules", "messages": messages, **body})


def test_the_same_question_gets_the_same_answer(model: TestClient) -> None:
    first, second = (ask(model).json()["choices"] for _ in range(2))

    assert first == second


def test_a_function_is_called_when_the_message_fills_what_it_needs(model: TestClient) -> None:
    choice = ask(model, tools=[TOOL]).json()["choices"][0]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {
        "name": "get_order",
        "arguments": '{"order_id": "12345"}',
    }


@pytest.mark.parametrize(
    ("said", "choice"),
    [("Where is my order?", "auto"), ("Good morning", "auto"), ("Where is order 12345?", "none")],
)
def test_no_function_is_called_without_need(model: TestClient, said: str, choice: str) -> None:
    message = ask(model, said=said, tools=[TOOL], tool_choice=choice).json()["choices"][0]["message"]

    assert "tool_calls" not in message
    assert message["content"]


def test_the_result_of_a_function_becomes_a_text_with_its_facts_only(model: TestClient) -> None:
    messages = [
        {"role": "user", "content": "Where is order 12345?"},
        {
            "role": "tool",
            "tool_call_id": "call_1",
            "content": '{"customer": "Mira Santos", "status": "in transit"}',
        },
    ]

    text = ask(model, messages=messages, tools=[TOOL]).json()["choices"][0]["message"]["content"]

    assert text.startswith("Hello Mira,")
    assert "Status: in transit." in text


def test_a_stream_ends_with_usage_and_done(model: TestClient) -> None:
    lines = ask(model, stream=True).text.strip().split("\n\n")

    assert '"usage": {"prompt_tokens"' in lines[-2]
    assert lines[-1] == "data: [DONE]"


@pytest.mark.parametrize(("name", "status"), [("status-429", 429), ("status-500", 500), ("status-401", 401)])
def test_it_can_be_told_to_fail(model: TestClient, name: str, status: int) -> None:
    response = ask(model, model=f"demo-rules:{name}")

    assert response.status_code == status
    assert ("retry-after" in response.headers) is (status == 429)


def test_switches_hold_for_every_name_until_they_are_taken_back(model: TestClient) -> None:
    model.post("/switches", json={"status": 503})
    assert ask(model).status_code == 503

    model.post("/switches", json={})
    assert ask(model).status_code == 200


def test_a_request_that_is_no_json_is_refused(model: TestClient) -> None:
    assert model.post("/v1/chat/completions", content=b"{").status_code == 400
