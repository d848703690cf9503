"""What is changed of a workflow holds for its next webhook, although every web process remembers what it read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.cluster import Cluster
from tests.support.product import Api, a_document, a_node, free_port, published, stopping, wait_ready


@pytest.fixture(scope="module")
def second_web(cluster: Cluster) -> Iterator[str]:
    """The base of another web process of the same installation."""
    port = free_port()
    with stopping(cluster.web_process(port)) as process:
        base = f"http://127.0.0.1:{port}"
        wait_ready(base, process, page="healthz")
        yield base


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest) -> tuple[Api, list[str]]:
    """The API, and the bases of all web processes."""
    if request.param == "SQLite":
        sqlite: Api = request.getfixturevalue("api")
        return sqlite, [""]
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.api(), ["", request.getfixturevalue("second_web")]


def graph(text: str, **trigger: Any) -> dict[str, Any]:
    nodes = [
        a_node("start", "webhook_trigger", {"respond": "when_replied", **trigger}),
        a_node("end", "reply", {"data": [text, "{{ vars.greeting }}", "{{ run.workflow.name }}"]}),
    ]
    return a_document(nodes, "start>end")


class Hook:
    """A webhook that every web process knows already."""

    def __init__(self, api: Api, bases: list[str]) -> None:
        self.api = api
        api("PUT", "/vars", {"greeting": "Hello"})
        self.workflow = published(api, "Remembered", graph("one"))
        url = self.workflow["hook"]
        self._urls = [f"{base}{urlsplit(url).path}" if base else url for base in bases]
        for _ in range(2):
            assert self.answers() == [(200, ["one", "Hello", "Remembered"])]

    def answers(self, **headers: str) -> list[tuple[int, Any]]:
        """What the processes say, each answer once."""
        found = []
        for url in self._urls:
            response = httpx2.post(url, json={}, headers=headers, timeout=40, trust_env=False)
            said = response.json()
            answer = (response.status_code, said if response.status_code == 200 else said["code"])
            found += [answer] if answer not in found else []
        return found

    def publish(self, document: dict[str, Any]) -> list[str | None]:
        """The addresses of its triggers."""
        shown = self.api("GET", f"/workflows/{self.workflow['id']}")
        body = {"graph": document, "revision": shown["revision"]}
        self.api("PUT", f"/workflows/{self.workflow['id']}/draft", body)
        answer = self.api("POST", f"/workflows/{self.workflow['id']}/publish", {})
        return [trigger["url"] for trigger in answer["triggers"]]


def test_a_paused_workflow_takes_nothing_until_it_is_resumed(place: tuple[Api, list[str]]) -> None:
    hook = Hook(*place)
    hook.api("POST", f"/workflows/{hook.workflow['id']}/pause")
    assert hook.answers() == [(409, "workflow_paused")]
    hook.api("POST", f"/workflows/{hook.workflow['id']}/resume")
    assert hook.answers() == [(200, ["one", "Hello", "Remembered"])]


def test_the_next_run_is_of_the_new_version_with_the_new_values(place: tuple[Api, list[str]]) -> None:
    hook = Hook(*place)
    hook.publish(graph("two"))
    assert hook.answers() == [(200, ["two", "Hello", "Remembered"])]
    hook.api("PUT", "/vars", {"greeting": "Good day"})
    assert hook.answers() == [(200, ["two", "Good day", "Remembered"])]
    hook.api("PATCH", f"/workflows/{hook.workflow['id']}", {"name": "Says hello"})
    assert hook.answers() == [(200, ["two", "Good day", "Says hello"])]


def test_a_webhook_that_asks_for_a_secret_since_now_is_shut_and_open_again(
    place: tuple[Api, list[str]],
) -> None:
    hook = Hook(*place)
    hook.answers(**{"Idempotency-Key": "before"})
    hook.publish(graph("two", auth={"kind": "bearer"}))
    assert [status for status, _ in hook.answers(**{"Idempotency-Key": "before"})] == [401]
    assert [status for status, _ in hook.answers()] == [401]
    hook.publish(graph("three"))
    assert hook.answers() == [(200, ["three", "Hello", "Remembered"])]


def test_the_same_delivery_is_one_run_also_when_something_changed_in_between(
    place: tuple[Api, list[str]],
) -> None:
    hook = Hook(*place)
    before = hook.answers(**{"Idempotency-Key": "one"})
    hook.publish(graph("two"))
    assert hook.answers(**{"Idempotency-Key": "one"}) == before
    assert hook.answers(**{"Idempotency-Key": "two"}) == [(200, ["two", "Hello", "Remembered"])]


def test_a_workflow_that_was_removed_has_no_webhook(place: tuple[Api, list[str]]) -> None:
    hook = Hook(*place)
    hook.api("DELETE", f"/workflows/{hook.workflow['id']}", expect=204)
    assert hook.answers() == [(404, "not_found")]


def test_a_webhook_that_is_switched_off_is_shut_and_has_the_same_address_once_it_is_on_again(
    place: tuple[Api, list[str]],
) -> None:
    hook = Hook(*place)
    switched_off = graph("two")
    switched_off["nodes"][0]["settings"] = {"disabled": True}
    assert hook.publish(switched_off) == [None]
    assert hook.answers() == [(404, "not_found")]
    for asked in ({}, {"trigger": "start"}):
        refused = hook.api("POST", f"/workflows/{hook.workflow['id']}/runs", asked, expect=422)
        assert refused["code"] == "trigger_disabled"
    assert hook.publish(graph("three")) == [hook.workflow["hook"]]
    assert hook.answers() == [(200, ["three", "Hello", "Remembered"])]
