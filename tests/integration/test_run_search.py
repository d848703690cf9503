"""One field finds runs by their id, by what was delivered, by the workflow's name and by what went wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster import Cluster
from tests.support.product import Api, Embedded, a_document, a_node, published
from tests.support.workspaces import own_workspace


@pytest.fixture(params=["product", "cluster"])
def api(request: pytest.FixtureRequest) -> Api:
    place: Embedded | Cluster = request.getfixturevalue(request.param)
    return own_workspace(place)["admin"]


def posting(api: Api, name: str, end: dict[str, Any]) -> dict[str, Any]:
    return published(api, name, a_document([a_node("start", "webhook_trigger"), end], "start>end"))


def posted(api: Api, workflow: dict[str, Any], delivery: str) -> str:
    answer = api.http.post(workflow["hook"], json={}, headers={"webhook-id": delivery})
    run = str(answer.json()["run_id"])
    api.run_until(run, "succeeded", "failed")
    return run


def found(api: Api, text: str, **filters: str) -> set[str]:
    answer = api.http.get("/api/v1/runs", params={"q": text, **filters})
    return {run["id"] for run in answer.json()["items"]}


def test_a_search_finds_what_people_look_for(api: Api) -> None:
    good = posting(api, "Greets customers", a_node("end", "reply", {"text": "."}))
    bad = posting(
        api, "Refuses", a_node("end", "stop", {"outcome": "failure", "message": "No 100% of stock_left"})
    )
    first, second = posted(api, good, "order-77"), posted(api, good, "order-78")
    failed = posted(api, bad, "order-79")

    assert found(api, first) == {first}
    assert found(api, "order-77") == {first}
    assert found(api, " order-79 ") == {failed}
    assert found(api, "order-7") == set()
    assert found(api, "greets") == {first, second}
    assert found(api, "stopped") == {failed}
    assert found(api, "NO 100% of stock_") == {failed}
    assert found(api, "100_ of") == set()
    assert found(api, "refuses") == {failed}
    assert found(api, "nothing of the kind") == set()


def test_a_search_stays_within_the_other_filters_and_the_workspace(
    api: Api, request: pytest.FixtureRequest
) -> None:
    bad = posting(
        api, "Fails alone", a_node("end", "stop", {"outcome": "failure", "message": "Odd sentence"})
    )
    other = posting(
        api, "Fails too", a_node("end", "stop", {"outcome": "failure", "message": "Odd sentence"})
    )
    one, two = posted(api, bad, "delivery-1"), posted(api, other, "delivery-2")

    assert found(api, "odd sentence") == {one, two}
    assert found(api, "odd sentence", workflow=bad["id"]) == {one}
    assert found(api, "delivery-2", workflow=bad["id"]) == set()
    assert found(api, "odd sentence", status="succeeded") == set()
    assert found(api, "odd sentence", to="2020-01-01T00:00:00Z") == set()

    elsewhere = own_workspace(request.getfixturevalue(request.node.callspec.params["api"]))["admin"]
    assert found(elsewhere, "odd sentence") == found(elsewhere, "delivery-1") == set()


def test_a_moment_without_an_offset_is_one_of_the_workspace(api: Api) -> None:
    run = posted(api, posting(api, "Timed", a_node("end", "reply", {"text": "."})), "timed")

    for moment in ("2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00:00Z"):
        assert [row["id"] for row in api("GET", f"/runs?from={moment}")["items"]] == [run]
        assert api("GET", f"/runs?to={moment}")["items"] == []
