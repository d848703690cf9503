"""A process dies in the middle of a tool call: the run ends right, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.product import Api, Example, a_document, a_node, eventually, one_process, published
from tests.support.scripted_model import ScriptedModel, scripted_model
from tests.support.services import require_services

pytestmark = pytest.mark.timeout(240)

CALL_MS = 1500
TAKEN_OVER_WITHIN_S = 45.0

TICKET = {"email": "mira@example.com", "subject": "Late parcel"}
LARGE = "x" * 300_000
"""Kept apart from the row of its step; whoever takes the run over has to find it."""
CONTACT = {"email": "new@example.com", "name": "Nia New"}


def a_call(tool: str, arguments: dict[str, str]) -> dict[str, object]:
    return a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("large", "set_values", {"values": [{"id": "text", "value": LARGE}]}),
            a_node("call", "mcp_tool", {"server": "crm", "tool": tool, "arguments": arguments}),
            a_node("tell", "reply", {"text": "done with {{ size(steps.large.text) }}"}),
        ],
        "start>large, large>call, call>tell",
    )


@pytest.fixture
def slow_crm(tmp_path: Path) -> Iterator[Example]:
    server = Example("crm_server", tmp_path, delay_ms=CALL_MS)
    yield server
    server.process.kill()


def register(api: Api, crm: Example) -> None:
    server = {"slug": "crm", "name": "CRM", "transport": "http", "url": f"{crm.url}/mcp", "enable": "all"}
    registered = api("POST", "/mcp-servers", server)
    assert api("POST", f"/mcp-servers/{registered['id']}/refresh")["status"] == "ok"


def start_call(api: Api, crm: Example, tool: str, arguments: dict[str, str]) -> str:
    """A run whose tool call is going on right now."""
    workflow = published(api, f"Call {tool}", a_call(tool, arguments))
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    eventually(
        lambda: crm.rows(f"SELECT * FROM calls WHERE tool = '{tool}'"), what="the call reaching the server"
    )
    return str(run["id"])


def check_idempotent_call(api: Api, crm: Example, run_id: str) -> None:
    run = api.run_until(run_id, "succeeded", "failed", within_s=TAKEN_OVER_WITHIN_S)
    assert run["status"] == "succeeded", run["error"]
    assert run["result"] == {"text": "done with 300000"}
    assert len(crm.rows("SELECT * FROM contacts WHERE email = 'new@example.com'")) == 1
    calls = crm.rows("SELECT key FROM calls WHERE tool = 'create_contact'")
    assert len(calls) == 2
    assert len({call["key"] for call in calls}) == 1
    assert api.steps(run_id)["call"]["attempts"] == 2


def check_once_call(api: Api, crm: Example, run_id: str) -> None:
    run = api.run_until(run_id, "needs_attention", "succeeded", "failed", within_s=TAKEN_OVER_WITHIN_S)
    assert (run["status"], run["attention"]) == ("needs_attention", "outcome_unknown")
    assert api.steps(run_id)["call"]["status"] == "unknown"
    eventually(lambda: crm.rows("SELECT * FROM tickets"), what="the ticket")
    settled = {"outcome": "happened", "output": {"ticket_id": "T-00001", "status": "open"}}
    api("POST", f"/runs/{run_id}/steps/call/settle", settled)
    assert api.run_until(run_id, "succeeded", "failed")["status"] == "succeeded"
    assert len(crm.rows("SELECT * FROM tickets")) == 1
    assert len(crm.rows("SELECT * FROM calls WHERE tool = 'create_ticket'")) == 1


def start_agent(api: Api, crm: Example, model: ScriptedModel) -> str:
    """A run of an agent that has finished one call and is in the middle of the next one; two calls were made before."""
    model.says(
        "kills",
        [("crm__create_contact", {"email": "one@example.com"})],
        [("crm__create_contact", {"email": "two@example.com"})],
        "Both are there.",
    )
    body = {"slug": "script", "preset": "other", "base_url": model.url, "models": ["kills"]}
    api("POST", "/model-connections", body)
    tools = [{"server": "crm", "tool": "create_contact"}]
    agent = a_node("agent", "llm_agent", {"model": "script/kills", "goal": "Add both.", "tools": tools})
    graph = a_document(
        [
            a_node("start", "manual_trigger"),
            agent,
            a_node("tell", "reply", {"text": "{{ steps.agent.answer }}"}),
        ],
        "start>agent, agent>tell, agent.gave_up>tell",
    )
    workflow = published(api, "Agent", graph)
    run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
    eventually(lambda: len(agent_keys(crm)) == 2, what="the second call")
    return str(run["id"])


def agent_keys(crm: Example) -> list[str]:
    """The keys of calls that the agent's run made, a key again for a call that was repeated."""
    rows = crm.rows("SELECT key FROM calls WHERE tool = 'create_contact' ORDER BY id")
    return [row["key"] for row in rows][2:]


def check_agent(api: Api, crm: Example, model: ScriptedModel, run_id: str) -> None:
    run = api.run_until(run_id, "succeeded", "failed", within_s=TAKEN_OVER_WITHIN_S)
    assert (run["status"], run["result"]) == ("succeeded", {"text": "Both are there."})
    first, second, again = agent_keys(crm)
    assert first != second == again
    assert len(crm.rows("SELECT * FROM contacts WHERE email = 'two@example.com'")) == 1
    assert len(model.requests_to("kills")) == 3


def test_another_worker_goes_on_when_one_is_killed_in_mid_call(tmp_path: Path, slow_crm: Example) -> None:
    require_services()
    cluster = Cluster(tmp_path, number=1)
    try:
        cluster.start(workers=1)
        api = cluster.api("admin")
        register(api, slow_crm)
        first = start_call(api, slow_crm, "create_contact", CONTACT)
        second = start_call(api, slow_crm, "create_ticket", TICKET)
        cluster.workers[0].kill()
        cluster.add_worker()
        check_idempotent_call(api, slow_crm, first)
        check_once_call(api, slow_crm, second)
        with scripted_model() as model:
            third = start_agent(api, slow_crm, model)
            cluster.workers[-1].kill()
            cluster.add_worker()
            check_agent(api, slow_crm, model, third)
    finally:
        cluster.stop()


def test_a_restarted_installation_goes_on_where_it_was_killed(tmp_path: Path, slow_crm: Example) -> None:
    with one_process(tmp_path) as product:
        api = product.api("admin")
        register(api, slow_crm)
        first = start_call(api, slow_crm, "create_contact", CONTACT)
        second = start_call(api, slow_crm, "create_ticket", TICKET)
        assert product.process is not None
        product.process.kill()
        product.start()
        check_idempotent_call(api, slow_crm, first)
        check_once_call(api, slow_crm, second)
