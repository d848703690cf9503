"""A webhook is tried with what its sender would post: as a form or as JSON, and numbers stay numbers."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.product import Api, a_document, a_node, eventually


def test_values_keep_their_types_and_changes_survive_the_way_to_json_and_back(page: Page, api: Api) -> None:
    sample = {"name": "Ada", "pieces": 2, "paid": False, "note": None}
    graph = a_document(
        [a_node("hook", "webhook_trigger", {"sample": sample}), a_node("tell", "reply")], "hook>tell"
    )
    graph["nodes"][1]["config"] = {"text": "Hi"}
    workflow = api("POST", "/workflows", {"name": "Try a webhook", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    page.get_by_role("button", name="Run", exact=True).click()
    dialog = page.get_by_role("dialog", name="Try the workflow")
    dialog.get_by_label("pieces").fill("3")
    dialog.get_by_role("button", name="Edit as JSON").click()
    box = dialog.get_by_label("Body as JSON")
    box.fill("[1]")
    dialog.get_by_role("button", name="Edit as form").click()
    expect(dialog.get_by_role("alert")).to_contain_text("only a JSON object")
    box.fill('{"name": "Bo", "pieces": 4, "paid": true, "note": null}')
    dialog.get_by_role("button", name="Edit as form").click()
    expect(dialog.get_by_label("name")).to_have_value("Bo")
    dialog.get_by_role("button", name="Start run").click()
    runs = eventually(lambda: api("GET", f"/runs?workflow={workflow['id']}")["items"])
    assert runs[0]["input"]["body"] == {"name": "Bo", "pieces": 4, "paid": True, "note": None}
