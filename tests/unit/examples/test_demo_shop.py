"""The tools of the demo servers on a database of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from examples.calls import ToolFailed, once, open_database, record
from examples.crm_server import tools as crm
from examples.orders_server import data, tools


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = open_database(str(tmp_path / "shop.sqlite3"), data.SCHEMA)
    data.fill(database)
    yield database
    database.close()


@pytest.fixture
def contacts(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = open_database(str(tmp_path / "crm.sqlite3"), crm.SCHEMA)
    crm.fill(database)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_order", {"order_id": "12345"}),
        ("list_orders", {"email": "mira@example.com"}),
        *[("get_parcel", {"order_id": order[0]}) for order in data.ORDERS],
        ("refund_order", {"order_id": "12346", "amount_eur": 5}),
        ("reship_order", {"order_id": "12346", "priority": True}),
        ("list_refunds", {"order_id": "12346"}),
    ],
)
def test_every_result_fits_its_own_definition(
    shop: sqlite3.Connection, tool: str, arguments: dict[str, Any]
) -> None:
    known = next(row for row in tools.TOOLS if row.name == tool)

    result = known.apply(shop, arguments)

    Draft202012Validator(known.output_schema).validate(result)
    Draft202012Validator(known.input_schema).validate(arguments)


def test_a_late_parcel_says_why_and_since_when(shop: sqlite3.Connection) -> None:
    parcel = tools.get_parcel(shop, {"order_id": "#12346"})

    assert parcel["is_late"]
    assert parcel["days_late"] == 3
    assert parcel["reason"] == "Lost at the depot in Lyon"
    assert [event["what"] for event in parcel["events"]] == [
        "Handed over to NorthPost",
        "Lost at the depot in Lyon",
    ]


def test_an_unknown_order_is_told_by_its_code(shop: sqlite3.Connection) -> None:
    with pytest.raises(ToolFailed) as caught:
        tools.get_order(shop, {"order_id": "99999"})

    assert caught.value.code == "ORDER_NOT_FOUND"


def test_no_more_than_was_paid_is_refunded_in_all(shop: sqlite3.Connection) -> None:
    tools.refund_order(shop, {"order_id": "12346", "amount_eur": 30})

    with pytest.raises(ToolFailed) as caught:
        tools.refund_order(shop, {"order_id": "12346", "amount_eur": 5})

    assert caught.value.code == "AMOUNT_TOO_HIGH"
    assert "4.50 €" in str(caught.value)


def test_a_parcel_that_was_delivered_is_not_sent_again(shop: sqlite3.Connection) -> None:
    with pytest.raises(ToolFailed) as caught:
        tools.reship_order(shop, {"order_id": "12348"})

    assert caught.value.code == "NOT_RESHIPPABLE"


def test_a_parcel_with_priority_arrives_earlier(shop: sqlite3.Connection) -> None:
    quick = tools.reship_order(shop, {"order_id": "12346", "priority": True})["expected_on"]
    normal = tools.reship_order(shop, {"order_id": "12347"})["expected_on"]

    assert quick < normal


def test_the_same_key_gets_the_same_answer_and_no_second_effect(shop: sqlite3.Connection) -> None:
    def refund() -> dict[str, Any]:
        return tools.refund_order(shop, {"order_id": "12346", "amount_eur": 5})

    first, again, other = once(shop, "k1", refund), once(shop, "k1", refund), once(shop, "k2", refund)

    assert again == first
    assert other["refund_id"] != first["refund_id"]
    assert len(tools.list_refunds(shop, {"order_id": "12346"})["refunds"]) == 2


def test_a_failure_leaves_nothing_behind_and_may_be_tried_again(shop: sqlite3.Connection) -> None:
    def half() -> dict[str, Any]:
        tools.refund_order(shop, {"order_id": "12346", "amount_eur": 5})
        raise ToolFailed("BROKEN", "It broke off.")

    with pytest.raises(ToolFailed):
        once(shop, "k1", half)

    assert tools.list_refunds(shop, {"order_id": "12346"}) == {"refunds": []}
    assert once(shop, "k1", lambda: {"done": True}) == {"done": True}


def test_every_call_is_recorded_with_its_key(shop: sqlite3.Connection) -> None:
    record(shop, "refund_order", "k1", {"order_id": "12346"})
    record(shop, "refund_order", "k1", {"order_id": "12346"})

    rows = shop.execute(
        "SELECT tool, key, count(*), count(DISTINCT arguments) FROM calls GROUP BY 1, 2"
    ).fetchall()

    assert [tuple(row) for row in rows] == [("refund_order", "k1", 2, 1)]


def test_an_existing_file_keeps_what_happened(tmp_path: Path) -> None:
    path = str(tmp_path / "shop.sqlite3")
    for _ in range(2):
        database = open_database(path, data.SCHEMA)
        data.fill(database)
        tools.refund_order(database, {"order_id": "12346", "amount_eur": 1})
        count = len(tools.list_refunds(database, {"order_id": "12346"})["refunds"])
        database.close()

    assert count == 2


def test_a_contact_keeps_what_an_update_does_not_mention(contacts: sqlite3.Connection) -> None:
    known = crm.find_contact(contacts, {"email": "SAM@globex.example"})["contact"]

    changed = crm.update_contact(contacts, {"contact_id": known["contact_id"], "score": 90})

    assert (changed["name"], changed["company"], changed["score"]) == ("Sam Oduya", "Globex", 90)


def test_a_tag_is_there_once_however_often_it_is_given(contacts: sqlite3.Connection) -> None:
    for _ in range(2):
        contact = crm.tag_contact(contacts, {"contact_id": "C-00002", "tag": "vip"})

    assert contact["tags"] == ["lead", "vip"]


def test_a_ticket_is_listed_with_the_newest_first(contacts: sqlite3.Connection) -> None:
    for subject in ("First", "Second"):
        crm.create_ticket(contacts, {"email": "mira@example.com", "subject": subject})

    listed = crm.list_tickets(contacts, {"email": "mira@example.com"})["tickets"]

    assert [ticket["subject"] for ticket in listed] == ["Second", "First"]
