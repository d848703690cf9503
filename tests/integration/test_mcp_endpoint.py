"""Patchbay as an MCP server, asked by the official client in the newer and in the older protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from builder.accounts.matrix import MCP_TOOLS
from tests.support.product import Api, Embedded, a_document, a_node, manage, published

RUN_META = "patchbay.dev/run-id"
KEY_META = "patchbay.dev/idempotency-key"
TEXT_ARGUMENT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}

Token = Callable[[str], str]
Offer = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def token(product: Embedded) -> Token:
    """Role -> a token of the demo's person with it."""
    known: dict[str, str] = {}

    def of(role: str) -> str:
        known[role] = known.get(role) or product.token(role)
        return known[role]

    return of


@pytest.fixture(scope="module")
def stranger(product: Embedded) -> str:
    """A token of the admin of another workspace."""
    manage("create_workspace", "elsewhere", env=product.env)
    person = ("admin@demo.example", "--workspace", "elsewhere", "--role", "admin")
    manage("add_member", *person, env=product.env)
    return manage("create_token", "--user", *person, env=product.env)


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def offer(api: Api) -> Iterator[Offer]:
    """Publishes a workflow whose tool takes a text; archives it afterwards."""
    made = []

    def publish(name: str, nodes: list[dict[str, Any]], edges: str, **config: Any) -> dict[str, Any]:
        settings = {"name": name, "description": "For a test.", "input_schema": TEXT_ARGUMENT, **config}
        graph = a_document([a_node("start", "tool_trigger", settings), *nodes], edges)
        made.append(published(api, name, graph))
        return made[-1]

    yield publish
    for workflow in made:
        api("DELETE", f"/workflows/{workflow['id']}", expect=204)


@asynccontextmanager
async def connected(product: Embedded, token: str, mode: str = "auto") -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        transport = streamable_http_client(f"{product.base}/mcp", http_client=http)
        async with Client(transport, mode=mode, read_timeout_seconds=40) as client:
            yield client


async def error_of(client: Client, tool: str, arguments: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The error of a call that must fail; its text says the same."""
    result = await client.call_tool(tool, arguments, **options)
    assert result.is_error, result
    assert json.loads(result.content[0].text) == result.structured_content
    error: dict[str, Any] = result.structured_content["error"]
    assert {"code", "message", "retryable"} <= error.keys()
    return error


async def eventually(look: Callable[[], Any], what: str) -> Any:
    """What `look` finds, asked in a thread until it is truthy."""
    for _ in range(200):
        found = await asyncio.to_thread(look)
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{what} did not come true")


def a_question() -> dict[str, Any]:
    config = {"title": "May it?", "choices": [{"id": "yes", "title": "Yes"}, {"id": "no", "title": "No"}]}
    return a_node("ask", "human_handoff", config)


# --- what is offered --------------------------------------------------------------------------------------


async def test_workflows_and_own_tools_are_listed_with_their_definitions(
    product: Embedded, token: Token, mode: str
) -> None:
    async with connected(product, token("builder"), mode) as client:
        assert client.server_info is not None
        assert (client.server_info.name, bool(client.server_info.version)) == ("patchbay", True)
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    shop = tools["order_status"]
    assert shop.title == "Ask the shop"
    assert "Northwind Outdoor" in str(shop.description)
    assert shop.input_schema["required"] == ["order_id"]
    assert shop.output_schema is not None
    assert shop.output_schema["anyOf"][0]["properties"]["status"]["type"] == "string"
    assert list(tools)[-len(MCP_TOOLS) :] == list(MCP_TOOLS)
    for name in MCP_TOOLS:
        assert tools[name].input_schema["type"] == "object", name
        assert tools[name].annotations is not None, name
    assert tools["get_run"].output_schema is not None
    assert tools["get_run"].annotations.read_only_hint is True
    assert tools["run_workflow"].annotations.read_only_hint is False
    assert tools["cancel_run"].annotations.destructive_hint is True


@pytest.mark.parametrize(
    ("role", "wanted"),
    [
        ("viewer", {"list_workflows", "describe_workflow", "list_runs", "get_run"}),
        (
            "agent",
            {
                "list_workflows",
                "describe_workflow",
                "list_runs",
                "get_run",
                "list_inbox",
                "answer_inbox_item",
            },
        ),
        ("operator", {"list_workflows", "describe_workflow", "list_runs", "get_run", "cancel_run"}),
        ("builder", {"order_status", "late_parcel", *MCP_TOOLS}),
    ],
)
async def test_a_role_sees_and_gets_only_what_it_may_use(
    product: Embedded, token: Token, role: str, wanted: set[str]
) -> None:
    async with connected(product, token(role)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == wanted
        if "run_workflow" not in wanted:
            for name, arguments in (
                ("order_status", {"order_id": "12345"}),
                ("run_workflow", {"workflow": "ask-the-shop"}),
            ):
                assert (await error_of(client, name, arguments))["code"] == "FORBIDDEN"
        if "list_inbox" not in wanted:
            assert (await error_of(client, "list_inbox", {}))["code"] == "FORBIDDEN"


async def test_another_workspace_sees_nothing_of_this_one(
    product: Embedded, api: Api, token: Token, stranger: str
) -> None:
    run = api("GET", "/runs?limit=1")["items"][0]
    async with connected(product, stranger) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == list(MCP_TOOLS)
        assert (await client.call_tool("list_workflows", {})).structured_content["items"] == []
        assert (await client.call_tool("list_runs", {})).structured_content["items"] == []
        assert (await client.list_resources()).resources == []
        with pytest.raises(MCPError, match="There is no tool"):
            await client.call_tool("order_status", {"order_id": "12345"})
        for tool in ("get_run", "cancel_run"):
            foreign = await error_of(client, tool, {"run_id": run["id"]})
            missing = await error_of(client, tool, {"run_id": str(uuid4())})
            assert foreign["code"] == missing["code"] == "RUN_NOT_FOUND"
        foreign = await error_of(client, "run_workflow", {"workflow": "ask-the-shop"})
        assert foreign["code"] == "WORKFLOW_NOT_FOUND"
        for uri in (f"patchbay://runs/{run['id']}", "patchbay://workflows/ask-the-shop"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)


# --- calling ----------------------------------------------------------------------------------------------


async def test_a_call_is_answered_with_the_reply(
    product: Embedded, api: Api, token: Token, mode: str
) -> None:
    async with connected(product, token("builder"), mode) as client:
        result = await client.call_tool("order_status", {"order_id": "12345"})

    assert not result.is_error
    assert result.structured_content["status"] == "in_transit"
    assert json.loads(result.content[0].text) == result.structured_content
    run = api("GET", f"/runs/{result.meta[RUN_META]}")
    assert (run["status"], run["trigger"], run["started_by"]) == (
        "succeeded",
        "start",
        "builder@demo.example",
    )
    assert run["input"] == {"order_id": "12345"}


async def test_a_reply_that_is_a_text_is_read_as_one(
    product: Embedded, token: Token, offer: Offer, mode: str
) -> None:
    offer(f"echo_{mode}", [a_node("say", "reply", {"text": "You said {{ trigger.text }}."})], "start>say")
    async with connected(product, token("builder"), mode) as client:
        result = await client.call_tool(f"echo_{mode}", {"text": "hello"})

    assert result.content[0].text == "You said hello."
    assert result.structured_content == {"text": "You said hello."}


async def test_a_reply_that_is_a_list_comes_as_text_alone(
    product: Embedded, token: Token, offer: Offer, mode: str
) -> None:
    offer(f"list_{mode}", [a_node("say", "reply", {"data": ["{{ trigger.text }}", 2]})], "start>say")
    async with connected(product, token("builder"), mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        result = await client.call_tool(f"list_{mode}", {"text": "one"})

    assert tools[f"list_{mode}"].output_schema is None
    assert (result.content[0].text, result.structured_content) == ('["one", 2]', None)


async def test_failures_are_results_that_a_model_can_read(
    product: Embedded, token: Token, offer: Offer, mode: str
) -> None:
    offer(f"silent_{mode}", [a_node("end", "stop", {"outcome": "success", "message": ""})], "start>end")
    async with connected(product, token("builder"), mode) as client:
        failed = await error_of(client, "order_status", {"order_id": "99999"})
        assert (failed["code"], failed["retryable"]) == ("mcp_tool_error", False)
        seen = await client.call_tool("get_run", {"run_id": failed["run_id"]})
        assert seen.structured_content["status"] == "failed"
        assert seen.structured_content["error"]["node"] == "lookup"

        wrong = await error_of(client, "order_status", {"order_id": "x", "colour": "red"})
        assert wrong["code"] == "INVALID_INPUT"
        assert {row["field"] for row in wrong["details"]["fields"]} == {"order_id", "colour"}
        assert (await error_of(client, "order_status", {}))["code"] == "INVALID_INPUT"
        for tool, arguments, code in (
            ("describe_workflow", {"workflow": "nothing"}, "WORKFLOW_NOT_FOUND"),
            ("describe_workflow", {"workflo": "nothing"}, "INVALID_INPUT"),
            ("run_workflow", {"workflow": "order-status", "trigger": "nothing"}, "INVALID_INPUT"),
            ("run_workflow", {"workflow": "order-status", "wait_s": 26}, "INVALID_INPUT"),
            ("get_run", {"run_id": str(uuid4())}, "RUN_NOT_FOUND"),
            ("get_run", {"run_id": "nothing"}, "INVALID_INPUT"),
            ("answer_inbox_item", {"item_id": str(uuid4()), "choice": "yes"}, "INBOX_ITEM_NOT_FOUND"),
            ("cancel_run", {"run_id": failed["run_id"]}, "ALREADY_ENDED"),
        ):
            assert (await error_of(client, tool, arguments))["code"] == code
        with pytest.raises(MCPError, match="There is no tool"):
            await client.call_tool("nothing", {})
        silent = await client.call_tool(f"silent_{mode}", {"text": ""})
        assert silent.structured_content["status"] == "succeeded"
        assert "without a reply" in silent.structured_content["message"]


async def test_progress_is_told_while_a_call_goes_on(product: Embedded, token: Token, mode: str) -> None:
    told: list[tuple[float, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with connected(product, token("builder"), mode) as client:
        await client.call_tool("order_status", {"order_id": "12345"}, progress_callback=note)

    numbers = [number for number, _ in told]
    assert len(numbers) >= 3
    assert numbers == sorted(set(numbers))
    assert "Look up the order: succeeded" in [message for _, message in told]


async def test_the_same_key_starts_one_run(product: Embedded, token: Token, mode: str) -> None:
    key = {KEY_META: str(uuid4())}
    async with connected(product, token("builder"), mode) as client:
        first = await client.call_tool("order_status", {"order_id": "12345"}, meta=key)
        again = await client.call_tool("order_status", {"order_id": "12345"}, meta=key)
        other = await error_of(client, "order_status", {"order_id": "12348"}, meta=key)
        no_key = await error_of(client, "order_status", {"order_id": "12345"}, meta={KEY_META: 5})

    assert first.meta[RUN_META] == again.meta[RUN_META]
    assert first.structured_content == again.structured_content
    assert (other["code"], no_key["code"]) == ("IDEMPOTENCY_MISMATCH", "INVALID_INPUT")


async def test_a_run_that_waits_for_a_person_is_answered_by_a_handle(
    product: Embedded, token: Token, offer: Offer, mode: str
) -> None:
    name = f"approve_{mode}"
    offer(
        name,
        [a_question(), a_node("say", "reply", {"data": {"answer": "{{ steps.ask.choice }}"}})],
        "start>ask, ask.yes>say, ask.no>say",
    )
    async with connected(product, token("builder"), mode) as client:
        handle = (await client.call_tool(name, {"text": "please"})).structured_content
        assert handle["status"] == "waiting"
        assert "get_run" in handle["message"]
        run_id = handle["run_id"]
        seen = (await client.call_tool("get_run", {"run_id": run_id})).structured_content
        assert (seen["replied"], seen["result"]) == (False, None)
        assert "May it?" in seen["message"]
        items = (await client.call_tool("list_inbox", {})).structured_content["items"]
        item = next(item for item in items if item["run_id"] == run_id)
        assert [choice["id"] for choice in item["choices"]] == ["yes", "no"]

        wrong = await error_of(client, "answer_inbox_item", {"item_id": item["item_id"], "choice": "maybe"})
        assert wrong["code"] == "INVALID_CHOICE"
        given = {"item_id": item["item_id"], "choice": "yes", "comment": "Fine."}
        answered = await client.call_tool("answer_inbox_item", given)
        assert answered.structured_content["status"] == "answered"
        late = await error_of(client, "answer_inbox_item", given)
        assert late["code"] == "ALREADY_ANSWERED"

        for _ in range(100):
            seen = (await client.call_tool("get_run", {"run_id": run_id})).structured_content
            if seen["status"] == "succeeded":
                break
            await asyncio.sleep(0.1)
        assert (seen["status"], seen["result"]) == ("succeeded", {"answer": "yes"})
        assert [step["path"] for step in seen["steps"]] == ["start", "ask", "say"]


async def test_a_run_that_takes_long_is_answered_by_a_handle_and_can_be_cancelled(
    product: Embedded, api: Api, token: Token, offer: Offer, mode: str
) -> None:
    name = f"slow_{mode}"
    workflow = offer(name, [a_node("pause", "wait", {"for_s": 600})], "start>pause")
    async with connected(product, token("builder"), mode) as client:
        given = {"workflow": workflow["slug"], "input": {"text": "x"}, "wait_s": 0.5}
        handle = (await client.call_tool("run_workflow", given)).structured_content
        assert handle["status"] in {"queued", "running", "waiting"}
        asked = await client.call_tool("cancel_run", {"run_id": handle["run_id"], "reason": "Too slow."})
        assert asked.structured_content["run_id"] == handle["run_id"]
        listed = await client.call_tool("list_runs", {"workflow": workflow["slug"]})
        assert [row["run_id"] for row in listed.structured_content["items"]] == [handle["run_id"]]

    ended = await asyncio.to_thread(api.run_until, handle["run_id"], "cancelled", "succeeded")
    assert ended["status"] == "cancelled"


async def test_a_cancelled_call_cancels_its_run(
    product: Embedded, api: Api, token: Token, offer: Offer, mode: str
) -> None:
    name = f"endless_{mode}"
    workflow = offer(name, [a_node("pause", "wait", {"for_s": 600})], "start>pause")
    async with connected(product, token("builder"), mode) as client:
        call = asyncio.create_task(client.call_tool(name, {"text": "x"}))
        address = f"/runs?workflow={workflow['id']}&status=waiting"
        run = (await eventually(lambda: api("GET", address)["items"], "the run waiting"))[0]
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        ended = await asyncio.to_thread(api.run_until, run["id"], "cancelled", "succeeded")

    assert ended["status"] == "cancelled"


async def test_a_caller_with_a_key_may_go_and_come_back(
    product: Embedded, api: Api, token: Token, offer: Offer
) -> None:
    workflow = offer(
        "patient",
        [a_node("pause", "wait", {"for_s": 3}), a_node("say", "reply", {"text": "done"})],
        "start>pause, pause>say",
    )
    key = {KEY_META: str(uuid4())}
    async with connected(product, token("builder")) as client:
        call = asyncio.create_task(client.call_tool("patient", {"text": "x"}, meta=key))
        await eventually(lambda: api("GET", f"/runs?workflow={workflow['id']}")["items"], "the run")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        result = await client.call_tool("patient", {"text": "x"}, meta=key)

    assert result.content[0].text == "done"
    assert len(api("GET", f"/runs?workflow={workflow['id']}")["items"]) == 1


# --- resources and the prompt -----------------------------------------------------------------------------


async def test_workflows_versions_and_runs_are_resources(
    product: Embedded, api: Api, token: Token, mode: str
) -> None:
    run = api("GET", "/runs?status=succeeded&limit=1")["items"][0]
    async with connected(product, token("viewer"), mode) as client:
        listed = {str(resource.uri) for resource in (await client.list_resources()).resources}
        templates = (await client.list_resource_templates()).resource_templates
        workflow = await read_json(client, "patchbay://workflows/ask-the-shop")
        version = await read_json(client, "patchbay://workflows/ask-the-shop/versions/1")
        seen = await read_json(client, f"patchbay://runs/{run['id']}")
        for uri in (
            "patchbay://workflows/nothing",
            "patchbay://workflows/ask-the-shop/versions/99",
            "patchbay://runs/nothing",
            "other://x",
        ):
            with pytest.raises(MCPError) as refused:
                await client.read_resource(uri)
            assert refused.value.code == (-32602 if mode == "auto" else -32002)

    assert "patchbay://workflows/ask-the-shop" in listed
    assert len(templates) == 3
    assert (workflow["tools"], workflow["triggers"][0]["id"]) == (["order_status"], "start")
    assert version["graph"]["nodes"][0]["type"] == "tool_trigger"
    assert (seen["run_id"], seen["status"]) == (run["id"], "succeeded")


async def read_json(client: Client, uri: str) -> Any:
    content = (await client.read_resource(uri)).contents[0]
    assert content.mime_type == "application/json"
    return json.loads(content.text)


async def test_the_prompt_says_what_this_role_can_do(product: Embedded, token: Token, mode: str) -> None:
    async with connected(product, token("builder"), mode) as client:
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["use_this_workspace"]
        told = await client.get_prompt("use_this_workspace", {"task": "Where is 12345?"})
        with pytest.raises(MCPError):
            await client.get_prompt("nothing")
    async with connected(product, token("viewer"), mode) as client:
        less = await client.get_prompt("use_this_workspace")

    assert "order_status" in told.messages[0].content.text
    assert "Where is 12345?" in told.messages[0].content.text
    assert "order_status" not in less.messages[0].content.text


# --- publishing -------------------------------------------------------------------------------------------


def a_tool(name: str, **config: Any) -> dict[str, Any]:
    settings = {"name": name, "description": "For a test.", **config}
    return a_document(
        [a_node("start", "tool_trigger", settings), a_node("say", "reply", {"text": "Hi"})], "start>say"
    )


@pytest.mark.parametrize("name", ["order_status", "list_workflows"])
def test_a_name_that_is_taken_is_refused_at_publish(api: Api, name: str) -> None:
    workflow = api("POST", "/workflows", {"name": "Second", "graph": a_tool(name)})
    refused = api("POST", f"/workflows/{workflow['id']}/publish", {}, expect=422)
    assert refused["code"] == "invalid_graph"
    problem = refused["details"]["problems"][0]
    assert (problem["node"], problem["field"], problem["code"]) == ("start", "name", "tool_name_taken")
    assert "Choose another name" in problem["message"]
    api("DELETE", f"/workflows/{workflow['id']}", expect=204)


def test_two_triggers_of_one_workflow_need_two_names(api: Api) -> None:
    graph = a_document(
        [
            a_node("one", "tool_trigger", {"name": "twice", "description": "A"}),
            a_node("two", "tool_trigger", {"name": "twice", "description": "B"}),
            a_node("say", "reply", {"text": "Hi"}),
        ],
        "one>say, two>say",
    )
    workflow = api("POST", "/workflows", {"name": "Twice", "graph": graph})
    refused = api("POST", f"/workflows/{workflow['id']}/publish", {}, expect=422)
    assert [problem["node"] for problem in refused["details"]["problems"]] == ["two"]
    api("DELETE", f"/workflows/{workflow['id']}", expect=204)


async def test_a_name_is_free_again_after_the_archive_and_a_paused_workflow_offers_nothing(
    product: Embedded, api: Api, token: Token
) -> None:
    first = published(api, "First", a_tool("for_rent"))
    api("POST", f"/workflows/{first['id']}/pause")
    async with connected(product, token("builder")) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "for_rent" not in names
        with pytest.raises(MCPError, match="There is no tool"):
            await client.call_tool("for_rent", {})
    second = api("POST", "/workflows", {"name": "Second", "graph": a_tool("for_rent")})
    api("POST", f"/workflows/{second['id']}/publish", {}, expect=422)
    api("DELETE", f"/workflows/{first['id']}", expect=204)
    api("POST", f"/workflows/{second['id']}/publish", {})
    async with connected(product, token("builder")) as client:
        assert (await client.call_tool("for_rent", {})).content[0].text == "Hi"
    api("DELETE", f"/workflows/{second['id']}", expect=204)


def test_arguments_are_checked_for_every_way_to_start(api: Api) -> None:
    workflow = api.workflow("ask-the-shop")
    refused = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {"order_id": "x"}}, expect=422)
    assert (refused["code"], refused["details"]["fields"][0]["field"]) == ("invalid_input", "order_id")


# --- who is let in ----------------------------------------------------------------------------------------


def post(product: Embedded, headers: dict[str, str], body: Any = None) -> httpx2.Response:
    message = body or {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    usual = {"Accept": "application/json, text/event-stream"}
    return httpx2.post(
        f"{product.base}/mcp", headers={**usual, **headers}, json=message, trust_env=False, timeout=20
    )


@pytest.mark.parametrize(
    "authorization", [None, "Bearer", "Bearer nothing", "Basic YTpi", "Bearer pbt_" + "x" * 43]
)
def test_without_a_valid_token_nobody_is_let_in(product: Embedded, authorization: str | None) -> None:
    response = post(product, {"Authorization": authorization} if authorization is not None else {})
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Bearer realm="Patchbay"')


def test_a_session_cookie_is_no_token(product: Embedded) -> None:
    assert post(product, {"Cookie": "patchbay_session=anything"}).status_code == 401


def test_a_revoked_token_is_refused_at_once(product: Embedded) -> None:
    plain = product.token("viewer")
    api = Api(product.base, plain)
    assert post(product, {"Authorization": f"Bearer {plain}"}).status_code == 200
    own = next(row for row in api("GET", "/tokens")["items"] if plain.startswith(row["hint"]))
    api("DELETE", f"/tokens/{own['id']}", expect=204)
    assert post(product, {"Authorization": f"Bearer {plain}"}).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:6274"}, 200),
    ],
)
def test_foreign_hosts_and_pages_are_refused(
    product: Embedded, token: Token, headers: dict[str, str], status: int
) -> None:
    response = post(product, {"Authorization": f"Bearer {token('viewer')}", **headers})
    assert response.status_code == status


def test_a_body_that_is_too_large_is_refused(product: Embedded, token: Token) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": {"x": "y" * 2_200_000}}}
    response = post(product, {"Authorization": f"Bearer {token('viewer')}"}, body)
    assert response.status_code == 413


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
def test_only_posts_are_taken_and_a_browser_is_shown_the_help(
    product: Embedded, token: Token, method: str
) -> None:
    headers = {"Authorization": f"Bearer {token('viewer')}", "Accept": "text/event-stream"}
    response = httpx2.request(method, f"{product.base}/mcp", headers=headers, trust_env=False)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    page = httpx2.get(f"{product.base}/mcp", headers={"Accept": "text/html"}, trust_env=False)
    assert (page.status_code, page.headers["location"]) == (302, "/settings/mcp")


def test_what_is_no_message_is_told_so(product: Embedded, token: Token) -> None:
    headers = {"Authorization": f"Bearer {token('viewer')}", "Content-Type": "application/json"}
    accept = {"Accept": "application/json, text/event-stream"}
    for body in (b"", b"{", b"[]", b'"notifications/cancelled"', b'{"method": "initialize", "params": 5}'):
        response = httpx2.post(
            f"{product.base}/mcp", headers={**headers, **accept}, content=body, trust_env=False
        )
        assert response.status_code == 400, body


# --- a restart --------------------------------------------------------------------------------------------


@pytest.mark.timeout(240)
async def test_a_shutdown_cancels_no_run_that_somebody_waits_for(tmp_path: Path, mode: str) -> None:
    own = Embedded(tmp_path)
    await asyncio.to_thread(own.start)
    try:
        token = own.token("admin")
        api = Api(own.base, token)
        settings = {"name": "endless", "description": "For a test.", "input_schema": TEXT_ARGUMENT}
        nodes = [a_node("start", "tool_trigger", settings), a_node("pause", "wait", {"for_s": 600})]
        workflow = published(api, "Endless", a_document(nodes, "start>pause"))
        call = asyncio.create_task(lost_call(own, token, mode))
        address = f"/runs?workflow={workflow['id']}&status=waiting"
        run = (await eventually(lambda: api("GET", address)["items"], "the run waiting"))[0]
        await asyncio.to_thread(own.stop)
        await asyncio.wait_for(call, 20)
        await asyncio.to_thread(own.start)
        assert api("GET", f"/runs/{run['id']}")["status"] == "waiting"
    finally:
        await asyncio.to_thread(own.stop)


async def lost_call(product: Embedded, token: str, mode: str) -> None:
    """A call whose server goes away meanwhile."""
    with contextlib.suppress(Exception):
        async with connected(product, token, mode) as client:
            await client.call_tool("endless", {"text": "x"})
