"""What is read of a tool's answer."""

from __future__ import annotations

import mcp_types as wire
import pytest

from runtime.engine.values import storable
from runtime.mcp.results import ToolResult, read_result


def answered(text: str) -> ToolResult:
    return read_result(wire.CallToolResult(content=[wire.TextContent(type="text", text=text)]), 1.0)


def nested(levels: int) -> str:
    return '[{"a": ' * (levels // 2) + "1" + "}]" * (levels // 2)


@pytest.mark.parametrize("levels", [92, 200, 100_000])
def test_text_that_is_nested_too_deeply_is_text_only_and_can_be_kept(levels: int) -> None:
    result = answered(nested(levels))

    assert (result.data, result.text) == (None, nested(levels))
    assert storable({"text": result.text, "data": result.data}, what="The output")["text"] == result.text


def test_text_that_is_json_is_data_also_where_it_is_nested() -> None:
    data = answered(nested(90)).data

    assert storable({"data": data}, what="The output") == {"data": data}
    assert data[0]["a"][0].keys() == {"a"}
