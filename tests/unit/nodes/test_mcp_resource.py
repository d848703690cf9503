"""Reading a resource: which addresses are possible, and what is read."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import McpError
from tests.unit.nodes.fakes import Around, Registered, fits_output, full_problems, left, problems, run_step

TEMPLATE = "orders://order/{order_id}{?lines}"
ORDERS = Registered(resources=["orders://terms", TEMPLATE, "files:///{+path}"])


def config(uri: str, **variables: Any) -> dict[str, Any]:
    return {"server": "orders", "uri": uri, "variables": variables}


async def test_a_fixed_address_is_read_as_it_is() -> None:
    around = Around()

    outcome = await left("mcp_resource", config("orders://terms"), around)

    assert around.mcp.read == ["orders://terms"]
    assert outcome.output["text"] == "Good morning"
    assert outcome.output["content"][0]["mimeType"] == "text/plain"
    assert fits_output("mcp_resource", config("orders://terms"), outcome)
    assert [line.text for line in around.logged] == ["reading orders://terms"]


@pytest.mark.parametrize(
    ("uri", "variables", "address"),
    [
        (TEMPLATE, {"order_id": "12 3/4"}, "orders://order/12%203%2F4"),
        (TEMPLATE, {"order_id": 7, "lines": "{{ trigger.lines }}"}, "orders://order/7?lines=true"),
        ("files:///{+path}", {"path": "{{ trigger.path }}"}, "files:///docs/a%20b.txt"),
        ("orders://order/{{ trigger.path }}", {}, "orders://order/docs%2Fa%20b.txt"),
    ],
)
async def test_the_parts_of_an_address_are_written_as_their_place_asks_for(
    uri: str, variables: dict[str, Any], address: str
) -> None:
    around = Around(scope={"trigger": {"path": "docs/a b.txt", "lines": True}})

    await left("mcp_resource", config(uri, **variables), around)

    assert around.mcp.read == [address]


async def test_data_in_an_address_cannot_leave_its_place() -> None:
    around = Around(scope={"trigger": {"id": "../../{+path}?x=1#y"}})

    await left("mcp_resource", config("orders://order/{order_id}", order_id="{{ trigger.id }}"), around)

    assert around.mcp.read == ["orders://order/..%2F..%2F%7B%2Bpath%7D%3Fx%3D1%23y"]


async def test_a_part_without_a_value_fails_naming_it() -> None:
    around = Around(scope={"trigger": {"id": None}})

    with pytest.raises(McpError) as caught:
        await run_step("mcp_resource", config(TEMPLATE, order_id="{{ trigger.id }}"), around)

    assert caught.value.code == "mcp_invalid_arguments"
    assert caught.value.details["field"] == "variables/order_id"
    assert around.mcp.read == []


@pytest.mark.parametrize(
    ("uri", "variables", "found"),
    [
        ("orders://terms", {}, []),
        (TEMPLATE, {"order_id": "1"}, []),
        (TEMPLATE, {}, [("variables/order_id", "required")]),
        (TEMPLATE, {"order_id": "1", "color": "red"}, [("variables/color", "unknown_argument")]),
        ("orders://else", {}, [("uri", "unknown_resource")]),
        ("orders://order/{{ run.id }}", {}, []),
        ("orders://{{ run.id }}/order", {}, [("uri", "expression_not_allowed")]),
        ("{{ run.id }}", {}, [("uri", "expression_not_allowed")]),
        ("{{ run.id }}://order", {}, [("uri", "expression_not_allowed")]),
        ("https://{host}/a", {"host": "evil.example"}, [("uri", "expression_not_allowed")]),
        ("https://shop.example{port}/a", {"port": "@evil"}, [("uri", "expression_not_allowed")]),
        ("https://shop.example/{id}", {"id": "1"}, [("uri", "unknown_resource")]),
        ("no address", {}, [("uri", "invalid_config")]),
        ("orders://order/{order_id", {}, [("uri", "invalid_config")]),
    ],
)
def test_an_address_is_judged_while_it_is_drawn(
    uri: str, variables: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems("mcp_resource", config(uri, **variables), ORDERS) == found


def test_an_address_that_is_not_listed_may_be_tried() -> None:
    [problem] = full_problems("mcp_resource", config("orders://else"), ORDERS)

    assert problem.severity == "warning"


def test_a_server_that_is_not_there_or_was_never_read_is_told() -> None:
    elsewhere = {**config("orders://terms"), "server": "nowhere"}
    assert problems("mcp_resource", elsewhere, ORDERS) == [("server", "unknown_server")]
    new = Registered(listed=False)
    assert problems("mcp_resource", config("orders://terms"), new) == [("server", "server_not_listed")]
