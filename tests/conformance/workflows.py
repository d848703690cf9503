"""The workflows whose tools the suite calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.product import a_document, a_node

SIMPLE_TEXT = "This is a simple text response for testing."


def write_workflows(folder: Path) -> list[Path]:
    """Files to import, one for each tool."""
    stages = [a_node(name, "set_values", {"values": [{"id": "at", "value": name}]}) for name in "abcd"]
    answer = a_node("answer", "reply", {"text": SIMPLE_TEXT})
    stop = a_node("stop", "stop", {"outcome": "failure", "message": "This tool intentionally fails."})
    return [
        _written(folder, "test_simple_text", [answer], "start>answer"),
        _written(folder, "test_error_handling", [stop], "start>stop"),
        _written(folder, "test_tool_with_progress", [*stages, answer], "start>a, a>b, b>c, c>d, d>answer"),
    ]


def _written(folder: Path, tool: str, nodes: list[dict[str, Any]], edges: str) -> Path:
    start = a_node("start", "tool_trigger", {"name": tool, "description": "For the conformance suite."})
    document = {
        "format": "patchbay-workflow",
        "format_version": 1,
        "name": tool,
        "slug": tool,
        "description": "",
        "graph": a_document([start, *nodes], edges),
        "requires": {},
    }
    path = folder / f"{tool}.json"
    path.write_text(json.dumps(document))
    return path
