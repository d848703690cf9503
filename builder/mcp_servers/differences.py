"""What a server changed in a tool's definition, line by line."""

from __future__ import annotations

import difflib
import json
from typing import Any

from builder.mcp_servers.models import McpTool

TITLES = {
    "name": "Name",
    "title": "Title",
    "description": "Description",
    "input_schema": "What it takes",
    "output_schema": "What it gives",
    "annotations": "What it says of itself",
}


def changes_of(tool: McpTool) -> list[dict[str, Any]]:
    """[{"field", "title", "lines": [(mark, text)]}] for each part that changed; mark is "+", "-" or ""."""
    if tool.changed is None:
        return []
    found = []
    for field, title in TITLES.items():
        before, after = _lines(getattr(tool, field)), _lines(tool.changed.get(field))
        if before != after:
            found.append({"field": field, "title": title, "lines": _compared(before, after)})
    return found


def _lines(value: Any) -> list[str]:
    if not value:
        return []
    if isinstance(value, str):
        return value.split("\n")
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True).split("\n")


def _compared(before: list[str], after: list[str]) -> list[tuple[str, str]]:
    lines = difflib.ndiff(before, after)
    return [(line[0].strip(), line[2:]) for line in lines if not line.startswith("?")]
