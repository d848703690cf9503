"""What an admin decides about a tool holds: while drawing, at publish, and for each call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.pliable_mcp import Pliable, a_tool, pliable_mcp
from tests.support.product import Api, Embedded, a_document, a_node, eventually, published

TEXT = {"type": "string"}
CUSTOMER = {"type": "object", "properties": {"id": {"type": "integer"}, "name": TEXT}}
ITEMS = {"type": "array", "items": {"type": "object", "properties": {"sku": TEXT}}}


@pytest.fixture(scope="module")
def pliable() -> Iterator[Pliable]:
    with pliable_mcp() as server:
        server.tools = [
            a_tool(name, reads=True, text=TEXT, folder=TEXT)
            for name in (
                "look",
                "limited",
                "slow_lane",
                "kept",
                "asked",
                "asked_and_broken",
                "declined",
                "forgotten",
                "tried",
            )
        ]
        server.tools.append(a_tool("nested", reads=True, customer=CUSTOMER, items=ITEMS))
        yield server


@pytest.fixture(scope="module")
def server(api: Api, pliable: Pliable) -> Iterator[str]:
    """The registered server's id."""
    body = {"slug": "pliable", "name": "Pliable", "transport": "http", "url": pliable.url, "enable": "all"}
    row = api("POST", "/mcp-servers", body)
    assert api("POST", f"/mcp-servers/{row['id']}/refresh")["status"] == "ok"
    yield row["id"]
    api("DELETE", f"/mcp-servers/{row['id']}")


def a_call(tool: str, arguments: dict[str, Any], **settings: Any) -> dict[str, Any]:
    node = a_node("call", "mcp_tool", {"server": "pliable", "tool": tool, "arguments": arguments})
    if settings:
        node["settings"] = settings
    fields = [{"id": "text", "kind": "text", "required": True}]
    return a_document([a_node("start", "manual_trigger", {"fields": fields}), node], "start>call")


def policies(api: Api, server: str, tool: str, **changes: Any) -> dict[str, Any]:
    changed: dict[str, Any] = api("PATCH", f"/mcp-servers/{server}/tools/{tool}", changes)
    return changed


def started(api: Api, name: str, graph: dict[str, Any], text: str = "hello") -> dict[str, Any]:
    workflow = published(api, name, graph)
    run: dict[str, Any] = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"text": text}})
    return run


def errors_in(refused: dict[str, Any]) -> list[tuple[str, str]]:
    rows = refused["details"]["problems"]
    return [(row["field"], row["code"]) for row in rows if row["severity"] == "error"]


def inbox_item(api: Api, run: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        items = api("GET", "/inbox")["items"]
        return next((item for item in items if item["run"] == run["id"]), None)

    return eventually(look, what="the question in the inbox")


def test_policies_are_stored_shown_and_audited(api: Api, server: str) -> None:
    wanted = {
        "enabled": True,
        "effect": "idempotent",
        "timeout_s": 5.0,
        "rate": 100,
        "approval": None,
        "arguments": {"folder": {"pattern": "/srv/.*"}},
        "used_by": ["one-workflow"],
    }

    shown = policies(api, server, "look", **wanted)

    assert wanted.items() <= shown.items()
    entry = next(row for row in api("GET", "/audit")["items"] if row["verb"] == "mcp_tool.change")
    assert entry["details"]["policies"]["rate"] == 100
    cleared = policies(api, server, "look", rate=None, arguments=None, used_by=None)
    assert (cleared["rate"], cleared["arguments"], cleared["used_by"]) == (None, {}, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"arguments": {"folder": {"pattern": "("}}}, "arguments/folder"),
        ({"arguments": {"folder": {}}}, "arguments/folder"),
        ({"arguments": {"a//b": {"value": 1}}}, "arguments/a//b"),
        ({"used_by": ["No Slug"]}, "used_by"),
        ({"approval": {"kind": "role", "value": "viewer"}}, "approval"),
        ({"approval": {"kind": "person", "value": "someone"}}, "approval"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_at_its_field(
    api: Api, server: str, change: dict[str, Any], field: str
) -> None:
    refused = api("PATCH", f"/mcp-servers/{server}/tools/look", change, expect=422)

    assert [row["field"] for row in refused["details"]["fields"]] == [field]


def test_a_limited_argument_is_refused_while_drawing_and_at_the_call(
    api: Api, server: str, pliable: Pliable
) -> None:
    policies(api, server, "limited", arguments={"folder": {"value": "/srv"}, "text": {"pattern": "[a-z]+"}})
    drawn = a_call("limited", {"folder": "/etc", "text": "{{ trigger.text }}"})
    workflow = api("POST", "/workflows", {"name": "Limited", "graph": drawn})

    refused = api("POST", f"/workflows/{workflow['id']}/publish", {}, expect=422)

    assert errors_in(refused) == [("arguments/folder", "mcp_argument_refused")]
    graph = a_call("limited", {"folder": "/srv", "text": "{{ trigger.text }}"})
    run = api.run_until(started(api, "Limited at run time", graph, text="UP!")["id"], "failed", "succeeded")
    assert (run["error"]["code"], run["error"]["details"]["field"]) == ("mcp_argument_refused", "text")
    run = api.run_until(started(api, "Within limits", graph, text="fine")["id"], "failed", "succeeded")
    assert run["status"] == "succeeded", run["error"]
    tried = api(
        "POST",
        f"/mcp-servers/{server}/tools/limited/call",
        {"arguments": {"folder": "/etc"}},
        expect=422,
    )
    assert tried["code"] == "mcp_argument_refused"
    assert [call for call in pliable.calls if call[0] == "limited"] == [
        ("limited", {"folder": "/srv", "text": "fine"})
    ]


def test_limits_hold_inside_of_objects_and_lists_and_the_approver_sees_them(
    api: Api, server: str, pliable: Pliable
) -> None:
    limits = {"customer/id": {"value": 7}, "items/sku": {"pattern": "A[0-9]+"}}
    policies(api, server, "nested", arguments=limits, approval={"kind": "anyone"})
    drawn = a_call("nested", {"customer": {"id": 8}, "items": [{"sku": "A1"}, {"sku": "B1"}]})
    workflow = api("POST", "/workflows", {"name": "Nested limits", "graph": drawn})

    refused = api("POST", f"/workflows/{workflow['id']}/publish", {}, expect=422)

    assert errors_in(refused) == [
        ("arguments/customer/id", "mcp_argument_refused"),
        ("arguments/items/sku", "mcp_argument_refused"),
    ]
    graph = a_call("nested", {"customer": {"id": 7}, "items": [{"sku": "A1"}, {"sku": "{{ trigger.text }}"}]})
    ended = api.run_until(started(api, "Nested, wrong", graph, "B1")["id"], "failed", "succeeded")
    assert ended["error"]["details"]["field"] == "items/sku"
    run = started(api, "Nested, right", graph, "A2")
    item = inbox_item(api, run)
    told = {"label": "An admin decided", "value": ["customer.id must be 7", "items.sku must fit A[0-9]+"]}
    assert told in item["data"]
    assert {"label": "items", "value": [{"sku": "A1"}, {"sku": "A2"}]} in item["data"]
    api("POST", f"/inbox/{item['id']}/answer", {"choice": "approve", "answers": {}}, expect=200)
    assert api.run_until(run["id"], "succeeded", "failed")["status"] == "succeeded"
    assert [call for call in pliable.calls if call[0] == "nested"] == [
        ("nested", {"customer": {"id": 7}, "items": [{"sku": "A1"}, {"sku": "A2"}]})
    ]


def test_a_tool_that_is_kept_for_one_workflow_serves_no_other(api: Api, server: str) -> None:
    policies(api, server, "kept", used_by=["the-one"])

    assert published(api, "The one", a_call("kept", {}))["slug"] == "the-one"
    other = api("POST", "/workflows", {"name": "Another", "graph": a_call("kept", {})})
    refused = api("POST", f"/workflows/{other['id']}/publish", {}, expect=422)
    assert errors_in(refused) == [("tool", "mcp_tool_reserved")]

    policies(api, server, "kept", used_by=None)
    run = started(api, "Published in time", a_call("kept", {}))
    assert api.run_until(run["id"], "succeeded", "failed")["status"] == "succeeded"
    policies(api, server, "kept", used_by=["the-one"])
    run = api("POST", f"/workflows/{run['workflow']}/runs", {"input": {"text": "x"}})
    assert api.run_until(run["id"], "failed", "succeeded")["error"]["code"] == "mcp_tool_reserved"


def test_calls_over_the_rate_wait_and_are_not_charged_as_tries(
    api: Api, server: str, pliable: Pliable
) -> None:
    policies(api, server, "slow_lane", rate=1, effect="once")
    # A call uses the minute up; should the minute change just now, the second one does.
    api("POST", f"/mcp-servers/{server}/tools/slow_lane/call", {"arguments": {}}, expect=200)
    graph = a_call("slow_lane", {})
    runs = [started(api, f"Slow lane {number}", graph) for number in (1, 2)]

    def held() -> dict[str, Any] | None:
        for run in runs:
            step = api.steps(run["id"]).get("call")
            if step and step["status"] == "waiting" and step["error"]:
                return step
        return None

    step = eventually(held, what="a call being held back")

    assert step["error"]["code"] == "mcp_rate_limited"
    assert step["error"]["details"]["retry_after_s"] > 0
    assert len([call for call in pliable.calls if call[0] == "slow_lane"]) <= 2
    for run in runs:
        api("POST", f"/runs/{run['id']}/cancel", {}, expect=200)


def test_a_call_that_needs_an_approval_waits_shows_its_arguments_and_is_made_once(
    api: Api, server: str, pliable: Pliable
) -> None:
    policies(api, server, "asked", approval={"kind": "role", "value": "builder"}, effect="once")
    run = started(api, "Asks first", a_call("asked", {"text": "{{ trigger.text }}", "folder": "/srv"}), "42")

    item = inbox_item(api, run)

    assert {"label": "text", "value": "42"} in item["data"]
    assert [choice["id"] for choice in item["choices"]] == ["approve", "decline"]
    assert [call for call in pliable.calls if call[0] == "asked"] == []
    api("POST", f"/inbox/{item['id']}/answer", {"choice": "approve", "answers": {}}, expect=200)
    ended = api.run_until(run["id"], "succeeded", "failed", "needs_attention")
    assert ended["status"] == "succeeded", ended["error"]
    assert [call for call in pliable.calls if call[0] == "asked"] == [
        ("asked", {"text": "42", "folder": "/srv"})
    ]
    assert api.steps(run["id"])["call"]["attempts"] == 1


def test_a_declined_call_is_never_made(api: Api, server: str, pliable: Pliable) -> None:
    policies(api, server, "declined", approval={"kind": "anyone"})
    run = started(api, "Declined", a_call("declined", {}))
    item = inbox_item(api, run)

    body = {"choice": "decline", "answers": {}, "comment": "Not today."}
    api("POST", f"/inbox/{item['id']}/answer", body, expect=200)

    ended = api.run_until(run["id"], "succeeded", "failed")
    assert ended["error"]["code"] == "approval_declined"
    assert "Not today." in ended["error"]["message"]
    assert [call for call in pliable.calls if call[0] == "declined"] == []


def test_a_call_that_nobody_agreed_to_in_time_is_never_made(api: Api, server: str, pliable: Pliable) -> None:
    stored = policies(api, server, "forgotten", approval={"kind": "anyone", "due_in_s": 0.5})
    assert stored["approval"]["due_in_s"] == 0.5
    run = started(api, "Forgotten", a_call("forgotten", {}))

    ended = api.run_until(run["id"], "succeeded", "failed")
    assert (ended["error"]["code"], ended["error"]["retryable"]) == ("approval_timed_out", False)
    [item] = [row for row in api("GET", "/inbox?status=all")["items"] if row["run"] == run["id"]]
    assert item["status"] == "expired"
    assert [call for call in pliable.calls if call[0] == "forgotten"] == []
    late = {"choice": "approve", "answers": {}}
    assert api("POST", f"/inbox/{item['id']}/answer", late, expect=409)["code"]


def test_an_approval_holds_for_the_later_attempts_at_the_same_call(
    api: Api, server: str, pliable: Pliable
) -> None:
    policies(api, server, "asked_and_broken", approval={"kind": "anyone"}, effect="none")
    retry = {"attempts": 2, "first_delay_s": 0.3, "factor": 1}
    run = started(api, "Approved and broken", a_call("asked_and_broken", {}, retry=retry))
    item = inbox_item(api, run)
    pliable.status = 503

    api("POST", f"/inbox/{item['id']}/answer", {"choice": "approve", "answers": {}}, expect=200)

    ended = api.run_until(run["id"], "succeeded", "failed")
    pliable.status = 200
    assert ended["error"]["code"] == "mcp_protocol_error"
    assert len([call for call in pliable.calls if call[0] == "asked_and_broken"]) == 2
    of_run = [row for row in api("GET", "/inbox?status=all")["items"] if row["run"] == run["id"]]
    assert len(of_run) == 1


def test_only_admins_try_a_tool_whose_calls_need_an_approval(
    api: Api, product: Embedded, server: str
) -> None:
    policies(api, server, "tried", approval={"kind": "anyone"})
    path = f"/mcp-servers/{server}/tools/tried/call"

    refused = product.api("builder")("POST", path, {"arguments": {}}, expect=403)

    assert refused["code"] == "approval_needed"
    assert "tried done" in api("POST", path, {"arguments": {}}, expect=200)["text"]
