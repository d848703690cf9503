"""What an admin changes while a run is under way holds for its next call, although hosts remember what they read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.support.cluster import Cluster
from tests.support.effects import EffectsServer
from tests.support.product import Api, a_document, a_node, eventually, published

ENDED = ("succeeded", "failed", "cancelled")
SLOW_MS = 1500


@pytest.fixture(scope="module")
def effects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EffectsServer]:
    server = EffectsServer(tmp_path_factory.mktemp("effects"))
    yield server
    server.process.kill()


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def any_api(request: pytest.FixtureRequest) -> Api:
    if request.param == "SQLite":
        sqlite: Api = request.getfixturevalue("api")
        return sqlite
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.api()


class Underway:
    """A workflow that looks slowly and then sends; its host knows both tools from a run before."""

    def __init__(self, api: Api, effects: EffectsServer) -> None:
        self.api, self._effects, self.slug = api, effects, (slug := f"underway-{uuid4().hex[:8]}")
        effects.register(api, slug)
        servers = api("GET", "/mcp-servers")["items"]
        self.tool = f"/mcp-servers/{next(row['id'] for row in servers if row['slug'] == slug)}/tools/send"
        call = {"server": slug, "arguments": {"label": "{{ trigger.body.label }}", "ms": 0}}
        slow = {"label": "{{ trigger.body.label }}", "ms": "{{ trigger.body.ms }}"}
        graph = a_document(
            [
                a_node("start", "webhook_trigger"),
                a_node("look", "mcp_tool", {**call, "tool": "look", "arguments": slow}),
                a_node("send", "mcp_tool", {**call, "tool": "send"}),
                a_node("end", "reply", {"text": "."}),
            ],
            "start>look, look>send, send>end",
        )
        self.workflow = published(api, f"Underway {slug}", graph)
        assert api.run_until(self._started("before", 0), *ENDED)["status"] == "succeeded"

    def _started(self, label: str, ms: int) -> str:
        body = {"input": {"body": {"label": f"{self.slug}/{label}", "ms": ms}}}
        return str(self.api("POST", f"/workflows/{self.workflow['id']}/runs", body)["id"])

    def run(self, label: str, change: dict[str, Any]) -> str:
        """The id of a run in whose first call an admin changes the second tool."""
        run_id = self._started(label, SLOW_MS)
        eventually(lambda: self._effects.log(f"{self.slug}/{label}").calls, what="the slow call")
        self.api("PATCH", self.tool, change)
        assert self._effects.log(f"{self.slug}/{label}").calls[0]["ended_at"] is None
        return run_id

    def sent(self, label: str) -> int:
        calls = self._effects.log(f"{self.slug}/{label}").calls
        return sum(call["tool"] == "send" for call in calls)


def test_a_tool_that_is_blocked_in_mid_run_is_not_called(any_api: Api, effects: EffectsServer) -> None:
    underway = Underway(any_api, effects)
    run = any_api.run_until(underway.run("one", {"enabled": False}), *ENDED)
    assert (run["status"], run["error"]["code"]) == ("failed", "mcp_tool_blocked")
    assert underway.sent("one") == 0

    any_api("PATCH", underway.tool, {"enabled": True})
    again = any_api("POST", f"/runs/{run['id']}/retry")
    assert any_api.run_until(again["id"], *ENDED)["status"] == "succeeded"
    assert underway.sent("one") == 1


def test_a_tool_that_needs_approval_since_mid_run_is_asked_for(any_api: Api, effects: EffectsServer) -> None:
    underway = Underway(any_api, effects)
    run_id = underway.run("one", {"approval": {"kind": "anyone"}})
    any_api.run_until(run_id, "waiting")
    assert underway.sent("one") == 0

    [item] = [row for row in any_api("GET", "/inbox")["items"] if row["run"] == run_id]
    any_api("POST", f"/inbox/{item['id']}/answer", {"choice": "approve", "answers": {}})
    assert any_api.run_until(run_id, *ENDED)["status"] == "succeeded"
    assert underway.sent("one") == 1
    assert any_api.steps(run_id)["send"]["attempts"] == 1


def test_what_changes_nothing_for_a_call_does_not_hold_it_up(any_api: Api, effects: EffectsServer) -> None:
    underway = Underway(any_api, effects)
    run_id = underway.run("one", {"timeout_s": 7})
    assert any_api.run_until(run_id, *ENDED)["status"] == "succeeded"
    assert (underway.sent("one"), any_api.steps(run_id)["send"]["attempts"]) == (1, 1)


def revisions(database: str) -> list[int]:
    """Of all workspaces, in an order that stays."""
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT revision FROM runtime_settingsrevision ORDER BY workspace_id")
        return [row[0] for row in rows]


def test_every_way_of_changing_a_setting_is_counted_and_what_calls_note_is_not(
    cluster: Cluster, effects: EffectsServer
) -> None:
    api, database = cluster.api(), cluster.env["DATABASE_URL"]
    effects.register(api, "counted-settings")
    with psycopg.connect(database, autocommit=True) as connection:
        for statement, counts in (
            (
                "UPDATE mcp_servers_mcptool SET enabled = NOT enabled WHERE server_id = %s AND name = 'put'",
                True,
            ),
            ("UPDATE mcp_servers_mcptool SET enabled = enabled WHERE server_id = %s", False),
            ("UPDATE mcp_servers_mcptool SET counted_calls = counted_calls + 1 WHERE server_id = %s", False),
            ("UPDATE mcp_servers_mcpserver SET latency_ms = 12.5, checks_failed = 3 WHERE id = %s", False),
            ("UPDATE mcp_servers_mcpserver SET sealed_auth = 'other' WHERE id = %s", True),
            ("DELETE FROM mcp_servers_mcptool WHERE server_id = %s AND name = 'put'", True),
        ):
            found = connection.execute(
                "SELECT id FROM mcp_servers_mcpserver WHERE slug = 'counted-settings'"
            ).fetchone()
            before = revisions(database)
            connection.execute(statement, found)
            assert (revisions(database) != before) == counts, statement
        workflow = published(api, "Counted", a_document([a_node("start", "webhook_trigger")], ""))["id"]
        for statement, counts in (
            ("UPDATE workflows_workflow SET revision = revision + 1, draft = '{}' WHERE id = %s", False),
            ("UPDATE workflows_workflow SET updated_at = now(), description = 'x' WHERE id = %s", False),
            ("UPDATE workflows_workflow SET paused_at = now() WHERE id = %s", True),
            ("UPDATE workflows_workflow SET live_version_id = NULL WHERE id = %s", True),
            ("UPDATE triggers_address SET is_live = false WHERE workflow_id = %s", True),
            ("DELETE FROM triggers_address WHERE workflow_id = %s", True),
        ):
            before = revisions(database)
            connection.execute(statement, [workflow])
            assert (revisions(database) != before) == counts, statement
        before = revisions(database)
        api("PATCH", "/workspace/limits", {"tokens_per_day": 10_000_000})
        api("PATCH", "/workspace/limits", {"tokens_per_day": None})
        assert revisions(database) != before
