"""A form is tried in the editor with a control for each kind of field, and what was chosen comes back the next time."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.support.product import Api, a_document, a_node, eventually

COLOURS = [{"id": "red", "title": "Red"}, {"id": "blue", "title": "Blue"}, {"id": "green", "title": "Green"}]
FIELDS = [
    {"id": "name", "title": "Name", "kind": "text", "required": True, "description": "As on the order."},
    {"id": "size", "title": "Size", "kind": "choice", "choices": [{"id": "s", "title": "Small"}]},
    {"id": "colours", "title": "Colours", "kind": "multi_choice", "choices": COLOURS},
    {"id": "photo", "title": "Photo", "kind": "file"},
]


def test_each_kind_of_field_has_its_control(page: Page, api: Api) -> None:
    trigger = a_node("start", "manual_trigger", {"fields": FIELDS})
    graph = a_document([trigger, a_node("tell", "reply", {"text": "Hi"})], "start>tell")
    workflow = api("POST", "/workflows", {"name": "Try a form", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    run = page.get_by_role("button", name="Run", exact=True)
    run.click()
    dialog = page.get_by_role("dialog", name="Try the workflow")
    dialog.get_by_label("Name").fill("Ada")
    dialog.get_by_label("Size").select_option("Small")
    colours = dialog.get_by_role("group", name="Colours")
    colours.get_by_label("Green").check()
    colours.get_by_label("Red").check()
    expect(dialog.get_by_label("Photo")).to_be_disabled()
    expect(dialog.get_by_text("A file cannot be given here.")).to_be_visible()
    picture(page, "run-dialog-form")
    dialog.get_by_role("button", name="Start run").click()
    runs = eventually(lambda: api("GET", f"/runs?workflow={workflow['id']}")["items"])
    assert runs[0]["input"] == {"name": "Ada", "size": "s", "colours": ["red", "green"]}

    run.click()
    expect(colours.get_by_label("Green")).to_be_checked()
    expect(colours.get_by_label("Blue")).not_to_be_checked()
