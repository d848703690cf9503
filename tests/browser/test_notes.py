"""Notes on the canvas: taken like steps, by mouse and keyboard, and in reach where they lie on a loop."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.support.product import Api, a_document, a_node, eventually


def test_a_note_on_a_loop_is_selected_copied_moved_and_written_in(page: Page, api: Api) -> None:
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("loop", "for_each", {"items": "{{ [1, 2] }}"}),
        a_node("first", "set_values", parent="loop"),
        a_node("second", "set_values", parent="loop"),
    ]
    for node, x, y in zip(nodes, (0, 312, 340, 340), (0, 0, 80, 400), strict=True):
        node["position"] = {"x": x, "y": y}
    graph = a_document(nodes, "start>loop")
    graph["notes"] = [{"id": "note", "text": "Mind the gap", "position": {"x": 344, "y": 220}}]
    workflow = api("POST", "/workflows", {"name": "With a note", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    notes = page.locator(".react-flow__node-note")
    expect(notes).to_have_count(1)

    notes.first.click()
    expect(page.locator(".note-card[data-selected]")).to_have_count(1)
    picture(page, "editor-note-on-a-loop")
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    expect(notes).to_have_count(2)
    page.keyboard.press("Control+d")
    expect(notes).to_have_count(3)
    page.keyboard.press("Control+x")
    expect(notes).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(notes).to_have_count(3)
    page.keyboard.press("Escape")

    first = page.get_by_label("Note", exact=True).first
    # The copies lie over all but its corner.
    corner = {"x": 20.0, "y": 20.0}
    notes.first.hover(position=corner)
    box = notes.first.bounding_box()
    assert box is not None
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] - 20, steps=4)
    page.mouse.up()
    expect(first).not_to_be_focused()
    notes.first.dblclick(position=corner)
    expect(first).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type("!")
    page.keyboard.press("Escape")
    page.keyboard.press("Delete")
    expect(notes).to_have_count(2)
    page.keyboard.press("Control+z")

    def saved() -> bool:
        notes = api("GET", f"/workflows/{workflow['id']}")["graph"]["notes"]
        return [note["text"] for note in notes] == ["Mind the gap!", "Mind the gap", "Mind the gap"]

    eventually(saved)
    assert api("GET", f"/workflows/{workflow['id']}")["graph"]["notes"][0]["position"]["y"] < 220
