"""Fetching a prompt: its arguments are checked while drawing, and sent as texts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.nodes.fakes import Around, Registered, fits_output, left, problems
from tests.unit.nodes.samples import APOLOGISE

ORDERS = Registered(prompts=[APOLOGISE])


def config(prompt: str = "apologise", **arguments: Any) -> dict[str, Any]:
    return {"server": "orders", "prompt": prompt, "arguments": arguments}


async def test_a_prompt_gives_its_messages_and_their_words() -> None:
    around = Around(scope={"trigger": {"id": 12345, "tone": None}})
    given = config(order_id="{{ trigger.id }}", tone="{{ trigger.tone }}")

    outcome = await left("mcp_prompt", given, around)

    assert around.mcp.fetched == [("apologise", {"order_id": "12345"})]
    assert outcome.output["text"] == "Please apologise"
    assert outcome.output["messages"][0]["role"] == "user"
    assert fits_output("mcp_prompt", given, outcome)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (config(order_id="1"), []),
        (config(order_id="{{ run.id }}", tone="warm"), []),
        (config(), [("arguments/order_id", "required")]),
        (config(order_id=""), [("arguments/order_id", "required")]),
        (config(order_id="1", color="red"), [("arguments/color", "unknown_argument")]),
        (config("praise"), [("prompt", "unknown_prompt")]),
        ({**config(), "server": "nowhere"}, [("server", "unknown_server")]),
    ],
)
def test_a_prompt_is_judged_while_it_is_drawn(given: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert problems("mcp_prompt", given, ORDERS) == found


def test_nothing_is_said_of_a_prompt_as_long_as_the_server_was_never_read() -> None:
    assert problems("mcp_prompt", config("praise"), Registered(listed=False)) == [
        ("server", "server_not_listed")
    ]
