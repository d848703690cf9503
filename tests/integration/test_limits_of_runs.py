"""How many runs of a key go on at once, and how much one run may use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from tests.support.cluster import Cluster
from tests.support.effects import EffectsServer
from tests.support.product import Api, Embedded, a_document, a_node, eventually, published

ENDED = ("succeeded", "failed", "cancelled")
ASK = {"title": "Go on?", "choices": [{"id": "yes", "title": "Yes"}]}


def asking(api: Api, name: str, when_full: str, limit: int = 1) -> dict[str, Any]:
    """A workflow whose runs wait for a person; those of one customer share a key."""
    graph = a_document(
        [
            a_node("start", "webhook_trigger"),
            a_node("ask", "human_handoff", ASK),
            a_node("end", "reply", {"text": "."}),
        ],
        "start>ask, ask.yes>end",
    )
    key = "{{ trigger.body.customer }}"
    graph["settings"] = {"concurrency": {"key": key, "limit": limit, "when_full": when_full}}
    return published(api, name, graph)


def started(api: Api, workflow: dict[str, Any], customer: str, **options: Any) -> str:
    body = {"input": {"body": {"customer": customer}}}
    return str(api("POST", f"/workflows/{workflow['id']}/runs", body, **options)["id"])


def answer(api: Api, run_id: str) -> None:
    [item] = eventually(
        lambda: [item for item in api("GET", "/inbox")["items"] if item["run"] == run_id], what="the question"
    )
    api("POST", f"/inbox/{item['id']}/answer", {"choice": "yes", "answers": {}})


def test_runs_of_one_key_wait_for_each_other_and_those_of_another_do_not(api: Api) -> None:
    workflow = asking(api, "One at a time", "queue")
    first, second, other = (started(api, workflow, customer) for customer in ("ida", "ida", "max"))
    api.run_until(first, "waiting")
    api.run_until(other, "waiting")
    waits = api("GET", f"/runs/{second}")
    assert (waits["status"], waits["held_up_by"]) == ("queued", "concurrency")

    answer(api, first)
    assert api.run_until(first, *ENDED)["status"] == "succeeded"
    assert api.run_until(second, "waiting")["held_up_by"] == ""
    answer(api, second)
    assert api.run_until(second, *ENDED)["status"] == "succeeded"


def test_a_queued_run_can_be_cancelled_and_the_next_one_follows(api: Api) -> None:
    workflow = asking(api, "Queue of three", "queue")
    first, second, third = (started(api, workflow, "ida") for _ in range(3))
    api.run_until(first, "waiting")
    api("POST", f"/runs/{second}/cancel")
    assert api.run_until(second, *ENDED)["status"] == "cancelled"
    assert api.steps(second).keys() <= {"start"}
    assert api("GET", f"/runs/{third}")["status"] == "queued"

    api("POST", f"/runs/{first}/cancel")
    api.run_until(third, "waiting")


def kinds_of_events(api: Api, run_id: str) -> list[str]:
    return [event["type"] for event in api("GET", f"/runs/{run_id}/events")["items"]]


def test_what_is_paused_in_the_queue_lets_others_pass_and_begins_when_it_is_resumed(api: Api) -> None:
    workflow = asking(api, "Paused in the queue", "queue")
    first, paused, third = (started(api, workflow, "ida") for _ in range(3))
    api.run_until(first, "waiting")
    assert api("POST", f"/runs/{paused}/pause")["status"] == "paused"

    answer(api, first)
    api.run_until(third, "waiting")
    api("POST", f"/runs/{paused}/resume")
    waits = api("GET", f"/runs/{paused}")
    assert (waits["status"], waits["held_up_by"]) == ("queued", "concurrency")
    answer(api, third)
    api.run_until(paused, "waiting")

    assert kinds_of_events(api, paused)[:4] == ["run.queued", "run.paused", "run.resumed", "run.started"]
    answer(api, paused)
    assert api.run_until(paused, *ENDED)["status"] == "succeeded"


def test_what_is_resumed_begins_at_once_where_there_is_room(api: Api) -> None:
    workflow = asking(api, "Resumed into a free slot", "queue")
    first, paused = (started(api, workflow, "ida") for _ in range(2))
    api.run_until(first, "waiting")
    api("POST", f"/runs/{paused}/pause")
    answer(api, first)
    api.run_until(first, *ENDED)

    api("POST", f"/runs/{paused}/resume")

    api.run_until(paused, "waiting")
    api("POST", f"/runs/{paused}/cancel")


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_run_that_is_cancelled_before_it_begins_never_does(api: Api, is_paused: bool) -> None:
    workflow = asking(api, f"Cancelled in the queue {is_paused}", "queue")
    first, second = (started(api, workflow, "ida") for _ in range(2))
    api.run_until(first, "waiting")
    if is_paused:
        api("POST", f"/runs/{second}/pause")

    api("POST", f"/runs/{second}/cancel")

    ended = api.run_until(second, *ENDED)
    assert (ended["status"], ended["started_at"], api.steps(second)) == ("cancelled", None, {})
    assert "run.started" not in kinds_of_events(api, second)
    api("POST", f"/runs/{first}/cancel")


def test_a_limit_that_was_raised_holds_for_those_that_wait_too(api: Api) -> None:
    workflow = asking(api, "Limit raised", "queue")
    first, second, third, fourth = (started(api, workflow, "ida") for _ in range(4))
    api.run_until(first, "waiting")
    draft = api("GET", f"/workflows/{workflow['id']}")
    graph = draft["graph"]
    graph["settings"]["concurrency"]["limit"] = 2
    api("PUT", f"/workflows/{workflow['id']}/draft", {"graph": graph, "revision": draft["revision"]})
    api("POST", f"/workflows/{workflow['id']}/publish", {})
    api.run_until(second, "waiting")
    fifth = started(api, workflow, "ida")
    statuses = [api("GET", f"/runs/{one}")["status"] for one in (third, fourth, fifth)]
    assert statuses == ["queued"] * 3

    del graph["settings"]["concurrency"]
    draft = api("GET", f"/workflows/{workflow['id']}")
    api("PUT", f"/workflows/{workflow['id']}/draft", {"graph": graph, "revision": draft["revision"]})
    api("POST", f"/workflows/{workflow['id']}/publish", {})
    for one in (third, fourth, fifth):
        api.run_until(one, "waiting")
    for one in (first, second, third, fourth, fifth):
        api("POST", f"/runs/{one}/cancel")


def test_a_newer_run_replaces_the_one_before_it(api: Api) -> None:
    workflow = asking(api, "The newest counts", "replace")
    first = started(api, workflow, "ida")
    api.run_until(first, "waiting")
    second = started(api, workflow, "ida")

    assert api.run_until(first, *ENDED)["error"]["message"].startswith("A newer run")
    api.run_until(second, "waiting")


def test_a_start_over_the_limit_is_refused(api: Api) -> None:
    workflow = asking(api, "Two at most", "refuse", limit=2)
    first, _ = started(api, workflow, "ida"), started(api, workflow, "ida")
    body = {"input": {"body": {"customer": "ida"}}}
    refusal = api("POST", f"/workflows/{workflow['id']}/runs", body, expect=429)
    assert (refusal["code"], refusal["retryable"]) == ("concurrency_full", True)
    delivered = api.http.post(workflow["hook"], json={"customer": "ida"})
    assert (delivered.status_code, delivered.json()["code"]) == (429, "concurrency_full")
    assert int(delivered.headers["Retry-After"]) > 0

    api("POST", f"/runs/{first}/cancel")
    api.run_until(first, "cancelled")
    started(api, workflow, "ida")


def test_a_start_goes_on_when_its_key_is_removed_as_a_leftover_at_that_moment(cluster: Cluster) -> None:
    api = cluster.api()
    workflow = asking(api, "Key that goes", "queue")
    started(api, workflow, "ida")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    address = cluster.env["DATABASE_URL"]
    with psycopg.connect(address) as removing, psycopg.connect(address, autocommit=True) as looking:
        removing.execute("DELETE FROM runtime_concurrencykey")
        with ThreadPoolExecutor() as threads:
            second = threads.submit(started, api, workflow, "ida")
            eventually(
                lambda: looking.execute(waiting).fetchone() != (0,), what="the start waiting for the key"
            )
            removing.commit()
            run_id = second.result(20)
    assert api("GET", f"/runs/{run_id}")["status"] == "queued"


def test_a_public_form_that_is_full_asks_to_try_later_and_keeps_the_answers(
    api: Api, product: Embedded
) -> None:
    form = {"public": True, "fields": [{"id": "name", "title": "Name", "kind": "text", "required": True}]}
    graph = a_document(
        [a_node("start", "manual_trigger", form), a_node("ask", "human_handoff", ASK)], "start>ask"
    )
    graph["settings"] = {"concurrency": {"key": "all", "limit": 1, "when_full": "refuse"}}
    workflow = published(api, "One visitor at a time", graph)
    started_run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"name": "Ida"}})

    with httpx2.Client(base_url=product.base, trust_env=False) as visitor:
        visitor.get(workflow["hook"])
        answers = {"csrfmiddlewaretoken": visitor.cookies["csrftoken"], "name": "Mira Lind"}
        refused = visitor.post(workflow["hook"], data=answers)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "send it again in a few minutes" in refused.text
    assert 'value="Mira Lind"' in refused.text
    api("POST", f"/runs/{started_run['id']}/cancel")


@pytest.mark.parametrize("limit", [3, 5])
def test_no_more_steps_than_the_budget_are_executed_until_somebody_resumes_the_run(
    api: Api, limit: int
) -> None:
    values = {"values": [{"id": "n", "value": "{{ index }}"}]}
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("again", "repeat", {"until": "{{ false }}", "max_times": 1000}),
            a_node("count", "set_values", values, parent="again"),
        ],
        "start>again",
    )
    graph["settings"] = {"budgets": {"steps": limit}}
    workflow = published(api, f"Endless, {limit} steps", graph)
    run_id = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]

    run = api.run_until(run_id, "needs_attention")
    assert run["attention"] == "budget_exceeded"
    executed = [step for step in api.steps(run_id).values() if step["status"] == "succeeded"]
    assert len(executed) == limit
    # A pause is left by a resume of its own, and what it found is found again.
    api("POST", f"/runs/{run_id}/pause")
    api.run_until(run_id, "paused")
    api("POST", f"/runs/{run_id}/resume")
    assert api.run_until(run_id, "needs_attention")["attention"] == "budget_exceeded"
    api("POST", f"/runs/{run_id}/resume")

    eventually(
        lambda: sum(step["status"] == "succeeded" for step in api.steps(run_id).values()) == 2 * limit,
        what="another budget of steps",
    )
    api.run_until(run_id, "needs_attention")
    api("POST", f"/runs/{run_id}/cancel")
    assert api.run_until(run_id, *ENDED)["status"] == "cancelled"


def test_steps_that_wait_use_up_the_budget_too(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("loop", "for_each", {"items": list(range(20)), "max_parallel": 20}),
            a_node("nap", "wait", {"for_s": 3600}, parent="loop"),
        ],
        "start>loop",
    )
    graph["settings"] = {"budgets": {"steps": 5}}
    workflow = published(api, "Many naps", graph)
    run_id = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]

    assert api.run_until(run_id, "needs_attention")["attention"] == "budget_exceeded"
    assert sum(step["status"] == "waiting" for step in api.steps(run_id).values()) == 4
    api("POST", f"/runs/{run_id}/cancel")


def test_time_in_calls_that_fail_and_are_tried_again_uses_up_the_budget(api: Api, tmp_path: Path) -> None:
    effects = EffectsServer(tmp_path)
    try:
        effects.register(api, "slow_effects")
        call = {"server": "slow_effects", "tool": "put", "arguments": {"label": "slow", "ms": 60_000}}
        settings = {"timeout_s": 0.6, "retry": {"attempts": 6, "first_delay_s": 0.01, "factor": 1}}
        graph = a_document(
            [a_node("start", "manual_trigger"), a_node("put", "mcp_tool", call, settings=settings)],
            "start>put",
        )
        graph["settings"] = {"budgets": {"active_s": 1}}
        workflow = published(api, "Tries for long", graph)
        run_id = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]

        assert api.run_until(run_id, "needs_attention", "failed")["attention"] == "budget_exceeded"
        assert len(effects.log("slow").calls) < 6
        api("POST", f"/runs/{run_id}/cancel")
    finally:
        effects.process.kill()
