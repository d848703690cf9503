"""A whole workflow through the REST API alone, on PostgreSQL and Redis with two worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.bench.workloads import order_status
from tests.support.cluster import Cluster
from tests.support.commits import counted_commits
from tests.support.product import Api, Example, a_document, a_node, eventually, published


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    server = Example("crm_server", tmp_path_factory.mktemp("crm"))
    yield server
    server.process.kill()


@pytest.fixture(scope="module")
def admin(cluster: Cluster, crm: Example, model_server: Example) -> Api:
    api = cluster.api("admin")
    api(
        "POST",
        "/model-connections",
        {
            "slug": "rules",
            "name": "Rules",
            "preset": "other",
            "base_url": f"{model_server.url}/v1",
            "api_key": "",
            "models": ["demo-rules"],
            "default_model": "demo-rules",
        },
    )
    server = {"slug": "crm", "name": "CRM", "transport": "http", "url": f"{crm.url}/mcp", "enable": "all"}
    registered = api("POST", "/mcp-servers", server)
    refreshed = api("POST", f"/mcp-servers/{registered['id']}/refresh")
    assert refreshed == {"status": "ok", "tools": 8, "error": None}
    return api


LEAD = a_document(
    [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node(
            "kind",
            "llm_decision",
            {
                "question": "What is this about?",
                "input": "{{ trigger.body.message }}",
                "choices": [
                    {"id": "demo", "title": "Wants a demo", "description": "Asks for a demo or a trial"}
                ],
            },
        ),
        a_node(
            "contact",
            "mcp_tool",
            {"server": "crm", "tool": "create_contact", "arguments": {"email": "{{ trigger.body.email }}"}},
        ),
        a_node(
            "ask",
            "human_handoff",
            {
                "title": "Give {{ steps.contact.email }} a demo?",
                "choices": [{"id": "approve", "title": "Yes"}, {"id": "reject", "title": "No"}],
                "fields": [{"id": "day", "title": "Day", "kind": "date", "required": True}],
            },
        ),
        a_node(
            "yes",
            "reply",
            {"text": "See you on {{ steps.ask.answers.day }}, {{ steps.contact.contact_id }}."},
        ),
        a_node("no", "reply", {"text": "Not now."}),
        a_node("other", "reply", {"data": {"handled": False}}),
    ],
    "start>kind, kind.demo>contact, kind.otherwise>other, contact>ask, ask.approve>yes, ask.reject>no",
)


def test_a_webhook_is_answered_after_model_tool_and_person(admin: Api, cluster: Cluster) -> None:
    workflow = published(admin, "Demo requests", LEAD)
    agent = cluster.api("agent")
    body = {"message": "Could we get a demo, please?", "email": "rosa@initech.example"}
    with ThreadPoolExecutor() as pool:
        posted = pool.submit(admin.http.post, workflow["hook"], json=body)
        item = eventually(
            lambda: next((row for row in agent("GET", "/inbox")["items"] if "rosa" in row["title"]), None),
            what="the inbox item",
        )
        run = admin("GET", f"/runs/{item['run']}")
        assert run["status"] == "waiting"

        wrong = agent("POST", f"/inbox/{item['id']}/answer", {"choice": "approve"}, expect=422)
        assert wrong["details"]["fields"] == [{"field": "day", "message": "Please fill this in."}]
        answer = {"choice": "approve", "answers": {"day": "2026-12-01"}, "comment": "Gladly"}
        agent("POST", f"/inbox/{item['id']}/answer", answer)
        again = agent("POST", f"/inbox/{item['id']}/answer", {**answer, "choice": "reject"}, expect=409)
        assert again["code"] == "already_answered"
        response = posted.result(timeout=30)

    assert response.status_code == 200
    assert response.json()["text"].startswith("See you on 2026-12-01, C-")
    run = admin.run_until(item["run"], "succeeded")
    assert run["result"] == response.json()
    steps = admin.steps(run["id"])
    assert steps["kind"]["ports"] == ["demo"]
    assert steps["other"]["status"] == "skipped"
    assert steps["ask"]["output"]["answered_by"] == "agent@shop.example"
    events = admin("GET", f"/runs/{run['id']}/events")["items"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run.ended"


def test_the_same_idempotency_key_starts_one_run(admin: Api) -> None:
    workflow = published(
        admin,
        "Echo",
        a_document(
            [a_node("start", "webhook_trigger"), a_node("end", "reply", {"data": "{{ trigger.body }}"})],
            "start>end",
        ),
    )
    headers = {"Idempotency-Key": "order-1"}
    with ThreadPoolExecutor() as pool:
        answers = list(
            pool.map(lambda _: admin.http.post(workflow["hook"], json={"n": 1}, headers=headers), range(8))
        )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    other = admin.http.post(workflow["hook"], json={"n": 2}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")


def test_the_keys_of_webhooks_and_forms_are_not_written_into_the_log(admin: Api, cluster: Cluster) -> None:
    graph = a_document(
        [a_node("start", "webhook_trigger"), a_node("form", "manual_trigger", {"public": True})], ""
    )
    workflow = admin("POST", "/workflows", {"name": "Secret addresses", "graph": graph})
    triggers = admin("POST", f"/workflows/{workflow['id']}/publish", {})["triggers"]
    hook, form = (trigger["url"] for trigger in triggers)
    assert admin.http.post(hook, json={}).status_code == 202
    assert (
        admin.http.post(hook, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    )
    assert admin.http.post(form).status_code == 403
    assert admin.http.get(f"{form}/more?key=in-the-query").status_code == 404

    log = (cluster.folder / f"web-{cluster.port}.log").read_text()
    assert "/forms/…" in log
    for key in (hook.rpartition("/")[2], form.rpartition("/")[2], "in-the-query"):
        assert key not in log


def test_runs_are_shared_between_the_workers(admin: Api) -> None:
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            a_node(
                "look",
                "mcp_tool",
                {"server": "crm", "tool": "find_contact", "arguments": {"email": "a@b.example"}},
            ),
        ],
        "start>look",
    )
    workflow = published(admin, "Look up", graph)
    runs = [admin("POST", f"/workflows/{workflow['id']}/runs", {"input": {}}) for _ in range(20)]
    ended = [admin.run_until(run["id"], "succeeded", "failed") for run in runs]
    assert {run["status"] for run in ended} == {"succeeded"}


@pytest.fixture
def commits(cluster: Cluster) -> Iterator[Callable[[str], int]]:
    """How many transactions wrote a run's row."""
    with counted_commits(cluster.env["DATABASE_URL"]) as count:
        yield count


def test_a_run_with_two_outside_calls_commits_three_times(admin: Api, commits: Callable[[str], int]) -> None:
    """Accepted and taken with the model's intent; its outcome with the tool's intent; the tool's outcome with the end."""
    hook = published(admin, "Commits", order_status().graph)["hook"]
    found = []
    for _ in range(9):
        answer = admin.http.post(hook, json={"message": "I am mira@example.com"})
        assert answer.json() is True
        found.append(commits(answer.headers["x-run-id"]))
    # Until web process and workers know the workflow and each other, a run is accepted first, and then taken or claimed.
    assert min(found) == 3
    assert max(found) <= 5


def test_two_workflows_that_are_published_at_one_moment_do_not_come_to_start_each_other(admin: Api) -> None:
    form = a_node("start", "manual_trigger")
    pair = [published(admin, f"Starts the other {side}", a_document([form], "")) for side in "ab"]
    for own, other in (pair, pair[::-1]):
        graph = a_document([form, a_node("call", "sub_workflow", {"workflow": other["slug"]})], "start>call")
        draft = admin("GET", f"/workflows/{own['id']}")
        admin("PUT", f"/workflows/{own['id']}/draft", {"graph": graph, "revision": draft["revision"]})

    def publish(workflow: dict[str, Any]) -> int:
        path = f"/api/v1/workflows/{workflow['id']}/publish"
        return int(admin.http.post(path, json={}).status_code)

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(publish, pair)) == [200, 422]
