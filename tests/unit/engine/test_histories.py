"""R15: runs of past releases go the same way today. Files are only ever added to tests/histories/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.replay import replayed, stored

HISTORIES = stored(Path(__file__).resolve().parents[2] / "histories")


def test_there_are_enough_histories_to_mean_something() -> None:
    assert len(HISTORIES) >= 30


@pytest.mark.parametrize("name", sorted(HISTORIES))
async def test_a_run_of_a_past_release_goes_the_same_way(name: str) -> None:
    history: dict[str, Any] = HISTORIES[name]
    assert await replayed(history) == {key: history[key] for key in ("status", "result", "steps")}
