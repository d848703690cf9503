"""Expressions in texts are pills: whole ones, whatever stands in them, and data can be put into one by hand."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.product import Api, a_document, a_node, eventually

TEXT = 'A {{ [{"a": {"b": 1}}] }} then {{ "}}" }} and\n{{\n {"x": {"y": 2}}\n}} as "{{ trigger.body }}"'


def test_pills_end_where_their_expressions_do_and_hints_fill_open_ones(page: Page, api: Api) -> None:
    end = a_node("end", "reply", {"text": TEXT}, position={"x": 320, "y": 0})
    graph = a_document([a_node("start", "webhook_trigger"), end], "start>end")
    workflow = api("POST", "/workflows", {"name": "Pills", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    page.locator('.react-flow__node[data-id="end"]').click()
    pills = page.locator(".data-pill")
    expect(pills).to_have_text(['[{"a": {"b": 1}}]', '"}}"', '{"x": {"y": 2}}', "Trigger › body"])

    # What a step may read is known once the graph has been checked.
    picker = page.get_by_role("button", name="Insert data into Text")
    picker.click()
    expect(page.get_by_text("Started at").first).to_be_visible()
    picker.click()
    page.get_by_role("textbox", name="Text", exact=True).click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" {{ 2 /started")
    hint = page.get_by_role("option", name="Started at")
    expect(hint).to_be_visible()
    # However quickly the rest is typed, it is the hint that Enter takes.
    page.keyboard.type("_at")
    page.keyboard.press("Enter")
    page.keyboard.type(" }}")
    expect(pills).to_have_count(5)
    expect(pills.last).to_have_text("2 run.started_at")

    def text() -> str:
        nodes = api("GET", f"/workflows/{workflow['id']}")["graph"]["nodes"]
        return str(next(node["config"]["text"] for node in nodes if node["id"] == "end"))

    eventually(lambda: text() == f"{TEXT} {{{{ 2 run.started_at }}}}")
