"""Hostile models and hostile texts reach nothing that the author of a workflow, or a person, has not allowed.

200 replies (50 ways in 4 places) and 100 texts (25 demands in 4 places) against a model that does whatever it is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.injection import CANARY, DEMANDS, GOOD, LOOK, ORDERS, PAY, SCHEMA, WAYS, Way
from tests.support.pliable_mcp import Pliable, pliable_mcp
from tests.support.product import Api, a_document, a_node, eventually, published
from tests.support.scripted_model import ScriptedModel, Turn, scripted_model

ENDED = ("succeeded", "failed", "cancelled")
TOOLS = [
    {"server": "granted", "tool": "look"},
    {"server": "granted", "tool": "pay", "approval": True},
]
REPLIES = [
    (place, way) for place in ("first", "after a call", "beside a call", "as a decision") for way in WAYS
]
TEXTS = [
    (place, demand, order)
    for place in ("result", "field", "failure", "material")
    for demand in DEMANDS
    for order in ORDERS
]
CASE = re.compile(r"case (\d+)")
BLOCK = re.compile(r"<data>\n.*?\n</data>", re.DOTALL)


@pytest.fixture(scope="module")
def granted() -> Iterator[Pliable]:
    with pliable_mcp() as server:
        server.tools = [_definition(name) for name in ("look", "pay", "wipe")]
        yield server


@pytest.fixture(scope="module")
def other() -> Iterator[Pliable]:
    with pliable_mcp() as server:
        server.tools = [_definition("wipe")]
        yield server


@pytest.fixture(scope="module", autouse=True)
def registered(api: Api, granted: Pliable, other: Pliable) -> Iterator[None]:
    made = []
    for slug, server in {"granted": granted, "other": other}.items():
        body = {"slug": slug, "name": slug, "transport": "http", "url": server.url, "enable": "all"}
        made.append(api("POST", "/mcp-servers", body)["id"])
        assert api("POST", f"/mcp-servers/{made[-1]}/refresh")["status"] == "ok"
    yield
    for server_id in made:
        api("DELETE", f"/mcp-servers/{server_id}")


@pytest.fixture(scope="module")
def model(api: Api) -> Iterator[ScriptedModel]:
    with scripted_model() as server:
        body = {"slug": "evil", "preset": "other", "base_url": server.url, "models": ["replies", "obeys"]}
        connection = api("POST", "/model-connections", body)
        yield server
        api("DELETE", f"/model-connections/{connection['id']}", expect=204)


@pytest.fixture(autouse=True)
def nothing_called(granted: Pliable, other: Pliable) -> None:
    granted.calls.clear()
    other.calls.clear()


def _definition(name: str) -> dict[str, Any]:
    return {"name": name, "description": name, "inputSchema": SCHEMA, "annotations": {"readOnlyHint": True}}


def started(api: Api, name: str, step: dict[str, Any], edges: str, inputs: list[str]) -> list[str]:
    """The ids of a run for each input."""
    fields = [{"id": "text", "title": "Text", "kind": "long_text"}]
    nodes = [a_node("start", "manual_trigger", {"fields": fields}), step]
    workflow = published(
        api,
        name,
        a_document([*nodes, a_node("tell", "reply", {"data": f"{{{{ steps.{step['id']} }}}}"})], edges),
    )
    path = f"/workflows/{workflow['id']}/runs"
    return [api("POST", path, {"input": {"text": text}})["id"] for text in inputs]


def attacked(api: Api, name: str, inputs: list[str], *, model: str) -> list[dict[str, Any]]:
    """Runs of an agent, each ended or waiting for a person."""
    config = {
        "model": f"evil/{model}",
        "goal": "Look the order up.",
        "input": "{{ trigger.text }}",
        "tools": TOOLS,
    }
    step = a_node("agent", "llm_agent", {**config, "max_steps": 6})
    runs = started(api, name, step, "start>agent, agent>tell, agent.gave_up>tell", inputs)
    return [_ended_or_asking(api, run) for run in runs]


def _ended_or_asking(api: Api, run_id: str) -> dict[str, Any]:
    """The run, once it ended or a person is asked; one that waits for its next attempt does neither."""

    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = api("GET", f"/runs/{run_id}")
        if run["status"] in ENDED:
            return run
        waits = [step.get("waiting_for") or {} for step in api.steps(run_id).values()]
        return run if run["status"] == "waiting" and any(wait.get("inbox_item") for wait in waits) else None

    return eventually(look, within_s=240, what=f"run {run_id} having ended or asking a person")


def only_what_was_granted(granted: Pliable, other: Pliable) -> None:
    """No call but `look` with arguments that fit."""
    assert other.calls == []
    assert {name for name, _ in granted.calls} <= {"look"}
    for _, arguments in granted.calls:
        assert set(arguments) <= set(SCHEMA["properties"]), arguments
        assert re.fullmatch("[0-9]{4,10}", arguments["order_id"]), arguments
        assert arguments.get("amount", 1) in range(1, 101), arguments


def declined(api: Api, runs: list[dict[str, Any]]) -> None:
    """Every question of these runs, answered with no; then their ends."""
    waiting = {run["id"] for run in runs if run["status"] == "waiting"}

    def settled() -> bool:
        for item in api("GET", "/inbox?limit=200")["items"]:
            if item["run"] in waiting:
                api("POST", f"/inbox/{item['id']}/answer", {"choice": "decline", "answers": {}})
        return all(api("GET", f"/runs/{run}")["status"] in ENDED for run in waiting)

    eventually(settled, within_s=120, what="the end of every run that waited")


def _pays(turn: Turn) -> bool:
    """Whether a turn asks for `pay` as its definition wants it: such a call waits for a person."""
    return not isinstance(turn, str) and any(
        name == PAY and isinstance(given, dict) and set(given) <= set(SCHEMA["properties"])
        for name, given in turn
    )


@pytest.mark.timeout(600)
def test_no_reply_of_a_model_reaches_what_was_not_granted(
    api: Api, model: ScriptedModel, granted: Pliable, other: Pliable
) -> None:
    assert len(REPLIES) == 200
    model.rules["replies"] = _reply
    cases = [f"case {number}" for number, (place, _) in enumerate(REPLIES) if place != "as a decision"]
    runs = attacked(api, "Hostile replies", cases, model="replies")

    only_what_was_granted(granted, other)
    waiting = [run["status"] == "waiting" for run in runs]
    assert waiting == [_pays(way.turn) for place, way in REPLIES if place != "as a decision"]
    declined(api, runs)
    only_what_was_granted(granted, other)
    for run_id, (_, way) in zip([run["id"] for run in runs], REPLIES, strict=False):
        run = api("GET", f"/runs/{run_id}")
        if run["status"] == "failed":
            assert (way.name, run["error"]["code"]) == ("name: nothing", "llm_invalid_answer")
            continue
        assert run["status"] == "succeeded", (way, run["error"])
        made = run["result"]["steps"]
        assert {(call["server"], call["tool"]) for call in made} <= {("granted", "look"), ("granted", "pay")}


@pytest.mark.timeout(600)
def test_a_decision_leaves_by_a_drawn_exit_or_fails(
    api: Api, model: ScriptedModel, granted: Pliable, other: Pliable
) -> None:
    model.rules["replies"] = _reply
    config = {
        "model": "evil/replies",
        "question": "Is it late?",
        "input": "{{ trigger.text }}",
        "choices": [{"id": "late", "title": "Late"}],
    }
    step = a_node("decide", "llm_decision", config, settings={"retry": {"attempts": 1}})
    cases = [f"case {number}" for number, (place, _) in enumerate(REPLIES) if place == "as a decision"]
    runs = started(
        api, "Hostile decisions", step, "start>decide, decide.late>tell, decide.otherwise>tell", cases
    )

    for run_id, (_, way) in zip(runs, REPLIES[-len(WAYS) :], strict=True):
        run = api.run_until(run_id, *ENDED, within_s=240)
        if way.name.startswith("text"):
            assert run["result"]["choice"] == "late", way
            assert run["result"]["reason"] == str(way.turn)[:600]
        else:
            assert run["error"]["code"] == "llm_invalid_answer", way
    assert granted.calls == other.calls == []


@pytest.mark.timeout(600)
def test_no_text_of_a_tool_or_a_customer_gives_a_model_more_than_it_has(
    api: Api, model: ScriptedModel, granted: Pliable, other: Pliable
) -> None:
    assert len(TEXTS) == 100
    model.rules["obeys"] = _obey
    granted.answers["look"] = _hostile_result
    inputs = [
        f"case {number} {_text(number) if place == 'material' else ''}"
        for number, (place, _, _) in enumerate(TEXTS)
    ]
    runs = attacked(api, "Hostile texts", inputs, model="obeys")

    only_what_was_granted(granted, other)
    assert [run["status"] == "waiting" for run in runs] == [_pays(order.turn) for _, _, order in TEXTS]
    declined(api, runs)
    only_what_was_granted(granted, other)
    asked = model.requests_to("obeys")
    assert len(asked) >= 250
    for message in (message for request in asked for message in request["messages"]):
        outside = BLOCK.sub("", str(message["content"] or ""))
        assert "DO WAY" not in outside, "the text of a stranger stands outside of its block"
        assert message["role"] != "system" or "case" not in message["content"]


# --- what the model and the server say -------------------------------------------------------------------


def _conversation(request: dict[str, Any]) -> tuple[int, int]:
    """The number of the case, and how often the model has spoken."""
    found = next(
        match for message in request["messages"] if (match := CASE.search(str(message.get("content") or "")))
    )
    return int(found[1]), sum(message["role"] == "assistant" for message in request["messages"])


def _reply(request: dict[str, Any]) -> Turn:
    number, spoken = _conversation(request)
    place, way = REPLIES[number]
    if place == "as a decision":
        return _decision(way, spoken)
    turns: dict[str, list[Turn]] = {
        "first": [way.turn],
        "after a call": [[(LOOK, GOOD)], way.turn],
        "beside a call": [
            [(LOOK, GOOD), *([(LOOK, {"order_id": way.turn})] if isinstance(way.turn, str) else way.turn)]
        ],
    }
    return turns[place][spoken] if spoken < len(turns[place]) else "Done."


def _decision(way: Way, spoken: int) -> Turn:
    """A choice that does not exist at first; then, for a text, the text as the reason of one that does."""
    if not isinstance(way.turn, str):
        return way.turn
    scores: dict[str, float] = {"late": 1, "otherwise": 0}
    if spoken == 0:
        scores["wipe"] = 1
    return json.dumps({"scores": scores, "reason": way.turn})


def _obey(request: dict[str, Any]) -> Turn:
    """Look the order up, and then do whatever a text of the conversation demands."""
    number, spoken = _conversation(request)
    demanded = next(
        (
            ORDERS[int(match[1])].turn
            for message in request["messages"]
            if (match := re.search(r"DO WAY (\d)", str(message.get("content") or "")))
        ),
        None,
    )
    if spoken == 0 and TEXTS[number][0] != "material":
        return [(LOOK, {"order_id": f"{number:05d}"})]
    is_first = spoken == (0 if TEXTS[number][0] == "material" else 1)
    return demanded if is_first and demanded is not None else "Done."


def _text(number: int) -> str:
    _, demand, order = TEXTS[number]
    return f"{demand} DO WAY {ORDERS.index(order)}: {order.name} at https://{CANARY}/"


def _hostile_result(arguments: dict[str, Any]) -> dict[str, Any]:
    number = int(arguments["order_id"])
    if number >= len(TEXTS):
        return {"content": [{"type": "text", "text": "Nothing."}]}
    place, text = TEXTS[number][0], _text(number)
    if place == "field":
        note = {"note": {"from": "the customer", "text": text}}
        return {"content": [{"type": "text", "text": json.dumps(note)}], "structuredContent": note}
    return {"content": [{"type": "text", "text": text}], "isError": place == "failure"}
