"""Calls that are kept as tests: saved from an inspection, made again at a click, with what was different."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.person import Person
from tests.support.pliable_mcp import Pliable, a_tool, pliable_mcp
from tests.support.product import Api, Embedded


@pytest.fixture(scope="module")
def pliable() -> Iterator[Pliable]:
    with pliable_mcp() as server:
        server.tools = [a_tool("find", reads=True, email={"type": "string"})]
        yield server


@pytest.fixture(scope="module")
def server(api: Api, pliable: Pliable) -> Iterator[str]:
    body = {"slug": "tested", "name": "Tested", "transport": "http", "url": pliable.url, "enable": "all"}
    row = api("POST", "/mcp-servers", body)
    assert api("POST", f"/mcp-servers/{row['id']}/refresh")["status"] == "ok"
    yield row["id"]
    api("DELETE", f"/mcp-servers/{row['id']}")


def a_test(name: str, **changes: Any) -> dict[str, Any]:
    return {"tool": "find", "name": name, "arguments": {"email": "a@b.c"}, **changes}


def saved(api: Api, server: str, **given: Any) -> str:
    row = api("POST", f"/mcp-servers/{server}/tests", a_test(**given), expect=201)
    assert (row["passed"], row["ran_at"]) == (None, None)
    return str(row["id"])


def ran(api: Api, server: str, test: str) -> dict[str, Any]:
    row: dict[str, Any] = api("POST", f"/mcp-servers/{server}/tests/{test}/run")
    return row


def test_a_test_passes_until_the_server_answers_otherwise(api: Api, server: str, pliable: Pliable) -> None:
    pliable.results["find"] = {"found": True, "name": "Ada", "score": 3}
    test = saved(api, server, name="Ada is there", fields={"found": True, "name": "Ada"})

    assert (ran(api, server, test)["passed"], pliable.calls[-1]) == (True, ("find", {"email": "a@b.c"}))
    pliable.results["find"] = {"found": False}
    again = ran(api, server, test)
    assert (again["passed"], again["problem"]) == (False, "found is false instead of true. name is missing.")
    [listed] = api("GET", f"/mcp-servers/{server}/tests")["items"]
    assert (listed["problem"], listed["ran_at"]) == (again["problem"], again["ran_at"])
    assert {"mcp_test.save", "mcp_tool.call"} <= {row["verb"] for row in api("GET", "/audit")["items"]}
    api("DELETE", f"/mcp-servers/{server}/tests/{test}", expect=204)
    assert api("GET", f"/mcp-servers/{server}/tests")["items"] == []


def test_a_failure_can_be_what_is_expected(api: Api, server: str, pliable: Pliable) -> None:
    failure = {"content": [{"type": "text", "text": "There is no such customer."}], "isError": True}
    pliable.answers["find"] = lambda arguments: failure
    fails, works = (saved(api, server, name=name, expected=name) for name in ("failed", "ok"))

    assert ran(api, server, fails)["passed"] is True
    told = ran(api, server, works)
    assert (told["passed"], "no such customer" in told["problem"]) == (False, True)
    del pliable.answers["find"]
    assert ran(api, server, fails)["problem"] == "The call succeeded; it was expected to fail."
    for test in (fails, works):
        api("DELETE", f"/mcp-servers/{server}/tests/{test}", expect=204)


def test_what_cannot_be_a_test_is_refused(api: Api, server: str) -> None:
    path = f"/mcp-servers/{server}/tests"
    test = saved(api, server, name="Once")
    assert api("POST", path, a_test("Once"), expect=409)["code"] == "test_name_taken"
    assert api("POST", path, a_test(" "), expect=422)["code"] == "invalid_request"
    api("POST", path, a_test("x", expected="maybe"), expect=422)
    api("POST", path, a_test("x", tool="nothing"), expect=404)
    api("DELETE", f"{path}/{test}", expect=204)


def test_an_inspection_is_saved_and_run_again_on_the_pages(
    api: Api, product: Embedded, server: str, pliable: Pliable
) -> None:
    pliable.results["find"] = {"found": True}
    with Person(product.base, "builder") as person:
        inspector = f"/mcp-servers/{server}/inspector?kind=tool&name=find"
        answer = person.post(inspector, page=inspector, **{"arg-email": "a@b.c"})
        assert "Save as a test" in answer.text
        field = '{"name": "found", "value": true}'
        given = {"tool": "find", "name": "By hand", "expected": "ok", "arguments": "{}", "field": field}
        person.post(f"/mcp-servers/{server}/tests", page=inspector, **given)
        [row] = api("GET", f"/mcp-servers/{server}/tests")["items"]
        assert (row["name"], row["fields"]) == ("By hand", {"found": True})
        page = f"/mcp-servers/{server}"
        assert "Not run yet" in person.http.get(page).text
        assert person.post(f"{page}/tests/{row['id']}/run", page=page).status_code == 302
        assert "Passed" in person.http.get(page).text
    with Person(product.base, "viewer") as viewer:
        assert "By hand" in viewer.http.get(page).text
        assert viewer.post(f"{page}/tests/{row['id']}/run", page=page).status_code == 403
    api("DELETE", f"/mcp-servers/{server}/tests/{row['id']}", expect=204)
