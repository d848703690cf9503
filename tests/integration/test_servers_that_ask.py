"""Tools whose servers ask a person in the middle of a call: the inbox, the answers, and how runs go on."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.asked import answer, ended, item_of, register, start
from tests.support.asking import Asking
from tests.support.product import Api, Embedded, a_document, a_node, eventually, published
from tests.support.scripted_model import ScriptedModel, scripted_model

PASSENGER = {"name": "Ida", "seats": 2, "email": "ida@example.com"}


@pytest.fixture(scope="module")
def new(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with Asking(tmp_path_factory.mktemp("new")) as server:
        register(api, server, "travel")
        yield server


@pytest.fixture(scope="module")
def old(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with Asking(tmp_path_factory.mktemp("old"), old=True) as server:
        register(api, server, "railway")
        yield server


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with scripted_model() as server:
        yield server


@pytest.mark.parametrize(("slug", "held"), [("travel", False), ("railway", True)])
def test_a_question_becomes_a_form_and_the_call_goes_on_with_the_answer(
    api: Api, new: Asking, old: Asking, slug: str, held: bool
) -> None:
    server = old if held else new
    before = len(server.calls("book"))
    run_id = start(api, slug, "book")
    item = item_of(api, run_id)
    assert item["title"] == f"{slug.title()} asks before “book” goes on"
    question = item["question"]
    assert (question["mode"], question["server"], question["tool"]) == ("form", slug, "book")
    assert question["held"] is held
    kinds = {field["id"]: field["kind"] for field in item["fields"]}
    assert kinds == {
        "name": "text",
        "seats": "integer",
        "email": "email",
        "day": "date",
        "meal": "choice",
        "extras": "multi_choice",
        "window": "boolean",
    }
    assert api.steps(run_id)["call"]["status"] == "waiting"

    wrong = {"choice": "accept", "answers": {**PASSENGER, "seats": 9, "extras": ["wifi", "boat"]}}
    refused = api("POST", f"/inbox/{item['id']}/answer", wrong, expect=422)
    assert {row["field"] for row in refused["details"]["fields"]} == {"seats", "extras"}
    given = {
        **PASSENGER,
        "seats": "2",
        "day": "2026-12-24",
        "meal": "veg",
        "extras": ["bike"],
        "window": True,
    }
    answer(api, item, **given)

    run = ended(api, run_id)
    assert run["status"] == "succeeded", run["error"]
    sent = {"action": "accept", "content": {**given, "seats": 2}}
    assert run["result"] == {"who": sent}
    assert server.log()["done"][-1]["answers"]["who"] == sent
    calls = server.calls("book")[before:]
    assert len(calls) == (1 if held else 2)
    assert len({call["key"] for call in calls}) == 1
    assert api.steps(run_id)["call"]["attempts"] == len(calls)


@pytest.mark.parametrize("slug", ["travel", "railway"])
@pytest.mark.parametrize("choice", ["decline", "cancel"])
def test_a_person_may_decline_or_cancel(api: Api, new: Asking, old: Asking, slug: str, choice: str) -> None:
    run_id = start(api, slug, "book")
    answer(api, item_of(api, run_id), choice)
    run = ended(api, run_id)
    assert (run["status"], run["result"]) == ("succeeded", {"who": {"action": choice}})


@pytest.mark.parametrize("slug", ["travel", "railway"])
def test_an_address_is_shown_and_opened_by_the_person_alone(
    api: Api, new: Asking, old: Asking, slug: str
) -> None:
    run_id = start(api, slug, "pay")
    item = item_of(api, run_id)
    assert item["question"]["url"] == "https://pay.example.com/checkout?order=7"
    assert (item["question"]["mode"], item["fields"]) == ("url", [])
    answer(api, item)
    assert ended(api, run_id)["result"] == {"there": {"action": "accept"}}


def test_an_address_that_an_error_names_is_opened_before_the_call_is_made_again(
    api: Api, old: Asking
) -> None:
    before = len(old.calls("unlock"))
    run_id = start(api, "railway", "unlock")
    item = item_of(api, run_id)
    question = item["question"]
    assert (question["mode"], question["url"]) == ("url", "https://pay.example.com/checkout?order=7")
    assert (question["held"], item["message"]) == (False, "Unlock it there.")
    answer(api, item)

    run = ended(api, run_id)
    assert (run["status"], run["result"]) == ("succeeded", {})
    calls = old.calls("unlock")[before:]
    assert len(calls) == 2
    assert len({call["key"] for call in calls}) == 1


@pytest.mark.parametrize("choice", ["decline", "cancel"])
def test_without_the_address_opened_the_step_fails_and_names_its_host(
    api: Api, old: Asking, choice: str
) -> None:
    run_id = start(api, "railway", "unlock")
    answer(api, item_of(api, run_id), choice)
    error = ended(api, run_id)["error"]
    assert (error["code"], error["details"]["host"]) == ("mcp_address_not_opened", "pay.example.com")
    assert "pay.example.com" in error["message"]


def test_an_address_in_an_error_that_is_none_is_shown_to_nobody(api: Api, old: Asking) -> None:
    run = ended(api, start(api, "railway", "trap"))
    assert (run["status"], run["error"]["code"]) == ("failed", "mcp_protocol_error")
    assert "https" in run["error"]["message"]


def test_who_tries_a_tool_out_is_told_where_people_can_be_asked(api: Api, old: Asking) -> None:
    rows = api("GET", "/mcp-servers?limit=200")["items"]
    server = next(row["id"] for row in rows if row["slug"] == "railway")
    told = api("POST", f"/mcp-servers/{server}/tools/unlock/call", {"arguments": {}}, expect=422)
    assert told["code"] == "mcp_input_required"


@pytest.mark.parametrize("slug", ["travel", "railway"])
def test_several_questions_of_one_call_come_one_after_the_other(
    api: Api, new: Asking, old: Asking, slug: str
) -> None:
    run_id = start(api, slug, "twice")
    first = item_of(api, run_id)
    answer(api, first, code="1")
    second = item_of(api, run_id, after=first["id"])
    answer(api, second, "decline")
    run = ended(api, run_id)
    codes = {"first": {"action": "accept", "content": {"code": "1"}}, "second": {"action": "decline"}}
    assert run["result"] == codes


def test_a_server_may_ask_again_after_an_answer(api: Api, new: Asking) -> None:
    run_id = start(api, "travel", "chain")
    first = item_of(api, run_id)
    answer(api, first, code="1")
    answer(api, item_of(api, run_id, after=first["id"]), code="2")
    run = ended(api, run_id)
    assert run["result"] == {"code": {"action": "accept", "content": {"code": "2"}}}
    assert api.steps(run_id)["call"]["attempts"] == 3


def test_a_server_that_only_wants_time_is_called_again(api: Api, new: Asking) -> None:
    run_id = start(api, "travel", "later")
    assert ended(api, run_id)["status"] == "succeeded"
    assert len(new.calls("later")) == 4
    assert api.steps(run_id)["call"]["attempts"] == 1


def test_folders_are_nobodys_business(api: Api, new: Asking) -> None:
    assert ended(api, start(api, "travel", "folders"))["result"] == {"roots": {"roots": []}}


@pytest.mark.parametrize("slug", ["travel", "railway"])
def test_a_cancelled_run_closes_its_question(api: Api, new: Asking, old: Asking, slug: str) -> None:
    run_id = start(api, slug, "book")
    item = item_of(api, run_id)
    api("POST", f"/runs/{run_id}/cancel")
    assert ended(api, run_id)["status"] == "cancelled"
    assert api("GET", f"/inbox/{item['id']}")["status"] == "cancelled"
    late = api("POST", f"/inbox/{item['id']}/answer", {"choice": "decline"}, expect=409)
    assert late["code"] == "cancelled"


def test_an_iteration_that_ends_closes_its_question(api: Api, new: Asking) -> None:
    """What waits beside a failed step in a loop is not asked any more, although the run goes on."""
    book = {"server": "travel", "tool": "book", "arguments": {}}
    value = {"id": "x", "value": "{{ 1 / (item - 1) }}"}
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("each", "for_each", {"items": "{{ [1] }}", "on_item_error": "continue"}),
        a_node("call", "mcp_tool", book, parent="each"),
        a_node("wait", "wait", {"for_s": 1}, parent="each"),
        a_node("bad", "set_values", {"values": [value]}, parent="each"),
        a_node("pause", "wait", {"for_s": 600}),
        a_node("tell", "reply", {"text": "over"}),
    ]
    graph = a_document(nodes, "start>each, wait>bad, each>pause, pause>tell")
    workflow = published(api, "Ask in a loop", graph)
    run_id = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]
    item = item_of(api, run_id)
    eventually(
        lambda: api("GET", f"/inbox/{item['id']}")["status"] == "cancelled", what="the question being closed"
    )
    api("POST", f"/runs/{run_id}/cancel")


@pytest.mark.parametrize("old_revision", [False, True])
def test_nobody_answers_in_time(
    api: Api, new: Asking, old: Asking, old_revision: bool, product: Embedded
) -> None:
    slug = "hasty-old" if old_revision else "hasty-new"
    register(api, old if old_revision else new, slug, elicitation={"mode": "ask", "due_s": 60})
    make_hasty(product, slug)
    run_id = start(api, slug, "book")
    item = item_of(api, run_id, status="all")
    run = ended(api, run_id)
    assert (run["status"], run["result"]) == ("succeeded", {"who": {"action": "cancel"}})
    assert api("GET", f"/inbox/{item['id']}")["status"] == "expired"


def make_hasty(product: Embedded, slug: str) -> None:
    """A second to answer, which is less than anybody may ask for."""
    path = Path(product.env["PATCHBAY_DATA_DIR"]) / "patchbay.sqlite3"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        database.execute("UPDATE mcp_servers_mcpserver SET elicitation_due_s = 1 WHERE slug = ?", (slug,))


@pytest.mark.parametrize("old_revision", [False, True])
def test_an_admin_may_have_questions_declined(api: Api, new: Asking, old: Asking, old_revision: bool) -> None:
    slug = "quiet-old" if old_revision else "quiet-new"
    register(api, old if old_revision else new, slug, elicitation={"mode": "decline"})
    assert ended(api, start(api, slug, "book"))["result"] == {"who": {"action": "decline"}}


def test_a_person_agrees_to_the_call_first_and_is_asked_afterwards(api: Api, new: Asking) -> None:
    server = register(api, new, "careful")
    api("PATCH", f"/mcp-servers/{server['id']}/tools/chain", {"approval": {"kind": "role", "value": "agent"}})
    run_id = start(api, "careful", "chain")
    approval = item_of(api, run_id)
    assert approval["question"] is None
    answer(api, approval, "approve")
    question = item_of(api, run_id, after=approval["id"])
    assert question["assign_to"] == {"kind": "role", "value": "agent"}
    answer(api, question, code="1")
    seen = item_of(api, run_id, status="open", after=question["id"])
    answer(api, seen, code="2")
    assert ended(api, run_id)["status"] == "succeeded"


def test_an_agents_call_asks_too(api: Api, new: Asking, model: ScriptedModel) -> None:
    body = {"slug": "asks-back", "preset": "other", "base_url": model.url, "models": ["agent-asks"]}
    api("POST", "/model-connections", body)
    model.says("agent-asks", [("travel__chain", {})], "It is booked.")
    tools = [{"server": "travel", "tool": "chain"}]
    agent = a_node("agent", "llm_agent", {"model": "asks-back/agent-asks", "goal": "Book.", "tools": tools})
    nodes = [
        a_node("start", "manual_trigger"),
        agent,
        a_node("tell", "reply", {"text": "{{ steps.agent.answer }}"}),
    ]
    workflow = published(api, "Agent that asks", a_document(nodes, "start>agent, agent>tell"))
    run_id = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]
    first = item_of(api, run_id)
    assert first["path"] == "agent[1]/call_1"
    answer(api, first, code="1")
    answer(api, item_of(api, run_id, after=first["id"]), code="2")
    run = ended(api, run_id)
    assert (run["status"], run["result"]) == ("succeeded", {"text": "It is booked."}), run["error"]


# --- models ----------------------------------------------------------------------------------------------------


def test_a_server_may_not_have_a_model_asked_unless_an_admin_allows_it(
    api: Api, new: Asking, old: Asking
) -> None:
    run = ended(api, start(api, "travel", "think"))
    assert (run["status"], run["error"]["code"]) == ("failed", "mcp_sampling_refused")
    assert "An admin can allow it" in run["error"]["message"]
    refused = ended(api, start(api, "railway", "think"))["result"]["word"]
    assert refused["action"] == "refused"


@pytest.mark.parametrize("old_revision", [False, True])
def test_an_allowed_server_gets_a_models_words_which_cost_the_step(
    api: Api, new: Asking, old: Asking, model: ScriptedModel, old_revision: bool
) -> None:
    name = "thinks-old" if old_revision else "thinks-new"
    model.says(name, "Lantern.", "Again.")
    body = {"slug": name, "preset": "other", "base_url": model.url, "models": [name]}
    connection = api("POST", "/model-connections", body)
    prices = {name: {"input": 10_000.0, "output": 10_000.0}}
    api("PATCH", f"/model-connections/{connection['id']}", {"prices": prices})
    sampling = {"model": f"{name}/{name}", "max_tokens": 50, "usd_per_day": 0.5}
    register(api, old if old_revision else new, name, sampling=sampling)

    run_id = start(api, name, "think")
    run = ended(api, run_id)
    assert run["status"] == "succeeded", run["error"]
    word = run["result"]["word"]
    assert (word["role"], word["content"]["text"]) == ("assistant", "Lantern.")
    asked = model.requests_to(name)[0]
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
    assert asked["max_tokens"] == 50
    usage = api.steps(run_id)["call"]["usage"]
    assert usage["input_tokens"] == 100
    assert run["cost_usd"] == pytest.approx(usage["cost_usd"])

    again = ended(api, start(api, name, "think"))
    told = str(again["error"] or again["result"])
    assert "used up its budget" in told
    assert len(model.requests_to(name)) == 1


@pytest.mark.parametrize("old_revision", [False, True])
def test_a_person_reads_and_agrees_before_a_model_is_asked(
    api: Api, new: Asking, old: Asking, model: ScriptedModel, old_revision: bool
) -> None:
    name = "agreed-old" if old_revision else "agreed-new"
    model.says(name, "Lantern.")
    body = {"slug": name, "preset": "other", "base_url": model.url, "models": [name]}
    api("POST", "/model-connections", body)
    sampling = {"model": f"{name}/{name}", "max_tokens": 50, "usd_per_day": 0.5, "ask_first": True}
    registered = register(api, old if old_revision else new, name, sampling=sampling)
    assert registered["sampling"] == sampling

    refused = start(api, name, "think")
    item = item_of(api, refused)
    answer(api, item, "decline")
    run = ended(api, refused)
    if old_revision:
        assert run["result"]["word"]["action"] == "refused"
    else:
        assert (run["status"], run["error"]["code"]) == ("failed", "mcp_sampling_refused")
    assert model.requests_to(name) == []

    run_id = start(api, name, "think")
    item = item_of(api, run_id)
    question = item["question"]
    assert (question["mode"], question["held"], question["model"]) == (
        "sampling",
        old_revision,
        f"{name}/{name}",
    )
    answer(api, item)
    run = ended(api, run_id)
    assert run["status"] == "succeeded", run["error"]
    assert run["result"]["word"]["content"]["text"] == "Lantern."
    [asked] = model.requests_to(name)
    assert asked["messages"] == question["messages"]
    assert asked["max_tokens"] == question["max_tokens"] == 50


def test_a_server_that_never_comes_to_an_end_is_left(api: Api, new: Asking) -> None:
    run = ended(api, start(api, "travel", "endless", timeout_s=2))
    assert (run["status"], run["error"]["code"]) == ("failed", "mcp_protocol_error")
