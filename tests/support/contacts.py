"""A workflow that adds a contact to a CRM and replies with its id: one outside effect, for somebody who waits for the answer."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.support.product import Api, Example, a_document, a_node, published

_GRAPH = a_document(
    [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node(
            "asked",
            "condition",
            {
                "branches": [
                    {
                        "id": "yes",
                        "when": {"all": [{"left": "{{ trigger.body.email }}", "op": "is_not_empty"}]},
                    }
                ]
            },
        ),
        a_node(
            "call",
            "mcp_tool",
            {"server": "crm", "tool": "create_contact", "arguments": {"email": "{{ trigger.body.email }}"}},
        ),
        a_node("done", "reply", {"data": "{{ steps.call.contact_id }}"}),
        a_node("nothing", "reply", {"data": "nothing"}),
    ],
    "start>asked, asked.yes>call, call>done, asked.otherwise>nothing",
)


class Contacts:
    """The workflow, published in an installation, and what became of the contacts; a call without an address adds none."""

    def __init__(self, api: Api, crm: Example) -> None:
        self.api, self.crm = api, crm
        server = {"slug": "crm", "name": "CRM", "transport": "http", "url": f"{crm.url}/mcp", "enable": "all"}
        registered = api("POST", "/mcp-servers", server)
        assert api("POST", f"/mcp-servers/{registered['id']}/refresh")["status"] == "ok"
        self.workflow = published(api, "Add a contact", _GRAPH)

    def post(self, body: dict[str, Any]) -> httpx2.Response:
        return httpx2.post(self.workflow["hook"], json=body, timeout=60, trust_env=False)

    def runs_of(self, email: str) -> list[dict[str, Any]]:
        found = self.api("GET", f"/runs?workflow={self.workflow['id']}&limit=200")["items"]
        runs = [self.api("GET", f"/runs/{run['id']}") for run in found]
        return [run for run in runs if run["input"]["body"].get("email") == email]

    def contacts(self, email: str) -> int:
        return len(self.crm.rows(f"SELECT * FROM contacts WHERE email = '{email}'"))

    def answered_run(self, email: str) -> tuple[str, list[dict[str, Any]]]:
        """The id and the events of a run that was answered, and looks like any other whoever has inserted it."""
        answer = self.post({"email": email})
        run_id = answer.headers["x-run-id"]
        run = self.api("GET", f"/runs/{run_id}")
        assert (answer.status_code, run["status"], run["result"]) == (200, "succeeded", answer.json())
        assert run["created_at"] <= run["started_at"] <= run["ended_at"]
        told = self.api("GET", f"/runs/{run_id}/events")["items"]
        assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
        assert [event["type"] for event in told[:3]] == ["run.queued", "run.started", "step.started"]
        return run_id, told
