"""The order-status graph of the documentation: webhook, decision, extraction, tool, reply."""

from typing import Any

ORDER_STATUS: dict[str, Any] = {
    "schema": 1,
    "settings": {"timezone": "Europe/Berlin", "budgets": {"steps": 10000}},
    "nodes": [
        {
            "id": "start",
            "type": "webhook_trigger",
            "version": 1,
            "config": {"respond": "when_replied"},
            "position": {"x": 0, "y": 0},
        },
        {
            "id": "intent",
            "type": "llm_decision",
            "version": 1,
            "title": "What do they want?",
            "config": {
                "question": "What does the customer want?",
                "input": "{{ trigger.body.message }}",
                "min_confidence": 0.6,
                "choices": [
                    {"id": "order_status", "title": "Order status", "description": "Asks where an order is"}
                ],
            },
            "position": {"x": 280, "y": 0},
        },
        {
            "id": "number",
            "type": "llm_extract",
            "version": 1,
            "config": {
                "input": "{{ trigger.body.message }}",
                "fields": [{"id": "order_id", "title": "Order number", "kind": "text", "required": True}],
            },
            "position": {"x": 560, "y": 0},
        },
        {
            "id": "lookup",
            "type": "mcp_tool",
            "version": 1,
            "config": {
                "server": "orders",
                "tool": "get_order",
                "arguments": {"order_id": "{{ steps.number.order_id }}"},
            },
            "settings": {"timeout_s": 20, "retry": {"attempts": 3, "first_delay_s": 1, "factor": 2}},
            "position": {"x": 840, "y": 0},
        },
        {
            "id": "answer",
            "type": "reply",
            "version": 1,
            "config": {"text": "Your order is {{ steps.lookup.status }}."},
            "position": {"x": 1120, "y": 0},
        },
        {
            "id": "sorry",
            "type": "reply",
            "version": 1,
            "config": {"text": "I can only tell about orders."},
            "position": {"x": 560, "y": 160},
        },
    ],
    "edges": [
        {"source": "start", "port": "out", "target": "intent"},
        {"source": "intent", "port": "order_status", "target": "number"},
        {"source": "number", "port": "out", "target": "lookup"},
        {"source": "lookup", "port": "out", "target": "answer"},
        {"source": "intent", "port": "otherwise", "target": "sorry"},
        {"source": "intent", "port": "unsure", "target": "sorry"},
    ],
    "notes": [
        {
            "id": "n1",
            "text": "Asked by support",
            "position": {"x": 0, "y": 200},
            "size": {"width": 240, "height": 120},
        }
    ],
}
