"""What is measured: the graphs as they are published, and the same work as the floor does it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from tests.support.product import a_document, a_node

MODEL_MS = 50
"""The demo model thinks this long about each call."""
MODEL = f"demo-rules:slow-{MODEL_MS}"
BODY = {"message": "I am mira@example.com and my parcel is late"}
EMAIL = {
    "type": "object",
    "properties": {"email": {"type": ["string", "null"], "format": "email", "title": "E-mail"}},
    "required": ["email"],
    "additionalProperties": False,
}
CHOICES = (
    ("order_status", "Order status", "Asks where an order or a parcel is"),
    ("refund", "Refund", "Wants the money back"),
    ("sales", "Sales", "Wants to buy something"),
)


@dataclass(frozen=True)
class Workload:
    """steps: how many the product executes; model_calls and tool_calls: how often it asks somebody outside."""

    name: str
    graph: dict[str, Any]
    steps: int
    model_calls: int = 0
    tool_calls: int = 0


def order_status() -> Workload:
    """W1: webhook, extraction, condition, tool, reply."""
    fields = [{"id": "email", "title": "E-mail", "kind": "email"}]
    rule = {"all": [{"left": "{{ steps.read.email }}", "op": "is_not_empty"}]}
    find = {"server": "crm", "tool": "find_contact", "arguments": {"email": "{{ steps.read.email }}"}}
    graph = a_document(
        [
            a_node("start", "webhook_trigger", {"respond": "when_replied"}),
            a_node("read", "llm_extract", {"input": "{{ trigger.body.message }}", "fields": fields}),
            a_node("there", "condition", {"branches": [{"id": "yes", "when": rule}]}),
            a_node("find", "mcp_tool", find),
            a_node("tell", "reply", {"data": "{{ steps.find.found }}"}),
        ],
        "start>read, read>there, there.yes>find, find>tell",
    )
    return Workload("order-status", graph, steps=5, model_calls=1, tool_calls=1)


def trivial(count: int) -> Workload:
    """W2: steps without any outside call, in a row."""
    nodes = [a_node("start", "webhook_trigger", {"respond": "when_replied"})]
    nodes += [a_node(f"s{n}", "set_values", {"values": [{"id": "n", "value": str(n)}]}) for n in range(count)]
    nodes.append(a_node("tell", "reply", {"data": {"done": True}}))
    ids = [node["id"] for node in nodes]
    graph = a_document(nodes, ", ".join(f"{a}>{b}" for a, b in itertools.pairwise(ids)))
    return Workload(f"trivial-{count}", graph, steps=count + 2)


def decision() -> Workload:
    """W3: one decision of a model, and a reply on each way out."""
    choices = [{"id": key, "title": title, "description": text} for key, title, text in CHOICES]
    asked = {
        "question": "What does the customer want?",
        "input": "{{ trigger.body.message }}",
        "choices": choices,
    }
    exits = [*(key for key, _, _ in CHOICES), "otherwise"]
    graph = a_document(
        [
            a_node("start", "webhook_trigger", {"respond": "when_replied"}),
            a_node("decide", "llm_decision", asked),
            *(a_node(f"to_{port}", "reply", {"data": {"went": port}}) for port in exits),
        ],
        "start>decide, " + ", ".join(f"decide.{port}>to_{port}" for port in exits),
    )
    return Workload("decision", graph, steps=3, model_calls=1)


WORKLOADS = {workload.name: workload for workload in (order_status(), trivial(10), trivial(100), decision())}
