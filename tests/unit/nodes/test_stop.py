"""The run ends here, as its author said."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.nodes.base import End
from tests.unit.nodes.fakes import Around, output_of, ports, refused, run_step


@pytest.mark.parametrize(
    ("config", "field"),
    [({"outcome": "maybe"}, "outcome"), ({"message": 5}, "message"), ({"text": "x"}, "text")],
)
def test_what_does_not_fit_is_told_at_its_field(config: dict[str, Any], field: str) -> None:
    assert refused("stop", config) == [field]


def test_nothing_comes_after_it() -> None:
    assert ports("stop", {"outcome": "failure"}) == []
    assert output_of("stop", {}) is None


@pytest.mark.parametrize(
    ("config", "end"),
    [
        ({}, End(True, "")),
        ({"outcome": "success", "message": "Done"}, End(True, "Done")),
        ({"outcome": "failure", "message": "No {{ trigger.what }}"}, End(False, "No stock")),
        ({"message": "x" * 10_000}, End(True, "x" * 10_000)),
        ({"message": "x" * 10_001}, End(True, "x" * 9_999 + "…")),
    ],
)
async def test_the_run_ends_with_this_outcome_and_message(config: dict[str, Any], end: End) -> None:
    assert await run_step("stop", config, Around(scope={"trigger": {"what": "stock"}})) == end
